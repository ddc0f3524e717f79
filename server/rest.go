package server

import (
	"context"
	"time"
)

// restAfter is how long a connection is idle before it rests. Longer than the
// pauses of a busy sender, shorter than those of a quiet one.
const restAfter = 5 * time.Second

// rest takes an idle connection that fasthttp has let go of. For fasthttp it
// would keep a goroutine that has grown to 8 KiB, a buffer for each direction
// and a request: 16 KiB in all. A resting one has a goroutine of 2 KiB and
// itself. It reports false when the server is closing.
func (l *listener) rest(c *conn) bool {
	return l.all.rest(c, func() {
		if c.waitForFirst() {
			_ = l.serveAgain(c) // as for other connections, its end is no news
			return
		}
		c.Close()
	})
}

// waitForFirst waits for the first byte of the next request, as long as an idle
// connection may.
func (c *conn) waitForFirst() bool {
	if c.Conn.SetReadDeadline(c.deadline) != nil {
		return false
	}
	from := c.Conn
	if !c.secured {
		from = c.socket() // the handshake has not begun, and a rest must not end it
	}
	n, _ := from.Read(c.first[:])
	c.atRest.Store(false)
	c.hasFirst, c.fresh = n == 1, true
	c.setIdle(true)
	return n == 1
}

// rest runs f for c in a goroutine, unless the server is closing.
func (cs *connections) rest(c *conn, f func()) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.closing {
		return false
	}
	c.atRest.Store(true)
	cs.thrift.rested()
	go f()
	return true
}

// endRests closes the connections that rest. None does from now on, and no new
// one is taken.
func (cs *connections) endRests() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.closing = true
	cs.thrift.end()
	if len(cs.open) == 0 {
		close(cs.empty)
	}
	for c := range cs.open {
		if c.atRest.Load() {
			c.cut()
		}
	}
}

// retire lets each connection take one more request at most, which may be on its
// way already: it was let in by rules that are no more. Those that rest end at once.
func (cs *connections) retire() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for c := range cs.open {
		c.retired.Store(true)
		if c.atRest.Load() {
			c.cut()
		}
	}
}

// waitEmpty waits until every connection is closed, after endRests.
func (cs *connections) waitEmpty(ctx context.Context) error {
	select {
	case <-cs.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
