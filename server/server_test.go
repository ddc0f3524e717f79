package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"stormdrain/internal/alert"
	"stormdrain/internal/live"
	"stormdrain/internal/obs"
)

// fake is every part that a server asks for.
type fake struct {
	ingest func(alert.Request) (int, error)
	events func(context.Context, *alert.Query, func(*alert.Stored) error) error
	told   func(context.Context, *alert.RecordedQuery, func(*alert.StoredRecorded) error) error
	ready  func() error

	mu         sync.Mutex
	requests   []receivedRequest
	quarantine []receivedRequest
}

// receivedRequest is one whose bytes are its own.
type receivedRequest struct {
	Kind              alert.Kind
	Source, RequestID string
	Body              []byte
}

func own(r alert.Request) receivedRequest {
	return receivedRequest{r.Kind, string(r.Source), string(r.RequestID), bytes.Clone(r.Body)}
}

func (f *fake) Ingest(r alert.Request) (int, error) {
	if f.ingest != nil {
		return f.ingest(r)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, own(r))
	return len(r.Body), nil
}

func (f *fake) Events(ctx context.Context, q *alert.Query, yield func(*alert.Stored) error) error {
	if f.events == nil {
		return nil
	}
	return f.events(ctx, q, yield)
}

func (f *fake) Recorded(ctx context.Context, q *alert.RecordedQuery, yield func(*alert.StoredRecorded) error) error {
	if f.told == nil {
		return nil
	}
	return f.told(ctx, q, yield)
}

func (f *fake) Ready() error {
	if f.ready == nil {
		return nil
	}
	return f.ready()
}

func (f *fake) Body(r alert.Request, reason, detail string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.quarantine = append(f.quarantine, own(r))
	return nil
}

// last returns the last request that was taken in.
func (f *fake) last() receivedRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.requests) == 0 {
		return receivedRequest{}
	}
	return f.requests[len(f.requests)-1]
}

func testConfig() Config {
	cfg := DefaultConfig()
	cfg.Listen = []string{"127.0.0.1:0"}
	cfg.MaxRequestSize = 1 << 20
	cfg.lastRequest = time.Millisecond
	return cfg
}

// start opens a server and closes it after the test, which must leave no
// goroutine of ours behind.
func start(t testing.TB, cfg Config, f *fake) *Server {
	t.Helper()
	return startWith(t, cfg, f.parts(nil))
}

// parts is f as every part, with the episodes of a, which may be nil.
func (f *fake) parts(a *archive) Parts {
	if a == nil {
		a = new(archive)
	}
	return Parts{
		Ingester: f, Reader: f, Episodes: a, State: f, Timeline: f, Streamer: new(live.Hub), Readiness: f, Quarantine: f,
		Metrics: obs.NewMetrics(obs.Build{}), Log: zerolog.New(io.Discard),
	}
}

func (f *fake) State() State {
	return State{
		Version: "1.2.3", StartedAt: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), Store: "sqlite", StoreUp: true,
		BacklogBytes: 5, BacklogDeliveries: 2, Oldest: 1500 * time.Millisecond,
	}
}

func startWith(t testing.TB, cfg Config, parts Parts) *Server {
	t.Helper()
	s, err := Open(cfg, parts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func (s *Server) address() string { return s.Addrs()[0].String() }

// dial opens a raw connection that gives up after ten seconds.
func dial(t testing.TB, s *Server) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", s.address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

type reply struct {
	code   int
	header http.Header
	body   string
	close  bool // the server will close the connection
	err    error
}

// read takes one answer from a connection.
func read(r *bufio.Reader, method string) reply {
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(body), resp.Close, err}
}

// raw sends text over a connection of its own and reads one answer.
func raw(t testing.TB, s *Server, text string) reply {
	t.Helper()
	c, _ := dial(t, s)
	return rawOn(t, c, text)
}

// rawOn is raw over a connection that is there.
func rawOn(t testing.TB, c net.Conn, text string) reply {
	t.Helper()
	go io.WriteString(c, text) // the server may answer before it has read all
	method, _, _ := strings.Cut(text, " ")
	return read(bufio.NewReader(c), method)
}

func post(path, headers, body string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + headers +
		"Content-Length: " + itoa(len(body)) + "\r\n\r\n" + body
}

func itoa(n int) string { return string(appendInt(nil, n)) }

func appendInt(b []byte, n int) []byte {
	if n >= 10 {
		b = appendInt(b, n/10)
	}
	return append(b, byte('0'+n%10))
}

// checkLine checks what holds for every refusal.
func checkLine(t *testing.T, got reply, code int, contains string) {
	t.Helper()
	if got.err != nil {
		t.Errorf("no answer: %v", got.err)
		return
	}
	if got.code != code {
		t.Errorf("answer %d %q, want %d", got.code, got.body, code)
	}
	if !strings.Contains(got.body, contains) {
		t.Errorf("line %q says nothing of %q", got.body, contains)
	}
	if strings.Count(got.body, "\n") != 1 || !strings.HasSuffix(got.body, "\n") || len(got.body) > 500 {
		t.Errorf("not one short line: %q", got.body)
	}
	if !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
		t.Errorf("content type %q", got.header.Get("Content-Type"))
	}
	if got.header.Get("X-Request-Id") == "" {
		t.Error("no request ID")
	}
	if got.header.Get("Content-Length") != itoa(len(got.body)) {
		t.Errorf("content length %q of %d", got.header.Get("Content-Length"), len(got.body))
	}
}

func TestOpenReportsWhatIsWrong(t *testing.T) {
	f := &fake{}
	parts := f.parts(nil)
	s := start(t, testConfig(), f)
	check := func(want string, change func(*Config)) {
		t.Helper()
		cfg := testConfig()
		change(&cfg)
		opened, err := Open(cfg, parts)
		if err == nil {
			opened.Close(context.Background())
			t.Errorf("no error, want one about %s", want)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q says nothing of %s", err, want)
		}
		parts.Metrics = obs.NewMetrics(obs.Build{})
	}
	check("server.listen", func(c *Config) { c.Listen = nil })
	check(s.address(), func(c *Config) { c.Listen = []string{"127.0.0.1:0", s.address()} })
	check("server.read_timeout", func(c *Config) { c.ReadTimeout = 0 })
	check("webhook.request_timeout", func(c *Config) { c.RequestTimeout = -1 })
	check("server.max_connections", func(c *Config) { c.MaxConnections = 0 })
	check("webhook.max_request_size", func(c *Config) { c.MaxRequestSize = 0 })
	check("pipeline.in_flight_max_bytes", func(c *Config) { c.InFlightMaxBytes = 1 << 20 })
}

func TestSeveralListeners(t *testing.T) {
	cfg := testConfig()
	cfg.Listen = []string{"127.0.0.1:0", "127.0.0.1:0"}
	s := start(t, cfg, &fake{})
	for _, a := range s.Addrs() {
		resp, err := http.Get("http://" + a.String() + "/-/healthy")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("%s: %d", a, resp.StatusCode)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestFailedListenerIsReported(t *testing.T) {
	s := start(t, testConfig(), &fake{})
	s.listeners[0].Listener.Close()
	select {
	case err := <-s.Failed():
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("failed with %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("nothing reported")
	}
}

// leftBehind returns the stacks of goroutines that run code of this package,
// but for tests.
func leftBehind() string {
	b := make([]byte, 1<<20)
	b = b[:runtime.Stack(b, true)]
	var left []string
	for stack := range strings.SplitSeq(string(b), "\n\n") {
		if strings.Contains(stack, "stormdrain/server.(*") {
			left = append(left, stack)
		}
	}
	return strings.Join(left, "\n\n")
}
