package server

import (
	"io"
	"strings"
	"testing"
	"time"
)

func TestFreshConnectionMayRest(t *testing.T) {
	cfg := testConfig()
	cfg.ReadTimeout = 50 * time.Millisecond
	cfg.IdleTimeout = 400 * time.Millisecond
	s := start(t, cfg, &fake{})
	early, r := dial(t, s)
	silent, silentReader := dial(t, s)
	time.Sleep(150 * time.Millisecond) // longer than ReadTimeout: that is the point
	if _, err := io.WriteString(early, post("/webhook", "", "{}")); err != nil {
		t.Fatal(err)
	}
	if got := read(r, "POST"); got.code != 200 {
		t.Errorf("on a connection opened ahead: %+v", got)
	}
	// One that never says anything is closed without a word.
	if b, err := io.ReadAll(silentReader); err != nil || len(b) > 0 {
		t.Errorf("%s was told %q, %v", silent.LocalAddr(), b, err)
	}
}

func TestRestingConnectionIsUsedAgain(t *testing.T) {
	cfg := testConfig()
	cfg.restAfter = 20 * time.Millisecond
	cfg.ReadTimeout = 200 * time.Millisecond
	cfg.RequestTimeout = 200 * time.Millisecond
	f := &fake{}
	s := start(t, cfg, f)
	resting := func() (n int) {
		s.conns.mu.Lock()
		defer s.conns.mu.Unlock()
		for c := range s.conns.open {
			if c.atRest.Load() {
				n++
			}
		}
		return n
	}
	c, r := dial(t, s)
	for i := range 5 {
		eventually(t, "the connection rests", func() bool { return resting() == 1 })
		body := strings.Repeat("x", 1+i*10_000)
		io.WriteString(c, strings.Repeat(post("/webhook", "", body), 2)) // the second is pipelined
		for range 2 {
			if got := read(r, "POST"); got.code != 200 || len(f.last().Body) != len(body) {
				t.Fatalf("after rest %d: %+v", i, got)
			}
		}
	}
	if n := s.conns.count(); n != 1 {
		t.Errorf("%d connections open", n)
	}
	eventually(t, "the connection rests", func() bool { return resting() == 1 })
	io.WriteString(c, "POST /webh") // the header's clock runs from the first byte
	checkLine(t, read(r, "POST"), 503, "try again")

	gone, _ := dial(t, s)
	eventually(t, "the other rests", func() bool { return resting() == 1 })
	gone.Close()
	eventually(t, "a client that leaves is forgotten", func() bool { return s.conns.count() == 0 })

	_, last := dial(t, s)
	eventually(t, "the last rests", func() bool { return resting() == 1 })
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if b, err := io.ReadAll(last); err != nil || len(b) > 0 {
		t.Errorf("resting while the server closes: %q, %v", b, err)
	}
	eventually(t, "every goroutine has ended", func() bool { return leftBehind() == "" })
}

func TestRestEndsWithTheIdleTimeout(t *testing.T) {
	cfg := testConfig()
	cfg.restAfter = 20 * time.Millisecond
	cfg.IdleTimeout = 100 * time.Millisecond
	s := start(t, cfg, &fake{})
	_, r := dial(t, s)
	if b, err := io.ReadAll(r); err != nil || len(b) > 0 {
		t.Errorf("%q, %v", b, err)
	}
	eventually(t, "it is forgotten", func() bool { return s.conns.count() == 0 })
}
