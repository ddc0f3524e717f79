package subject

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"stormdrain/benchmarks/module"
)

func TestParseCounts(t *testing.T) {
	t.Parallel()
	const text = `# TYPE go_goroutines gauge
go_goroutines 31
# TYPE stormdrain_http_requests_total counter
stormdrain_http_requests_total{code="200",handler="metrics"} 7
stormdrain_http_requests_total{code="200",handler="webhook"} 1.2e+02
stormdrain_http_requests_total{code="400",handler="webhook"} 1
stormdrain_http_requests_total{code="503",handler="webhook"} 3
stormdrain_http_requests_total_of_something{code="503",handler="webhook"} 50
`
	got, err := parseCounts(strings.NewReader(text))
	if want := (Counts{OK: 120, Others: 4, Goroutines: 31}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if d := got.Sub(Counts{OK: 100, Others: 4, Goroutines: 80}); d != (Counts{OK: 20, Goroutines: 31}) {
		t.Errorf("the difference is %+v", d)
	}
	if _, err := parseCounts(strings.NewReader("go_goroutines 3\n")); err == nil {
		t.Error("a server that knows no webhooks was taken for stormdrain")
	}
	if _, err := parseCounts(strings.NewReader("go_goroutines many\n")); err == nil {
		t.Error("a value that is no number was taken")
	}
}

// Both stores, from the build to the removal.
func TestSubject(t *testing.T) {
	t.Parallel()
	tree, err := module.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "stormdrain")
	if err := tree.Build(t.Context(), binary, "."); err != nil {
		t.Fatal(err)
	}
	for _, store := range Stores() {
		s, err := Start(t.Context(), Config{Binary: binary, Store: store})
		if err != nil {
			t.Fatal(err)
		}
		base := "http://" + s.Address()
		answer, err := http.Post(base+Path, "application/json", strings.NewReader(`{"version":"4","alerts":[]}`))
		if err == nil {
			answer.Body.Close()
		}
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %+v, %v", store, answer, err)
		}
		if c, err := ReadCounts(t.Context(), base); err != nil || c.OK != 1 || c.Others != 0 || c.Goroutines == 0 {
			t.Errorf("%s: %+v, %v", store, c, err)
		}
		if err := s.Stop(); err != nil {
			t.Errorf("%s: %v", store, err)
		}
		if _, err := ReadCounts(t.Context(), base); err == nil {
			t.Errorf("%s: it answers after its end", store)
		}
		if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
			t.Errorf("%s: its folder is left over: %v", store, err)
		}
	}
}

func TestWhatCannotStartIsTold(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("false")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Config{Binary: program, Store: "sqlite"}); err == nil || !strings.Contains(err.Error(), "exited") {
		t.Errorf("a program that ends at once: %v", err)
	}
}
