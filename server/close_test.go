package server

import (
	"context"
	"errors"
	"io"
	"net"
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
	if _, err := net.Dial("tcp", s.address()); err == nil {
		t.Error("still accepting")
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
