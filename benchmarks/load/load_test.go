package load

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestMain fails the package when it leaves a goroutine behind.
func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	for range 1000 { // those of closed connections end on their own
		if runtime.NumGoroutine() <= before {
			os.Exit(code)
		}
		time.Sleep(time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	println("goroutines left behind:\n" + string(stacks[:runtime.Stack(stacks, true)]))
	os.Exit(1)
}

// serve starts a server that reads each body and hands it to handler.
func serve(t *testing.T, handler func(w http.ResponseWriter, r *http.Request, body string)) Config {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // a client that has gone
		}
		handler(w, r, string(body))
	}))
	t.Cleanup(srv.Close)
	return config(srv.Listener.Addr().String())
}

func config(address string) Config {
	cfg := DefaultConfig("test")
	cfg.Address, cfg.Rate, cfg.Duration, cfg.Connections = address, 1000, 100*time.Millisecond, 4
	return cfg
}

func mustRun(t *testing.T, cfg Config) Result {
	t.Helper()
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, n := range r.Failed {
		failed += n
	}
	if r.Due != r.Acknowledged+failed+r.Unsent || r.Sent != r.Due-r.Unsent-r.Failed["no connection"] {
		t.Errorf("it does not add up: %+v", r)
	}
	return r
}

func TestRun(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	bodies, ids := map[string]bool{}, map[string]bool{}
	cfg := serve(t, func(w http.ResponseWriter, r *http.Request, body string) {
		mu.Lock()
		defer mu.Unlock()
		bodies[body], ids[r.Header.Get("X-Request-ID")] = true, true
		if r.URL.Path != "/webhook/a%20b" && r.URL.EscapedPath() != "/webhook/a%20b" || r.Host != "example.com" || r.Header.Get("Authorization") != "Bearer x" {
			t.Errorf("%s %s %v", r.URL, r.Host, r.Header)
		}
	})
	cfg.Path, cfg.Host, cfg.Header = "/webhook/a%20b", "example.com", []string{"Authorization: Bearer x"}
	cfg.Rate, cfg.Duration, cfg.First = 1000, 200*time.Millisecond, 50
	cfg.Outcomes = make([]Outcome, 200)
	r := mustRun(t, cfg)
	if r.Failures() != "" || r.Due != 200 || r.Acknowledged != 200 || len(bodies) != 200 || len(ids) != 200 {
		t.Errorf("%+v; %d different bodies", r, len(bodies))
	}
	if !ids[cfg.Script.RequestID(50)] || !ids[cfg.Script.RequestID(249)] {
		t.Errorf("%v", ids)
	}
	if r.Elapsed < 199*time.Millisecond || r.P50 <= 0 || r.P50 > r.P99 || r.P99 > r.Max {
		t.Errorf("%+v", r)
	}
	for n, o := range cfg.Outcomes {
		if o != Acknowledged {
			t.Fatalf("request %d: %v", n, o)
		}
	}
}

// A server that keeps one request waiting makes those behind it late, although
// each of them is answered at once when it is sent at last.
func TestLatencyCountsFromWhenARequestWasDue(t *testing.T) {
	t.Parallel()
	const stall = 200 * time.Millisecond
	var once sync.Once
	cfg := serve(t, func(http.ResponseWriter, *http.Request, string) {
		once.Do(func() { <-time.After(stall) }) // until all the others are due
	})
	cfg.Rate, cfg.Duration, cfg.Connections = 200, stall/2, 1
	r := mustRun(t, cfg)
	if r.Failures() != "" || r.P50 < stall/2 || r.Max < stall {
		t.Errorf("half of the requests came to a busy server: %+v", r)
	}
}

// What is late without end is given up, and said to be unsent.
func TestBacklogIsDroppedAfterTheGrace(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	cfg := serve(t, func(http.ResponseWriter, *http.Request, string) { <-release })
	cfg.Connections, cfg.Duration, cfg.Grace = 2, 20*time.Millisecond, 0
	cfg.Outcomes = make([]Outcome, 20)
	timer := time.AfterFunc(300*time.Millisecond, func() { close(release) })
	defer timer.Stop()
	r := mustRun(t, cfg)
	if r.Due != 20 || r.Acknowledged != 2 || r.Unsent != 18 || r.Failures() == "" {
		t.Errorf("%+v", r)
	}
	if cfg.Outcomes[0] != Acknowledged || cfg.Outcomes[19] != Unsent {
		t.Errorf("%v", cfg.Outcomes)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	cfg := serve(t, func(w http.ResponseWriter, r *http.Request, _ string) {
		switch requests.Add(1) {
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 3:
			panic(http.ErrAbortHandler)
		case 5:
			w.WriteHeader(http.StatusBadRequest)
		case 6:
			<-r.Context().Done() // the client gives up
		}
	})
	cfg.Duration, cfg.Connections, cfg.Timeout = 8*time.Millisecond, 1, 100*time.Millisecond
	cfg.Outcomes = make([]Outcome, 8)
	r := mustRun(t, cfg)
	if r.Acknowledged != 4 || r.Failed["503"] != 1 || r.Failed["400"] != 1 || r.Failed["no answer"] != 1 || r.Failed["timeout"] != 1 || r.Sent != 8 {
		t.Errorf("%+v", r)
	}
	for n, o := range cfg.Outcomes {
		if want := map[int]Outcome{1: Unknown, 2: Unknown, 4: Unknown, 5: Unknown}[n]; o != want && (want != 0 || o != Acknowledged) {
			t.Errorf("request %d: %v", n, o)
		}
	}
}

// A server that has gone costs requests and not the run.
func TestServerThatGoesAway(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			l.Close()
		}
	}()
	cfg := config(l.Addr().String())
	cfg.Duration, cfg.Connections = 20*time.Millisecond, 1
	cfg.Outcomes = make([]Outcome, 20)
	r := mustRun(t, cfg)
	if r.Failed["no answer"] != 1 || r.Failed["no connection"] != 19 || r.Sent != 1 || r.Acknowledged != 0 {
		t.Errorf("%+v", r)
	}
	if cfg.Outcomes[0] != Unknown || cfg.Outcomes[1] != Unsent {
		t.Errorf("%v", cfg.Outcomes)
	}
	if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "connection 1 of 1") {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var requests atomic.Int32
	cfg := serve(t, func(_ http.ResponseWriter, r *http.Request, _ string) {
		if requests.Add(1) == 3 {
			cancel()
		}
		if requests.Load() >= 3 {
			<-r.Context().Done() // never an answer
		}
	})
	cfg.Duration, cfg.Connections, cfg.Timeout = time.Hour, 2, time.Hour
	r, err := Run(ctx, cfg)
	if err != nil || !r.Interrupted || r.Acknowledged != 2 || r.Failed["timeout"] < 1 || r.Due >= cfg.Total() || r.Due != r.Sent+r.Unsent {
		t.Errorf("%v %+v", err, r)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	cfg := config(srv.Listener.Addr().String())
	cfg.TLS = &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "example.com"}
	cfg.TLS.RootCAs.AddCert(srv.Certificate())
	if r := mustRun(t, cfg); r.Failures() != "" || r.Acknowledged != 100 {
		t.Errorf("%+v", r)
	}
	cfg.TLS = &tls.Config{ServerName: "example.com"}
	var unknown x509.UnknownAuthorityError
	if _, err := Run(t.Context(), cfg); !errors.As(err, &unknown) {
		t.Errorf("%v", err)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	f := func(wrong func(*Config)) {
		t.Helper()
		cfg := config("127.0.0.1:1")
		wrong(&cfg)
		if err := cfg.Validate(); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
	ok := config("127.0.0.1:1")
	if err := ok.Validate(); err != nil {
		t.Error(err)
	}
	f(func(c *Config) { *c = Config{} })
	f(func(c *Config) { c.Rate = 0 })
	f(func(c *Config) { c.Rate = 2_000_000 })
	f(func(c *Config) { c.Connections = 0 })
	f(func(c *Config) { c.Connections, c.Script.Alerts = 10_000, 10_000 })
	f(func(c *Config) { c.Duration = 0 })
	f(func(c *Config) { c.Rate, c.Duration = 1, time.Millisecond })
	f(func(c *Config) { c.Rate, c.Duration = 1e6, time.Hour })
	f(func(c *Config) { c.Timeout = 0 })
	f(func(c *Config) { c.Grace = -1 })
	f(func(c *Config) { c.First = -1 })
	f(func(c *Config) { c.First = 1e9 })
	f(func(c *Config) { c.Outcomes = make([]Outcome, 3) })
	f(func(c *Config) { c.Header = []string{"X: a\r\nY: b"} })
	f(func(c *Config) { c.Header = []string{"X"} })
	f(func(c *Config) { c.Script.Run = "a b" })
	f(func(c *Config) { c.Script.Alerts = 0 })
	f(func(c *Config) { c.Script.Distinct = 0 })
	f(func(c *Config) { c.Script.Distinct = 2_000_000_000 })
}

func TestDue(t *testing.T) {
	t.Parallel()
	for _, rate := range []int{1, 3, 7, 1000, 12_345, 1_000_000} {
		cfg := config("")
		cfg.Rate, cfg.Duration = rate, 20*time.Second
		for _, n := range []int{0, 1, 2, cfg.Total() / 3, cfg.Total() - 1} {
			at := cfg.due(n)
			if by := cfg.dueBy(at + 1); by < n+1 || n > 0 && cfg.dueBy(at-time.Microsecond) > n {
				t.Errorf("request %d at %d/s is due at %v; by then %d are", n, rate, at, by)
			}
		}
		if cfg.due(rate) != time.Second || cfg.dueBy(time.Hour) != cfg.Total() {
			t.Errorf("at %d/s: %v, %d", rate, cfg.due(rate), cfg.dueBy(time.Hour))
		}
	}
}

func TestQueue(t *testing.T) {
	t.Parallel()
	q := newQueue()
	const senders, numbers = 8, 10_000
	var got [numbers]atomic.Int32
	var done sync.WaitGroup
	for range senders {
		done.Go(func() {
			for {
				n, ok := q.take()
				if !ok {
					return
				}
				got[n].Add(1)
			}
		})
	}
	for due := 0; due <= numbers; due += 7 {
		q.release(due)
	}
	q.release(numbers)
	q.end()
	done.Wait()
	for n := range got {
		if got[n].Load() != 1 {
			t.Fatalf("number %d was handed out %d times", n, got[n].Load())
		}
	}

	q = newQueue()
	q.release(5)
	q.take()
	q.drop()
	q.release(9)
	if _, ok := q.take(); ok || q.taken() != 1 {
		t.Errorf("%d taken after a drop", q.taken())
	}
}
