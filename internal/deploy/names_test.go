// Package deploy checks that what deploy and the documents for operators tell
// somebody to type exists in the program.
package deploy

import (
	"bytes"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"stormdrain/internal/config"
)

const repository = "../.."

// texts returns every file whose content an operator copies, by its name.
func texts(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	add := func(path string) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name, _ := filepath.Rel(repository, path)
		all[name] = string(text)
	}
	for _, name := range []string{"README.md", "Dockerfile", "docs/operations.md", "docs/security.md"} {
		add(filepath.Join(repository, name))
	}
	err := filepath.WalkDir(filepath.Join(repository, "deploy"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.Contains(path, "deploy/check/") {
			add(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func run(environ []string, args ...string) (stdout, stderr string, code int) {
	var out, complaints bytes.Buffer
	_, _, code = config.Parse(args, environ, &out, &complaints)
	return out.String(), complaints.String(), code
}

func defaults(t *testing.T) config.Config {
	t.Helper()
	cfg, command, _ := config.Parse(nil, nil, os.Stdout, os.Stderr)
	if command != config.CommandServe {
		t.Fatal("no defaults")
	}
	return cfg
}

var flag = regexp.MustCompile(`--([a-z][a-z0-9.-]*[a-z0-9])`)

// known is every flag of every command.
func known() map[string]bool {
	flags := make(map[string]bool)
	for _, command := range []string{"serve", "bench", "health", "query"} {
		help, _, _ := run(nil, command, "--help")
		for _, m := range flag.FindAllStringSubmatch(help, -1) {
			flags[m[1]] = true
		}
	}
	return flags
}

// ours is a call of the program: its name or, in the arguments of a container,
// its command, and the rest of the line.
var ours = regexp.MustCompile(`(?m)(?:(?:^|[ /(` + "`" + `])stormdrain|\[serve,)((?:,? +(?:serve|check-config|rebuild-episodes|doctor|bench|health|query|--[a-z][^ ,;|&` + "`" + `]*|\.\.\.|…|[a-z0-9./:]+))+)`)

// others are programs that get our name as an argument, and flags of their own.
var others = regexp.MustCompile(`\b(docker|kubectl|useradd) `)

func TestFlagsExist(t *testing.T) {
	t.Parallel()
	flags, found := known(), 0
	for name, text := range texts(t) {
		for line := range strings.Lines(text) {
			if others.MatchString(line) {
				continue
			}
			for _, call := range ours.FindAllStringSubmatch(line, -1) {
				for _, m := range flag.FindAllStringSubmatch(call[1], -1) {
					found++
					if !flags[m[1]] {
						t.Errorf("%s: the program has no flag --%s: %s", name, m[1], strings.TrimSpace(line))
					}
				}
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d flags were found in all files", found)
	}
}

var variable = regexp.MustCompile(`STORMDRAIN_[A-Z][A-Z_]*[A-Z]`)

func TestVariablesExist(t *testing.T) {
	t.Parallel()
	variables, found := make(map[string]bool), 0
	for name := range known() {
		variables["STORMDRAIN_"+strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(name))] = true
	}
	for name, text := range texts(t) {
		for _, v := range variable.FindAllString(text, -1) {
			found++
			if !variables[v] {
				t.Errorf("%s: the program knows no variable %s", name, v)
			}
		}
	}
	if found < 8 {
		t.Errorf("only %d variables were found in all files", found)
	}
}

// Every key in the documents, as group.key, is one of the program's.
func TestKeysExist(t *testing.T) {
	t.Parallel()
	groups, keys := make(map[string]bool), make(map[string]bool)
	for name := range known() {
		group, _, dotted := strings.Cut(name, ".")
		if dotted {
			groups[strings.ReplaceAll(group, "-", "_")] = true
			keys[strings.ReplaceAll(name, "-", "_")] = true
		}
	}
	keys["server.listen"] = true // its flag has the name that Prometheus' programs use
	key := regexp.MustCompile("`([a-z_]+)\\.([a-z_.]+)")
	for name, text := range texts(t) {
		if !strings.HasSuffix(name, ".md") {
			continue
		}
		for _, m := range key.FindAllStringSubmatch(text, -1) {
			if groups[m[1]] && !keys[m[1]+"."+m[2]] && !strings.HasSuffix(m[2], "yml") {
				t.Errorf("%s: the program has no key %s.%s", name, m[1], m[2])
			}
		}
	}
}

// The files of settings are ones that the program takes, also with all taken in
// that is commented out.
func TestSettingsAreAccepted(t *testing.T) {
	t.Parallel()
	f := func(name, text string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "stormdrain.yml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, complaint, code := run(nil, "check-config", "--config.file="+path); code != 0 || out != "OK\n" {
			t.Errorf("%s: %s", name, complaint)
		}
	}
	all := texts(t)
	for _, name := range []string{"deploy/stormdrain.yml", "deploy/package/stormdrain.yml", "deploy/kubernetes/stormdrain.yml"} {
		f(name, all[name])
	}
	// "#key" and "#  key" are settings, "# word" is prose.
	taken := regexp.MustCompile(`(?m)^#([a-z]|  )`).ReplaceAllString(all["deploy/package/stormdrain.yml"], "$1")
	if !strings.Contains(taken, "\nstorage:\n") || !strings.Contains(taken, "\n  url: postgres") {
		t.Errorf("nothing was taken in:\n%s", taken)
	}
	f("deploy/package/stormdrain.yml, taken in", taken)
}

// An alert of the rules leads to a section of the document.
func TestRunbookHasEveryAlert(t *testing.T) {
	t.Parallel()
	all := texts(t)
	anchors := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^###? (.*)$|<a id="([a-z]+)">`).FindAllStringSubmatch(all["docs/operations.md"], -1) {
		anchors[strings.ToLower(m[1])+m[2]] = true
	}
	names := regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(all["deploy/prometheus/stormdrain.rules.yml"], -1)
	if len(names) < 15 {
		t.Errorf("only %d alerts were found in the rules", len(names))
	}
	for _, m := range names {
		if !anchors[strings.ToLower(m[1])] {
			t.Errorf("docs/operations.md has no section %s", m[1])
		}
	}
	for name, text := range all {
		for _, m := range regexp.MustCompile(`operations\.md#([a-z]+)`).FindAllStringSubmatch(text, -1) {
			if !anchors[m[1]] {
				t.Errorf("%s leads to docs/operations.md#%s, which is not there", name, m[1])
			}
		}
	}
}

// What Compose tells Alertmanager is what Alertmanager understands, and leads to us.
func TestAlertmanagerTakesItsConfiguration(t *testing.T) {
	t.Parallel()
	const name = "deploy/compose/alertmanager.yml"
	if out, err := exec.Command("amtool", "check-config", filepath.Join(repository, name)).CombinedOutput(); err != nil {
		t.Errorf("amtool: %v\n%s", err, out)
	}
	_, port, err := net.SplitHostPort(defaults(t).Server.Listen[0])
	if text := texts(t)[name]; err != nil || !strings.Contains(text, "url: http://stormdrain:"+port+"/webhook/") {
		t.Errorf("no URL of ours in\n%s", text)
	}
}
