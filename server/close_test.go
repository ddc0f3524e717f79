package server

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"stormdrain/internal/alert"
)

func TestCloseAnswersWhatIsInFlight(t *testing.T) {
	f := &fake{}
	release, inside := make(chan struct{}), make(chan struct{}, 100)
	f.ingest = func(alert.Request) (int, error) {
		inside <- struct{}{}
		<-release
		return 1, nil
	}
	s := start(t, testConfig(), f)
	idle, idleReader := dial(t, s)
	io.WriteString(idle, "GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n")
	read(idleReader, "GET")
	const n = 20
	replies := make(chan reply, n)
	for range n {
		go func() { replies <- raw(t, s, post("/webhook", "", "{}")) }()
	}
	for range n {
		<-inside
	}
	closed := make(chan error)
	for range 2 { // twice, at the same time
		go func() { closed <- s.Close(t.Context()) }()
	}
	if b, err := io.ReadAll(idleReader); err != nil || len(b) > 0 {
		t.Errorf("idle connection: %q, %v", b, err)
	}
	// Who asks while requests are in flight hears that we go.
	if got := raw(t, s, "GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n"); got.code != 503 || !got.close || !strings.Contains(got.body, "shutting down") {
		t.Errorf("ready: %+v", got)
	}
	if got := raw(t, s, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"); got.code != 200 {
		t.Errorf("healthy: %+v", got)
	}
	if got := raw(t, s, post("/webhook", "", "{}")); got.code != 503 || !got.close || !strings.Contains(got.body, "shutting down; try again") {
		t.Errorf("alerts on a new connection: %+v", got)
	}
	close(release)
	for range n {
		if got := <-replies; got.code != 200 || !got.close {
			t.Errorf("in flight: %+v", got)
		}
	}
	for range 2 {
		if err := <-closed; err != nil {
			t.Error(err)
		}
	}
	if n := s.conns.count(); n != 0 {
		t.Errorf("%d connections open", n)
	}
	if _, err := net.Dial("tcp", s.address()); err == nil {
		t.Error("still accepting")
	}
	eventually(t, "every goroutine has ended:\n"+leftBehind(), func() bool { return leftBehind() == "" })
}

func TestCloseCutsWhatTakesTooLong(t *testing.T) {
	f := &fake{}
	began := make(chan struct{})
	f.events = func(ctx context.Context, _ *alert.Query, _ func(*alert.Stored) error) error {
		close(began)
		<-ctx.Done()
		return ctx.Err()
	}
	cfg := testConfig()
	s := start(t, cfg, f)
	go raw(t, s, "GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
	<-began
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("closed with %v", err)
	}
	eventually(t, "the connection is gone", func() bool { return s.conns.count() == 0 })
	s.closeErr = nil // for the check after the test
}

// A connection that is idle when Close is called may bring one more request: it
// was on its way already.
func TestCloseTakesTheLastRequest(t *testing.T) {
	f := &fake{}
	cfg := testConfig()
	cfg.lastRequest = time.Minute
	s := start(t, cfg, f)
	old, oldReader := dial(t, s)
	io.WriteString(old, post("/webhook", "", "{}"))
	read(oldReader, "POST")
	closed := make(chan error)
	go func() { closed <- s.Close(t.Context()) }()
	eventually(t, "closing", s.closing.Load)
	io.WriteString(old, post("/webhook", "", "{}"))
	if got := read(oldReader, "POST"); got.code != 200 || !got.close {
		t.Errorf("the last request: %+v", got)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// Whoever connects to a socket that is shared is left to the next process.
func TestCloseLeavesASharedSocketAlone(t *testing.T) {
	held, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	open := func() *Server {
		file, err := held.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		l, err := net.FileListener(file)
		if err != nil {
			t.Fatal(err)
		}
		f := &fake{}
		cfg := testConfig()
		cfg.SharedSockets = true
		s, err := OpenOn(cfg, f.parts(nil), l)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := open()
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	answered := make(chan reply)
	go func() { answered <- raw(t, first, post("/webhook", "", "{}")) }() // while nobody accepts
	second := open()
	if got := <-answered; got.code != 200 {
		t.Errorf("%+v", got)
	}
	if err := second.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
