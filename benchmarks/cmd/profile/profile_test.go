package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"

	"stormdrain/benchmarks/module"
	"stormdrain/benchmarks/subject"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	f := func(want options, args ...string) {
		t.Helper()
		want.rest = idleWorkers
		if o, err := parseOptions(args, io.Discard); err != nil || o != want {
			t.Errorf("%v: %+v, %v", args, o, err)
		}
	}
	f(options{mode: "cpu", length: 30 * time.Second, store: "sqlite", out: "profiles"})
	f(options{mode: "heap", length: 5 * time.Second, store: "postgres", rate: 100, out: "x"},
		"-mode=memory", "-time=5s", "-store=postgres", "-rate=100", "-out=x")
	f(options{mode: "all", length: time.Second, store: "sqlite", url: "http://127.0.0.1:9567", out: "profiles"},
		"-mode=all", "-time=1900ms", "-url=http://127.0.0.1:9567/")
	refused := func(args ...string) {
		t.Helper()
		if o, err := parseOptions(args, io.Discard); err == nil {
			t.Errorf("%v gives %+v", args, o)
		}
	}
	refused("-mode", "gpu")
	refused("-store", "oracle")
	refused("-time", "900ms")
	refused("-time", "1h")
	refused("-rate", "-1")
	refused("-url", "127.0.0.1:9567")
	refused("-url", "http://127.0.0.1:9567", "-pgo", "default.pgo")
	refused("cpu")
}

func TestSteps(t *testing.T) {
	t.Parallel()
	all := map[string]bool{}
	for _, s := range stepsOf("all", 30*time.Second) {
		for _, r := range s {
			all[r.name] = true
			if alone := r.name == "cpu" || r.name == "trace"; alone && len(s) > 1 {
				t.Errorf("%s is recorded together with others", r.name)
			}
		}
	}
	for _, mode := range modes() {
		if mode == "all" {
			continue
		}
		steps := stepsOf(mode, 30*time.Second)
		for _, s := range steps {
			for _, r := range s {
				if !all[r.name] || !strings.HasPrefix(r.name, mode) {
					t.Errorf("mode %s records %s", mode, r.name)
				}
			}
		}
		if len(steps) == 0 {
			t.Errorf("mode %s records nothing", mode)
		}
	}
	if q := stepsOf("block", 30*time.Second)[0][0].query; q != "block?seconds=30" {
		t.Errorf("asks for %s", q)
	}
	if q := stepsOf("trace", 30*time.Second)[0][0].query; q != "trace?seconds=3" {
		t.Errorf("asks for %s", q)
	}
}

func TestAStormWithOtherAnswersIsNone(t *testing.T) {
	t.Parallel()
	said, err := describe(subject.Counts{OK: 300, Goroutines: 9}, 2*time.Second)
	if want := "300 requests, all answered with 200, 150 a second, 9 goroutines"; err != nil || said != want {
		t.Errorf("%q, %v", said, err)
	}
	if said, err := describe(subject.Counts{OK: 300, Others: 1}, 2*time.Second); err == nil {
		t.Errorf("said %q", said)
	}
}

func TestAServerWithoutPprofIsTold(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	r := &recorder{base: srv.URL, folder: t.TempDir(), length: time.Second}
	if _, err := r.step(t.Context(), stepsOf("cpu", time.Second)[0]); err == nil || !strings.Contains(err.Error(), "--debug.pprof") {
		t.Errorf("got %v", err)
	}
}

// The compiler must get the same profile, and nobody the paths of this machine.
func TestWithoutPaths(t *testing.T) {
	t.Parallel()
	var before bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&before, 0); err != nil { // gzipped, with paths of sources
		t.Fatal(err)
	}
	after, err := withoutPaths(before.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	had := 0
	was, is := stringsOf(t, before.Bytes()), stringsOf(t, after)
	if len(was) != len(is) {
		t.Fatalf("%d strings became %d", len(was), len(is))
	}
	for i, s := range was {
		if strings.HasPrefix(s, "/") {
			had++
			s = s[strings.LastIndexByte(s, '/')+1:]
		}
		if is[i] != s {
			t.Errorf("%q became %q", was[i], is[i])
		}
	}
	if had == 0 {
		t.Error("the profile had no paths: this proves nothing")
	}
	path := filepath.Join(t.TempDir(), "p")
	if err := os.WriteFile(path, after, 0o600); err != nil {
		t.Fatal(err)
	}
	if top, err := exec.Command("go", "tool", "pprof", "-top", path).CombinedOutput(); err != nil || !strings.Contains(string(top), "TestWithoutPaths") {
		t.Errorf("pprof: %v\n%s", err, top)
	}
}

func stringsOf(t *testing.T, gzipped []byte) (all []string) {
	t.Helper()
	in, err := gzip.NewReader(bytes.NewReader(gzipped))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	for len(b) > 0 {
		f, err := firstField(b)
		if err != nil {
			t.Fatal(err)
		}
		if f.number == stringTable {
			all = append(all, string(f.value))
		}
		b = b[f.size:]
	}
	return all
}

func TestWithoutPathsRefusesWhatIsNoProfile(t *testing.T) {
	t.Parallel()
	f := func(message string) {
		t.Helper()
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		io.WriteString(w, message)
		w.Close()
		if _, err := withoutPaths(b.Bytes()); !errors.Is(err, errProfile) {
			t.Errorf("%q: %v", message, err)
		}
	}
	f("\x32")              // no length
	f("\x32\x05/abc")      // shorter than it says
	f("\x31\x01\x01\x01")  // fixed 64 bits
	f("\x30\xff\xff")      // a number without its end
	f("<html>not here...") // what a proxy says
	if _, err := withoutPaths([]byte("plain")); !errors.Is(err, errProfile) {
		t.Errorf("not gzipped: %v", err)
	}
}

// Everything once, as short as it goes: what it records of a storm is there, and
// pprof reads it.
func TestStorm(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := options{mode: "all", length: time.Second, store: "sqlite", rate: 200, out: t.TempDir(), rest: time.Second}
	if err := run(t.Context(), o, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	found := map[string]bool{}
	for _, path := range list(t, o.out) {
		name, _, _ := strings.Cut(filepath.Base(path), "_")
		found[name] = true
		if b, err := os.ReadFile(path); err != nil || len(b) == 0 {
			t.Errorf("%s: %d bytes, %v", path, len(b), err)
		}
	}
	for _, name := range []string{"cpu", "heap", "heap-growth", "allocs", "goroutine", "goroutine-growth", "goroutine-after", "mutex", "block", "trace"} {
		if !found[name] {
			t.Errorf("no %s among %v", name, found)
		}
	}
	for _, want := range []string{"all answered with 200", "Goroutines before the storm", "stormdrain/", "-sample_index=alloc_space", "go tool trace"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	// The rate for it is set: whoever waits for the journal is in it.
	_, block, _ := strings.Cut(out.String(), "\n== block")
	if block, _, _ = strings.Cut(block, "\n== "); !strings.Contains(block, "stormdrain/storage/journal.") {
		t.Errorf("nobody waits: %s", block)
	}
}

func TestRunningServer(t *testing.T) {
	t.Parallel()
	tree, err := module.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "stormdrain")
	if err := tree.Build(t.Context(), binary, ".", "-trimpath=false"); err != nil {
		t.Fatal(err)
	}
	s, err := subject.Start(t.Context(), subject.Config{Binary: binary, Store: "sqlite", Flags: []string{"--debug.pprof"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}()
	var out bytes.Buffer
	o := options{mode: "goroutine", length: time.Second, url: "http://" + s.Address(), out: t.TempDir()}
	if err := run(t.Context(), o, &out); err != nil || !strings.Contains(out.String(), "server at rest") {
		t.Errorf("%v\n%s", err, out.String())
	}
	if paths := list(t, o.out); len(paths) != 2 || !slices.ContainsFunc(paths, func(p string) bool { return strings.HasSuffix(p, "_running.prof") }) {
		t.Errorf("wrote %v", paths)
	}
}

func list(t *testing.T, folder string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}
