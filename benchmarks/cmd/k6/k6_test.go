package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain plays k6 where this program was told to: it sends one webhook to its
// target, and exits with the status that the path of the script asks for.
func TestMain(m *testing.M) {
	if status := os.Getenv("PLAY_K6"); status != "" && len(os.Args) > 1 && os.Args[1] == "run" {
		os.Exit(play(os.Args[2:], status))
	}
	os.Exit(m.Run())
}

func play(args []string, status string) (code int) {
	fmt.Println("k6", strings.Join(args, " "))
	for _, a := range args {
		target, ok := strings.CutPrefix(a, "TARGET=")
		if !ok || status == "silent" {
			continue
		}
		answer, err := http.Post(target+"/webhook/k6", "application/json", strings.NewReader(`{"version":"4","alerts":[]}`))
		if err != nil {
			fmt.Println(err)
			return 1
		}
		answer.Body.Close()
	}
	fmt.Sscan(status, &code) // "silent" leaves it 0
	return code
}

func TestOptions(t *testing.T) {
	t.Parallel()
	f := func(wantLimit time.Duration, want string, args ...string) options {
		t.Helper()
		o, err := parseOptions(args, io.Discard)
		if got := strings.Join(o.variables("T"), " "); err != nil || got != want || o.limit != wantLimit {
			t.Errorf("%v: %q, limit %v, %v", args, got, o.limit, err)
		}
		return o
	}
	o := f(65*time.Minute, "TARGET=T")
	if !slices.Equal(o.scenarios, []string{"steady"}) || o.store != "sqlite" {
		t.Errorf("%+v", o)
	}
	f(13*time.Hour+5*time.Minute, "TARGET=T RATE=200 DURATION=46800s", "-rate=200", "-duration=13h")
	o = f(305*time.Second, "TARGET=T RATE=50 DURATION=5s", "-quick", "-scenario=all", "-target=http://127.0.0.1:9567/")
	if len(o.scenarios) != 4 || o.target != "http://127.0.0.1:9567" {
		t.Errorf("%+v", o)
	}
	refused := func(args ...string) {
		t.Helper()
		if o, err := parseOptions(args, io.Discard); err == nil {
			t.Errorf("%v gives %+v", args, o)
		}
	}
	refused("-scenario", "calm")
	refused("-store", "oracle")
	refused("-rate", "-1")
	refused("-duration", "1500ms")
	refused("-duration", "-1s")
	refused("-target", "127.0.0.1:9567")
	refused("steady")
}

func TestInstallOnlyOnce(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	want := filepath.Join(bin, "k6-v1.8.1")
	if err := os.WriteFile(want, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := install(t.Context(), bin, io.Discard); err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
}

// With k6 played and all else real.
func TestRun(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := func(status string, o options) (string, error) {
		t.Helper()
		t.Setenv("PLAY_K6", status)
		o.program, o.store, o.limit = self, "sqlite", time.Minute
		var out bytes.Buffer
		err := run(t.Context(), o, &out)
		return out.String(), err
	}
	said, err := f("0", options{scenarios: []string{"steady", "soak"}, rate: 50, quick: true})
	if err != nil || strings.Count(said, "answered 1 webhooks with 200 and 0 with something else") != 2 {
		t.Errorf("%v\n%s", err, said)
	}
	for _, want := range []string{"--no-usage-report", "--no-thresholds", "--env RATE=50", "benchmarks/k6/soak.js", "TARGET=http://127.0.0.1:"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %s in\n%s", want, said)
		}
	}
	if said, err := f("0", options{scenarios: []string{"steady"}, target: "http://127.0.0.1:1"}); err == nil {
		t.Errorf("a target that is not there:\n%s", said)
	}

	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" {
			io.WriteString(w, `stormdrain_http_requests_total{code="200",handler="webhook"} 7`+"\n")
		}
	}))
	defer srv.Close()
	if said, err := f("99", options{scenarios: []string{"spike"}, target: srv.URL}); err == nil || !strings.Contains(err.Error(), "spike: thresholds were crossed") {
		t.Errorf("%v\n%s", err, said)
	}
	if said, err := f("silent", options{scenarios: []string{"spike"}, target: srv.URL, quick: true}); err == nil || !strings.Contains(err.Error(), "not all of them") {
		t.Errorf("%v\n%s", err, said)
	}
}
