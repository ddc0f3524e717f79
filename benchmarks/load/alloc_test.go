//go:build !race

package load

import (
	"net"
	"testing"
	"time"
)

// canned is a server that has answered already.
type canned struct {
	net.Conn
	answer []byte
	rest   []byte
}

func (c *canned) Write(b []byte) (int, error) { c.rest = c.answer; return len(b), nil }

func (c *canned) Read(b []byte) (int, error) {
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *canned) SetDeadline(time.Time) error { return nil }
func (c *canned) Close() error                { return nil }

func TestSendingDoesNotAllocate(t *testing.T) {
	f := func(answer string) {
		t.Helper()
		cfg := DefaultConfig("x")
		cfg.Duration = time.Hour
		cfg.Outcomes = make([]Outcome, cfg.Total())
		conn := &canned{answer: []byte(answer)}
		q, tally := newQueue(), newTally()
		s := newSender(&cfg, newRequest(&cfg.Script, "/webhook", "h", "", true), q, tally)
		s.conn = conn
		s.in.Reset(conn)
		due, begin := 0, time.Now()
		if n := testing.AllocsPerRun(1000, func() {
			due++
			q.release(due)
			n, _ := q.take()
			s.one(t.Context(), begin, n)
		}); n > 0 {
			t.Errorf("%v allocations for a request answered with %q", n, answer)
		}
		if r := tally.result(due, due, time.Second, false); r.Acknowledged+r.Failed["503"] != due {
			t.Errorf("%+v", r)
		}
	}
	f("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	f("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
	f("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
}
