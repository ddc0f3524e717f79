// Package prometheus holds the alert rules to what is promised of them.
package prometheus

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const rulesFile = "stormdrain.rules.yml"

type rule struct {
	Alert       string
	Expr        string
	For         string
	Labels      map[string]string
	Annotations map[string]string
}

func readRules(t *testing.T) (all []rule) {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []rule }
	}
	readYAML(t, rulesFile, &file)
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatalf("no rule in %s", rulesFile)
	}
	return all
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// TestPromtool has Prometheus' own tool check the rules and run their tests.
func TestPromtool(t *testing.T) {
	f := func(args ...string) {
		t.Helper()
		if _, err := exec.LookPath("promtool"); err != nil {
			t.Fatal("promtool is not in PATH; make deps installs it with Prometheus")
		}
		if out, err := exec.Command("promtool", args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	f("check", "config", "prometheus.yml")
	f("check", "rules", rulesFile)
	f(append([]string{"test", "rules"}, testFiles(t)...)...)
}

func testFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("tests/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests of the rules: %v", err)
	}
	return files
}

// TestEveryAlertSaysWhatToDo: who is woken up finds a summary, a description with
// figures, a section of the runbook, and the alert in the README.
func TestEveryAlertSaysWhatToDo(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range readRules(t) {
		name := r.Alert + " " + r.Labels["severity"]
		if !slices.Contains([]string{"warning", "critical"}, r.Labels["severity"]) {
			t.Errorf("%s: the severity must be warning or critical", name)
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s has no summary or no description", name)
		}
		if want := "docs/operations.md#" + strings.ToLower(r.Alert); r.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url is %q, want %q", name, r.Annotations["runbook_url"], want)
		}
		if !strings.Contains(string(readme), "| `"+r.Alert+"` |") {
			t.Errorf("%s is not in the README's table", name)
		}
	}
}

// TestEveryAlertIsTested: for each alert and severity a case that fires it, and
// one in which nothing of that name fires.
func TestEveryAlertIsTested(t *testing.T) {
	fires, quiet := make(map[string]bool), make(map[string]bool)
	for _, path := range testFiles(t) {
		var file struct {
			Tests []struct {
				Rules []struct {
					Alertname string
					Alerts    []struct {
						Labels map[string]string `yaml:"exp_labels"`
					} `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			}
		}
		readYAML(t, path, &file)
		for _, test := range file.Tests {
			never := make(map[string]bool)
			for _, c := range test.Rules {
				if _, seen := never[c.Alertname]; !seen {
					never[c.Alertname] = true
				}
				for _, a := range c.Alerts {
					never[c.Alertname] = false
					fires[c.Alertname+" "+a.Labels["severity"]] = true
				}
			}
			maps.DeleteFunc(never, func(_ string, ok bool) bool { return !ok })
			maps.Copy(quiet, never)
		}
	}
	for _, r := range readRules(t) {
		if !fires[r.Alert+" "+r.Labels["severity"]] {
			t.Errorf("no test fires %s with severity %s", r.Alert, r.Labels["severity"])
		}
		if !quiet[r.Alert] {
			t.Errorf("no test shows when %s does not fire", r.Alert)
		}
	}
}

// TestRunbook: every alert has its section on the page that it points to, and the
// page knows no alert that there is not.
func TestRunbook(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	anchors := make(map[string]bool)
	for line := range strings.Lines(string(page)) {
		if heading := strings.TrimLeft(line, "#"); heading != line {
			anchors[strings.ToLower(strings.Trim(heading, " `\n"))] = true
		}
	}
	names := make(map[string]bool)
	for _, r := range readRules(t) {
		names[r.Alert] = true
		if !anchors[strings.ToLower(r.Alert)] {
			t.Errorf("%s has no section in docs/operations.md", r.Alert)
		}
	}
	for _, name := range regexp.MustCompile(`Stormdrain[A-Z]\w+`).FindAllString(string(page), -1) {
		if !names[name] {
			t.Errorf("docs/operations.md tells of %s, and there is no such alert", name)
		}
	}
}
