package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// amtool is Alertmanager's own client, pointed at the program under test.
type amtool struct {
	t    *testing.T
	path string
	url  string
}

// amtools returns the machine's, which make deps installs with Alertmanager, and the
// one of the version that AMTOOL names. It takes two minutes to build, so make e2e
// names one, and make test does not.
func amtools(t *testing.T) map[string]string {
	t.Helper()
	path, err := exec.LookPath("amtool")
	if err != nil {
		t.Fatal("amtool is not in PATH (make deps installs it with prometheus-alertmanager)")
	}
	found := map[string]string{"installed": path}
	if version := os.Getenv("AMTOOL"); version != "" {
		dir := filepath.Join(sharedDir, "amtool-"+version)
		cmd := exec.Command("go", "install", "github.com/prometheus/alertmanager/cmd/amtool@"+version)
		cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build amtool %s: %v\n%s", version, err, out)
		}
		found[version] = filepath.Join(dir, "amtool")
	}
	return found
}

// run returns what it wrote to both outputs, and whether it was content.
func (a *amtool) run(args ...string) (stdout, stderr string, ok bool) {
	a.t.Helper()
	cmd := exec.Command(a.path, append([]string{"--alertmanager.url=" + a.url}, args...)...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + a.t.TempDir()}
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := cmd.Run()
	return out.String(), complaints.String(), err == nil
}

// must is run for what has to work.
func (a *amtool) must(args ...string) string {
	a.t.Helper()
	stdout, stderr, ok := a.run(args...)
	if !ok {
		a.t.Fatalf("amtool %s: %s%s", strings.Join(args, " "), stdout, stderr)
	}
	return stdout
}

// query returns the names of the alerts that it finds, sorted.
func (a *amtool) query(args ...string) string {
	a.t.Helper()
	var alerts []struct {
		Labels map[string]string `json:"labels"`
		Status struct{ State string }
	}
	out := a.must(append([]string{"--output=json", "alert", "query"}, args...)...)
	if err := json.Unmarshal([]byte(out), &alerts); err != nil {
		a.t.Fatalf("%s: %v", out, err)
	}
	names := make([]string, 0, len(alerts))
	for _, alert := range alerts {
		names = append(names, alert.Labels["alertname"])
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// TestAmtool has amtool read what fires, and be told what cannot be done here.
func TestAmtool(t *testing.T) {
	tools := amtools(t)
	p := startProgram(t)
	c := p.client()
	start := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	message := func(receiver, status, ends string, labels string) []byte {
		return fmt.Appendf(nil, `{"receiver":%q,"status":%q,"alerts":[{"status":%q,"labels":%s,"annotations":{"summary":"it is"},"startsAt":%q,"endsAt":%q,`+
			`"generatorURL":"http://p/graph","fingerprint":""}],"groupLabels":{"team":"a"},"commonLabels":{},"commonAnnotations":{},"externalURL":"http://am","version":"4","groupKey":"{}:{team=\"a\"}"}`,
			receiver, status, status, labels, start.Format(time.RFC3339), ends)
	}
	const open = "0001-01-01T00:00:00Z"
	ended := start.Add(30 * time.Minute).Format(time.RFC3339)
	c.deliver("/webhook", "1", message(`team \(a\)`, "firing", open, `{"alertname":"Disk","severity":"critical","instance":"a:9100"}`), 1)
	c.deliver("/webhook", "2", message("pager", "firing", open, `{"alertname":"Load","severity":"warning"}`), 1)
	c.deliver("/webhook", "3", message("pager", "firing", open, `{"alertname":"Over","severity":"critical"}`), 1)
	c.deliver("/webhook", "4", message("pager", "resolved", ended, `{"alertname":"Over","severity":"critical"}`), 1)
	posted := &amtool{t, tools["installed"], p.url()}
	posted.must("alert", "add", "Added", "severity=info", "--annotation=summary=by hand")
	c.waitAtRest()
	for name, path := range tools {
		t.Run("amtool="+name, func(t *testing.T) {
			a := &amtool{t, path, p.url()}
			f := func(want string, args ...string) {
				t.Helper()
				if got := a.query(args...); got != want {
					t.Errorf("amtool alert query %s: %q, want %q", strings.Join(args, " "), got, want)
				}
			}
			eventually(t, startLimit, func() string {
				if got := a.query(); got != "Added Disk Load" {
					return "firing: " + got
				}
				return ""
			})
			f("Disk", "severity=critical")
			f("Disk Load", `severity=~"crit.*|warning"`)
			f("Added Load", "severity!=critical")
			f("Disk", "Disk")
			f("Load", "--receiver=pager")
			f("Disk", `--receiver=team \(a\)`)
			f("", "--silenced")
			f("", "severity=none")
			if out := a.must("alert", "query", "-o", "extended"); !strings.Contains(out, "it is") || !strings.Contains(out, "http://p/graph") {
				t.Errorf("in full: %s", out)
			}
			if out := a.must("silence", "query"); strings.Contains(out, "active") {
				t.Errorf("silences: %s", out)
			}
			config := a.must("config", "show")
			if !strings.Contains(config, "This is stormdrain") {
				t.Errorf("config: %s", config)
			}
			file := filepath.Join(t.TempDir(), "alertmanager.yml")
			if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
				t.Fatal(err)
			}
			a.must("check-config", file)
			a.must("config", "routes", "show")
			a.must("cluster", "show")
			if out, complaint, ok := a.run("silence", "add", "alertname=Disk", "--comment=x", "--author=y"); ok || !strings.Contains(out+complaint, "405") {
				t.Errorf("a silence was made, or it is not said why not: %s%s", out, complaint)
			}
		})
	}
	var then []struct{ Labels map[string]string }
	at := start.Add(time.Minute).Format(time.RFC3339)
	got := c.do("GET", "/api/v2/alerts?filter=severity%3Dcritical&at="+at, nil)
	if err := json.Unmarshal([]byte(got.body), &then); err != nil || len(then) != 2 {
		t.Errorf("at %s: %d %s", at, got.code, got.body)
	}
}
