package wrk

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// taker is a server that looks at what the scripts send. Every tenth request is
// refused, so that there is something to report.
type taker struct {
	mu      sync.Mutex
	n       int
	seen    map[string]int
	sizes   map[int]bool // of alerts
	refused int
	wrong   string
}

func (s *taker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	var hook struct {
		Version string
		Alerts  []struct{ StartsAt, EndsAt time.Time }
	}
	if err == nil {
		err = json.Unmarshal(body, &hook)
	}
	switch {
	case err != nil:
		s.wrong = err.Error()
	case r.Method != http.MethodPost || r.URL.Path != "/webhook/bench" || r.Header.Get("Content-Type") != "application/json":
		s.wrong = r.Method + " " + r.URL.Path + " " + r.Header.Get("Content-Type")
	case len(hook.Alerts) == 0 || hook.Version != "4":
		s.wrong = string(body)
	}
	for _, a := range hook.Alerts {
		if !a.EndsAt.IsZero() && a.EndsAt.Before(a.StartsAt) {
			s.wrong = "ends before it starts: " + string(body)
		}
	}
	s.n++
	s.seen[string(body)]++
	s.sizes[len(hook.Alerts)] = true
	if s.n%10 == 0 {
		s.refused++
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// runScript runs a script for a second, the shortest that wrk can.
func runScript(t *testing.T, script string, env ...string) (*taker, string) {
	t.Helper()
	s := &taker{seen: map[string]int{}, sizes: map[int]bool{}}
	srv := httptest.NewServer(s)
	defer srv.Close()
	cmd := exec.CommandContext(t.Context(), "wrk", "-t2", "-c4", "-d1s", "-s", script, srv.URL+"/webhook/bench")
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n == 0 || s.wrong != "" {
		t.Fatalf("%d requests; %s\n%s", s.n, s.wrong, out)
	}
	return s, string(out)
}

func TestRotate(t *testing.T) {
	t.Parallel()
	s, _ := runScript(t, "rotate.lua")
	if len(s.seen) != s.n {
		t.Errorf("%d different bodies in %d requests", len(s.seen), s.n)
	}
	if s.n > 100 && len(s.sizes) < 5 {
		t.Errorf("only %d sizes of requests", len(s.sizes))
	}
}

func TestRotateTheSame(t *testing.T) {
	t.Parallel()
	const path = "../../internal/e2e/testdata/payloads/112-watchdog-1-am0.34.2.json"
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := runScript(t, "rotate.lua", "SAME=1", "BODIES="+path)
	if s.seen[string(want)] != s.n {
		t.Errorf("%d of %d requests are the captured bytes", s.seen[string(want)], s.n)
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	for _, load := range []string{"rotate", "storm"} {
		s, out := runScript(t, "report.lua", "LOAD="+load, "ALERTS=1")
		if len(s.seen) != s.n {
			t.Errorf("%s: %d different bodies in %d requests", load, len(s.seen), s.n)
		}
		_, said, _ := strings.Cut(out, "-- report --")
		for _, want := range []string{`requests +\d+, \d+ a second`, `p50 +[\d.]+ ms`, `p95 `, `p99 `, `p99\.9 `, `max `, `sockets +connect 0, read \d+`} {
			if !regexp.MustCompile(want).MatchString(said) {
				t.Errorf("%s: no %q in\n%s", load, want, out)
			}
		}
		// What was being answered when wrk left is not in its counts.
		if ok, bad := statusOf(t, said, 200), statusOf(t, said, 503); bad == 0 || bad > s.refused || ok+bad > s.n || ok+bad < s.n-8 {
			t.Errorf("%s: reports %d with 200 and %d with 503, of %d of which %d were refused", load, ok, bad, s.n, s.refused)
		}
	}
}

func statusOf(t *testing.T, said string, status int) int {
	t.Helper()
	m := regexp.MustCompile(`status ` + strconv.Itoa(status) + ` +(\d+) `).FindStringSubmatch(said)
	if m == nil {
		t.Fatalf("no status %d in\n%s", status, said)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
