package e2e

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// runBench runs the command beside the program and returns what it printed.
func runBench(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out bytes.Buffer
	r, err := spawn(append([]string{"bench"}, args...), func(cmd *exec.Cmd) {
		cmd.Stdout = &out
		cmd.Env = append(cmd.Env, "STORMDRAIN_LOG_LEVEL=loud") // a setting of the server, and wrong: none of its business
	})
	if err != nil {
		t.Fatal(err)
	}
	code = r.wait(t, 2*time.Minute)
	return out.String(), r.stderr.String(), code
}

// The command loads the program, and finds every alert that was acknowledged
// as it was sent, whatever was new about it.
func TestBenchCommand(t *testing.T) {
	p := startProgram(t)
	c := p.client()
	load := func(wantAlerts int, args ...string) {
		t.Helper()
		stdout, stderr, code := runBench(t, append([]string{"--target=" + p.url(), "--verify", "--format=json", "--connections=8"}, args...)...)
		var report struct {
			Sent, Acknowledged int
			Latency            map[string]float64 `json:"latency_seconds"`
			Verify             struct{ Acknowledged, Missing, Doubled, Altered, Unexpected int }
		}
		if err := json.Unmarshal([]byte(stdout), &report); err != nil || code != 0 || stderr != "" {
			t.Fatalf("%v: exit status %d, %v, %s %s", args, code, err, stderr, stdout)
		}
		v := report.Verify
		if v.Acknowledged != wantAlerts || v.Missing+v.Doubled+v.Altered+v.Unexpected != 0 {
			t.Errorf("%v: %s", args, stdout)
		}
		if len(report.Latency) != 5 || report.Latency["p99.9"] <= 0 || report.Acknowledged == 0 || report.Acknowledged > report.Sent {
			t.Errorf("%v: %s", args, stdout)
		}
	}
	load(2000, "--rate=200", "--duration=1s")
	load(4000, "--rate=200", "--duration=1s", "--alerts=20", "--distinct=1000000000", "--source=a/b ü")
	load(600, "--rate=100", "--duration=1s", "--alerts=6", "--distinct=4", "--source=")
	if events := c.events("source=a%2Fb+%C3%BC&status=resolved"); len(events) != 400 {
		t.Errorf("%d resolved events of the second run", len(events))
	}
	c.waitAtRest()
	if m := c.metrics(); m["alerts_quarantined_total"]+m["bodies_quarantined_total"] != 0 {
		t.Errorf("%v alerts and %v bodies in quarantine", m["alerts_quarantined_total"], m["bodies_quarantined_total"])
	}

	if code := p.terminate(time.Minute); code != 0 {
		t.Errorf("exit status %d", code)
	}
	_, stderr, code := runBench(t, "--target="+p.url(), "--duration=1s")
	if code != 1 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "is the server running there?") {
		t.Errorf("nobody listens: exit status %d, %s", code, stderr)
	}
}
