package server

import (
	"net"
	"sync/atomic"
	"time"
)

// conn is an accepted connection. It mends what fasthttp cannot be told:
//
//   - a connection that has not sent anything yet may rest as long as an idle
//     one. Go's client opens connections ahead of need and keeps them; to close
//     them after the read timeout makes its next send fail;
//   - a request that is answered before its body was read is not cut off: closing
//     a socket with unread bytes sends RST, which destroys the answer on its way;
//   - the read deadline can be asked for, so that one deadline rules over the
//     whole of a request.
type conn struct {
	net.Conn
	listener *listener

	// ---- owned by the goroutine that serves the connection ----
	started  bool // a byte has arrived
	deadline time.Time

	linger atomic.Bool // see Close
	closed atomic.Bool
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !c.started && n > 0 {
		c.started = true
		if derr := c.SetReadDeadline(time.Now().Add(c.listener.readTimeout)); derr != nil && err == nil {
			err = derr
		}
	}
	return n, err
}

// Write drops what fasthttp would say to a connection that never sent a byte:
// an answer without a question only confuses a client's connection pool.
func (c *conn) Write(p []byte) (int, error) {
	if !c.started {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *conn) SetReadDeadline(t time.Time) error {
	if !c.started {
		t = time.Now().Add(c.listener.idleTimeout)
	}
	c.deadline = t
	return c.Conn.SetReadDeadline(t)
}

const (
	lingerFor  = 2 * time.Second
	lingerMost = 64 << 20 // bytes
)

// Close closes the connection, once. If linger is set it first says that
// nothing more will come, and takes in what is still being sent, for a while.
func (c *conn) Close() error {
	if !c.closed.CompareAndSwap(false, true) {
		return nil
	}
	defer c.listener.forget(c)
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.linger.Load() {
		if half.CloseWrite() == nil {
			c.discard()
		}
	}
	return c.Conn.Close()
}

// cut closes the connection without waiting. The goroutine that serves it sees
// an error and calls Close.
func (c *conn) cut() { c.Conn.Close() }

func (c *conn) discard() {
	if c.Conn.SetReadDeadline(time.Now().Add(lingerFor)) != nil {
		return
	}
	var scrap [4096]byte
	for total := 0; total < lingerMost; {
		n, err := c.Conn.Read(scrap[:])
		if err != nil {
			return
		}
		total += n
	}
}
