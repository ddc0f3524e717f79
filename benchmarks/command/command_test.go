package command

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"stormdrain/internal/config"
)

func TestConstantRate(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	r, err := bench(t, f.settings())
	if err != "" {
		t.Fatal(err)
	}
	if r.Due != 40 || r.Sent != 40 || r.Acknowledged != 40 || r.Unsent != 0 || len(r.Failed) != 0 || r.Rate != 1000 || r.Duration != .04 {
		t.Errorf("%+v", r)
	}
	if l := r.Latency; l.P50 <= 0 || l.P50 > l.P95 || l.P95 > l.P99 || l.P99 > l.P999 || l.P999 > l.Max {
		t.Errorf("%+v", l)
	}
	if want := (Verified{Acknowledged: 480}); !reflect.DeepEqual(*r.Verify, want) {
		t.Errorf("%+v", r.Verify)
	}
	if r.Target != f.URL+"/webhook/test" || r.Source != "test" || r.AlertsPerRequest != 12 || r.Distinct != 1000 || r.Connections != 3 {
		t.Errorf("%+v", r)
	}
}

// A request may hold a label set more than once.
func TestFewLabelSets(t *testing.T) {
	t.Parallel()
	for _, distinct := range []int{1, 5, 12} {
		cfg := newFake(t, nil).settings()
		cfg.Distinct = distinct
		if r, err := bench(t, cfg); err != "" || r.Verify.Acknowledged != 480 {
			t.Errorf("%d: %s %+v", distinct, err, r.Verify)
		}
	}
	cfg := newFake(t, func(f *fake) {
		f.store = func(number, index int, alert object) []object {
			if number == 3 && index == 4 {
				return []object{alert, alert}
			}
			if number == 5 && index == 11 {
				return nil
			}
			return []object{alert}
		}
	}).settings()
	cfg.Distinct = 1
	if r, err := bench(t, cfg); err == "" || r.Verify.Missing != 1 || r.Verify.Doubled != 1 || r.Verify.Altered != 0 {
		t.Errorf("%s %+v", err, r.Verify)
	}
}

func TestFailuresByStatus(t *testing.T) {
	t.Parallel()
	cfg := newFake(t, func(f *fake) {
		f.answer = func(number int, _ *http.Request) int {
			return map[int]int{3: 503, 4: 413, 7: 503}[number] + map[bool]int{true: 200}[number != 3 && number != 4 && number != 7]
		}
	}).settings()
	r, err := bench(t, cfg)
	if err != "" || r.Acknowledged != 37 || !reflect.DeepEqual(r.Failed, map[string]int{"503": 2, "413": 1}) || r.Sent != 40 {
		t.Errorf("%s %+v", err, r)
	}
	if r.Verify.Acknowledged != 37*12 || r.Verify.Unacknowledged != 3*12 || r.Verify.wrong() != "" {
		t.Errorf("%+v", r.Verify)
	}
}

func TestNothingAcknowledged(t *testing.T) {
	t.Parallel()
	for _, rate := range []int{0, 100} {
		cfg := newFake(t, func(f *fake) { f.answer = func(int, *http.Request) int { return 503 } }).settings()
		cfg.Rate = rate
		if _, err := bench(t, cfg); !strings.Contains(err, "none of") || !strings.Contains(err, "503: ") {
			t.Errorf("rate %d: %s", rate, err)
		}
	}
}

// The server takes 20 requests of each connection, and each step makes one of
// its own: the limit is one of requests a step, whatever the machine does.
func TestSearchFindsAnArtificialLimit(t *testing.T) {
	t.Parallel()
	const limit = 20
	taken := map[string]int{}
	cfg := newFake(t, func(f *fake) {
		f.answer = func(_ int, r *http.Request) int {
			if taken[r.RemoteAddr]++; taken[r.RemoteAddr] > limit {
				return 503
			}
			return 200
		}
	}).settings()
	cfg.Rate, cfg.Alerts, cfg.Connections, cfg.Step, cfg.Duration = 0, 1, 1, 50*time.Millisecond, 50*time.Millisecond
	r, err := bench(t, cfg)
	// 1000 no, 500 no, 250 yes, 375 yes, 437 no, 406 yes, 421 no: 406 is near enough.
	if err != "" || r.HighestRate != 406 || r.Rate != 406 || r.Acknowledged != limit || len(r.Steps) < 8 {
		t.Errorf("%s %+v", err, r)
	}
	for _, s := range r.Steps {
		if s.Holds != (s.Acknowledged == s.Due) || s.Due != s.Rate/20 {
			t.Errorf("%+v", s)
		}
	}
	if r.Verify.wrong() != "" || r.Verify.Acknowledged == 0 {
		t.Errorf("%+v", r.Verify)
	}
}

// What holds in a short step and not for long is not what is reported.
func TestSearchBacksOff(t *testing.T) {
	t.Parallel()
	taken := map[string]int{}
	cfg := newFake(t, func(f *fake) {
		f.answer = func(_ int, r *http.Request) int {
			if taken[r.RemoteAddr]++; taken[r.RemoteAddr] > 20 {
				return 503
			}
			return 200
		}
	}).settings()
	cfg.Rate, cfg.Alerts, cfg.Connections, cfg.Step, cfg.Duration = 0, 1, 1, 50*time.Millisecond, 60*time.Millisecond
	cfg.Verify = false
	// 406 for 60 ms are 24 requests, 366 are 21, 330 are 19.
	if r, err := bench(t, cfg); err != "" || r.HighestRate != 330 {
		t.Errorf("%s %+v", err, r)
	}
	cfg.Duration = 200 * time.Millisecond
	if r, err := bench(t, cfg); !strings.Contains(err, "no rate holds") || r.HighestRate != 0 || len(r.Steps) == 0 {
		t.Errorf("%s %+v", err, r)
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	f := func(limit, most int) {
		t.Helper()
		asked := 0
		best, err := search(t.Context(), 1000, most, func(rate int) (bool, error) {
			if asked++; rate > most {
				t.Errorf("asked for %d", rate)
			}
			return rate <= limit, nil
		})
		want := min(limit, most)
		if err != nil || best > want || want-best > max(1, want/precision) || asked > 60 {
			t.Errorf("limit %d: %d after %d steps, %v", limit, best, asked, err)
		}
	}
	for _, limit := range []int{0, 1, 2, 3, 10, 499, 500, 999, 1000, 1001, 12_345, 99_999, 1_000_000, 5_000_000} {
		f(limit, 1_000_000)
	}
	f(50, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	best, err := search(ctx, 1000, 1_000_000, func(rate int) (bool, error) {
		if rate == 4000 {
			cancel()
			return false, nil
		}
		return true, nil
	})
	if err != nil || best != 2000 {
		t.Errorf("interrupted: %d, %v", best, err)
	}
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	for _, rate := range []int{0, 1000} {
		ctx, cancel := context.WithCancel(t.Context())
		var once sync.Once
		f := newFake(t, func(f *fake) {
			f.answer = func(number int, _ *http.Request) int {
				if number == 5 {
					once.Do(cancel)
				}
				return 200
			}
		})
		cfg := f.settings()
		cfg.Rate, cfg.Duration, cfg.Step, cfg.Format = rate, time.Hour, time.Hour, "text"
		cfg.Verify = false
		var out strings.Builder
		if err := Run(ctx, &cfg, &out); err != nil || !strings.Contains(strings.ToLower(out.String()), "interrupted") {
			t.Errorf("%v in %s", err, out.String())
		}
		cancel()
	}
	ctx, cancel := context.WithCancel(t.Context())
	f := newFake(t, func(f *fake) {
		f.answer = func(int, *http.Request) int { cancel(); return 200 }
	})
	cfg := f.settings()
	cfg.Duration = time.Hour
	cfg.Rate = 100
	var out strings.Builder
	if err := Run(ctx, &cfg, &out); err == nil || !strings.Contains(err.Error(), "interrupted") || !strings.Contains(out.String(), `"interrupted": true`) {
		t.Errorf("%v in %s", err, out.String())
	}
}

func TestHeadersAndTLS(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(secret, []byte("Authorization: Bearer sesame\r\n\nX-Scope: a: b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := newFake(t, func(f *fake) { f.token = "sesame" })
	secure := httptest.NewTLSServer(f)
	defer secure.Close()
	cfg := f.settings()
	cfg.Target, cfg.Header, cfg.Insecure = secure.URL, []string{"@" + secret}, true
	if r, err := bench(t, cfg); err != "" || r.Verify.Acknowledged != 480 {
		t.Errorf("%s %+v", err, r)
	}
	cfg.Header = nil
	if _, err := bench(t, cfg); !strings.Contains(err, "401 Unauthorized no token") || !strings.Contains(err, "--header") {
		t.Error(err)
	}
	cfg.Verify = false
	if _, err := bench(t, cfg); !strings.Contains(err, "401: 40") {
		t.Error(err)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(f *fake) {
		f.answer = func(number int, _ *http.Request) int { return 200 + 303*(number%4/3) }
	})
	cfg := f.settings()
	cfg.Format = "text"
	var out strings.Builder
	if err := Run(t.Context(), &cfg, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"run ", "1000 requests/s of 12 alerts for 40ms", "3 connections, 1000 label sets", "40 of 40 requests due", "30 (75.00 %)", "503           10",
		"p50 ", "p95 ", "p99 ", "p99.9 ", "max ", "360 acknowledged alerts", "missing       0", "also there    120 alerts",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	p := textPrinter{&out}
	p.step(&Step{Rate: 1_000_000, Measured: Measured{Due: 3, Acknowledged: 2, CPU: 12, Latency: Latency{P50: 0.000123456, P99: 59.9, Max: 1e-9}}})
	r := Report{Measured: Measured{Due: 99_999_999, Sent: 99_999_999, Acknowledged: 99_999_998, RequestsPerSecond: 1e6, Unsent: 12_345_678}, AlertsPerSecond: 1e9}
	p.result(&r)
	p.verified(&Verified{Behind: true, Unacknowledged: 1e9, Unexpected: 1})
	for line := range strings.Lines(out.String()) {
		if utf8.RuneCountInString(line) > 81 {
			t.Errorf("wider than 80 columns: %q", line)
		}
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	f := func(seconds float64, want string) {
		t.Helper()
		if got := short(seconds); got != want {
			t.Errorf("%v: %q, want %q", seconds, got, want)
		}
	}
	f(0, "0.00 µs")
	f(0.00000123, "1.23 µs")
	f(0.000999, "999 µs")
	f(0.0123, "12.3 ms")
	f(1.5, "1.50 s")
	f(125, "125 s")
	if percent(.99999) != "99.99 %" || percent(1) != "100.00 %" || percent(1.5) != "150.00 %" {
		t.Error(percent(.99999), percent(1), percent(1.5))
	}
}

func TestTarget(t *testing.T) {
	t.Parallel()
	f := func(url, source, post, api, wantSource, address string) {
		t.Helper()
		got, err := newTarget(&config.Bench{Target: url, Source: source})
		if err != nil || got.post != post || got.api != api || got.source != wantSource || got.address != address {
			t.Errorf("%s: %+v, %v", url, got, err)
		}
	}
	f("http://h:1", "s", "http://h:1/webhook/s", "http://h:1", "s", "h:1")
	f("http://h", "", "http://h/webhook", "http://h", "", "h:80")
	f("https://h/", "a/b ü", "https://h/webhook/a%2Fb%20%C3%BC", "https://h", "a/b ü", "h:443")
	f("http://[::1]:9567/pre/", "s", "http://[::1]:9567/pre/webhook/s", "http://[::1]:9567/pre", "s", "[::1]:9567")
	f("http://h:1/webhook", "s", "http://h:1/webhook/s", "http://h:1", "s", "h:1")
	f("http://h:1/pre/webhook/a%2Fb/", "s", "http://h:1/pre/webhook/a%2Fb", "http://h:1/pre", "a/b", "h:1")

	wrong := func(want string, change func(*config.Bench)) {
		t.Helper()
		cfg := config.Bench{Target: "https://h"}
		change(&cfg)
		if _, err := newTarget(&cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	for _, url := range []string{"", "h:1", "127.0.0.1:1", "ftp://h", "http://", "http://h?a=b", "http://h#x", "http://h/webhook/a/b"} {
		wrong("--target: ", func(b *config.Bench) { b.Target = url })
	}
	wrong("--header: number 1", func(b *config.Bench) { b.Header = []string{"secret"} })
	wrong("--header: number 2", func(b *config.Bench) { b.Header = []string{"a: b", "a b: c"} })
	wrong("--header: Content-Length is set by bench itself", func(b *config.Bench) { b.Header = []string{"Content-Length: 5"} })
	wrong("--header: open /nowhere", func(b *config.Bench) { b.Header = []string{"@/nowhere"} })
	wrong("--ca-file: open /nowhere", func(b *config.Bench) { b.CAFile = "/nowhere" })
	wrong("--ca-file: no certificate", func(b *config.Bench) { b.CAFile = "command_test.go" })
	wrong("--cert-file: ", func(b *config.Bench) { b.CertFile, b.KeyFile = "/nowhere", "/nowhere" })
	got, err := newTarget(&config.Bench{Target: "http://me:pw@h", Header: []string{"a:b"}})
	if err != nil || !reflect.DeepEqual(got.header, []string{"a: b", "Authorization: Basic bWU6cHc="}) || strings.Contains(got.post, "pw") {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	wrong := func(want string, change func(*config.Bench)) {
		t.Helper()
		cfg := f.settings()
		change(&cfg)
		if _, err := bench(t, cfg); !strings.Contains(err, want) {
			t.Errorf("%+v: %s", cfg, err)
		}
	}
	wrong("requests; change --rate", func(b *config.Bench) { b.Rate, b.Duration = 1_000_000, time.Hour })
	wrong("too much memory", func(b *config.Bench) { b.Alerts, b.Connections = 10_000, 10_000 })
	wrong("is stormdrain the --target", func(b *config.Bench) { b.Target += "/elsewhere" })
	f.Close()
	wrong("--verify: ", func(*config.Bench) {})
	wrong("open connection 1 of 3", func(b *config.Bench) { b.Verify = false })
}
