package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ask runs the command query on the program to its end.
func (p *program) ask(args ...string) (stdout, stderr string, code int) {
	p.t.Helper()
	var out bytes.Buffer
	r, err := spawn(append([]string{"query", "--url=" + p.url(), "--utc"}, args...), func(cmd *exec.Cmd) { cmd.Stdout = &out })
	if err != nil {
		p.t.Fatal(err)
	}
	code = r.wait(p.t, time.Minute)
	return out.String(), r.stderr.String(), code
}

func queryBody(name, severity string) []byte {
	return fmt.Appendf(nil, `{"receiver":"r","alerts":[{"status":"firing","startsAt":"2026-11-24T03:12:00Z",
		"labels":{"alertname":%q,"severity":%q,"instance":"db-1"},"annotations":{"summary":"\u001b[2J"}}]}`, name, severity)
}

// eventIDs are those in lines of JSON.
func eventIDs(t *testing.T, lines string) (ids []string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		var e struct{ ID string }
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.ID == "" {
			t.Fatalf("%v in %q", err, line)
		}
		ids = append(ids, e.ID)
	}
	return ids
}

func TestQueryCommand(t *testing.T) {
	p := startProgram(t)
	c := p.client()
	c.deliver("/webhook/eu", "1", queryBody("NodeDown", "critical"), 1)
	c.deliver("/webhook/eu", "2", queryBody("DiskFull", "warning"), 1)
	c.waitAtRest()
	stdout, stderr, code := p.ask("events", "severity=~crit.*")
	if code != 0 || stderr != "" || strings.Count(stdout, "\n") != 2 ||
		!strings.Contains(stdout, "STATUS") || !strings.Contains(stdout, "NodeDown  eu      instance=db-1") {
		t.Errorf("status %d, %s%s", code, stderr, stdout)
	}
	stdout, _, _ = p.ask("events", "-o", "ndjson")
	if got := eventIDs(t, stdout); len(got) != 2 || got[0] != "1-2-0" {
		t.Errorf("events %v", got)
	}
	if stdout, stderr, code := p.ask("events", "Nothing"); stdout != "" || !strings.Contains(stderr, "nothing found") || code != 0 {
		t.Errorf("nothing: status %d, %s%s", code, stdout, stderr)
	}
	if _, stderr, code := p.ask("--from=yesterday", "events"); code != 1 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "from") {
		t.Errorf("a bad time: status %d, %s", code, stderr)
	}
}

// A follower sees each alert once, also those of a time in which the program was
// away, and ends with Ctrl-C.
func TestQueryFollows(t *testing.T) {
	forEachStore(t, func(t *testing.T, store *testStore) {
		p := startProgram(t, store.flags...)
		c := p.client()
		c.deliver("/webhook", "1", queryBody("Before", "critical"), 1)
		c.waitAtRest()
		out := new(stderrLog)
		follower, err := spawn([]string{"query", "--url=" + p.url(), "--follow", "--from=1h", "-o", "ndjson", "severity=critical"},
			func(cmd *exec.Cmd) { cmd.Stdout = out })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { follower.cmd.Process.Kill(); <-follower.exited })
		names := func(want ...string) {
			t.Helper()
			eventually(t, startLimit, func() string {
				if strings.Count(out.String(), "\n") < len(want) {
					return fmt.Sprintf("%d lines of %d\n%s%s", strings.Count(out.String(), "\n"), len(want), out.String(), follower.stderr.tail())
				}
				return ""
			})
			for i, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
				if i >= len(want) || !strings.Contains(line, `"alertname":"`+want[i]+`"`) {
					t.Fatalf("line %d: %s", i, line)
				}
			}
		}
		names("Before")
		c.deliver("/webhook", "2", queryBody("Boring", "warning"), 1)
		c.deliver("/webhook", "3", queryBody("Live", "critical"), 1)
		names("Before", "Live")
		if code := p.terminate(startLimit); code != 0 {
			t.Fatalf("with a stream open the program ends with status %d", code)
		}
		p.start()
		c.deliver("/webhook", "4", queryBody("Again", "critical"), 1)
		names("Before", "Live", "Again")
		c.waitAtRest()
		if got, want := eventIDs(t, out.String()), c.events("filter=severity=critical"); len(want) != 3 || got[0] != want[2].ID || got[1] != want[1].ID || got[2] != want[0].ID {
			t.Errorf("the follower's IDs are %v", got)
		}
		if err := follower.cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if code := follower.wait(t, startLimit); code != 0 || !strings.Contains(follower.stderr.String(), "trying again") {
			t.Errorf("status %d after Ctrl-C, %s", code, follower.stderr.String())
		}
	})
}
