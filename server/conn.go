package server

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// conn is an accepted connection. It mends what fasthttp cannot be told:
//
//   - a connection that has not sent anything yet may rest as long as an idle
//     one. Go's client opens connections ahead of need and keeps them; to close
//     them after the read timeout makes its next send fail;
//   - a connection that rests for a while needs almost no memory, see rest;
//   - a request that is answered before its body was read is not cut off: closing
//     a socket with unread bytes sends RST, which destroys the answer on its way;
//   - the read deadline can be asked for, so that one deadline rules over the
//     whole of a request;
//   - where there is TLS, its handshake waits for the first byte, so that a
//     connection that was opened ahead of need may rest before it.
type conn struct {
	net.Conn           // TCP, or TLS over it; never another one
	tcp      *tcpBelow // below TLS; nil without it
	listener *listener

	// ---- owned by the goroutine that serves the connection, or rests with it ----
	secured  bool      // the handshake is done
	started  bool      // a byte has arrived, ever
	fresh    bool      // no byte has arrived since fasthttp got the connection
	deadline time.Time // of reading, as fasthttp set it
	first    [1]byte   // the byte that ended a rest,
	hasFirst bool      // if it has not been read yet

	idle atomic.Bool // between two requests, or before the first
	late bool        // it came when the server was closing already

	resting atomic.Bool // Close means: only rest
	atRest  atomic.Bool // only the first byte is waited for
	linger  atomic.Bool // Close waits for what is still being sent
	retired atomic.Bool // the next answer is the last
	closed  atomic.Bool
}

func (c *conn) Read(p []byte) (n int, err error) {
	if c.tcp != nil && !c.secured {
		if err := c.shakeHands(); err != nil {
			return 0, err
		}
	}
	if c.hasFirst && len(p) > 0 {
		c.hasFirst = false
		n = copy(p, c.first[:])
	} else {
		n, err = c.Conn.Read(p)
	}
	if n == 0 {
		return 0, c.nothing(err)
	}
	c.started = true
	c.setIdle(false)
	if c.fresh {
		c.fresh = false
		if derr := c.SetReadDeadline(time.Now().Add(c.listener.readTimeout)); derr != nil && err == nil {
			err = derr
		}
	}
	return n, err
}

// nothing says what a read was that brought nothing: an error, or the beginning
// of a rest.
func (c *conn) nothing(err error) error {
	if c.idle.Load() && isTimeout(err) && time.Now().Before(c.deadline) {
		// For fasthttp this is the end of the connection: it lets go of all
		// it has, and calls Close.
		c.resting.Store(true)
		return io.EOF
	}
	return err
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
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
	if c.fresh {
		t = time.Now().Add(c.listener.idleTimeout)
	}
	c.deadline = t
	if c.idle.Load() {
		if rest := time.Now().Add(c.listener.restAfter); rest.Before(t) {
			t = rest
		}
	}
	return c.Conn.SetReadDeadline(t)
}

// changed is told by fasthttp what a connection is doing.
func (c *conn) changed(state fasthttp.ConnState) {
	switch state {
	case fasthttp.StateIdle:
		c.setIdle(true)
	case fasthttp.StateActive:
		c.setIdle(false)
	}
}

// setIdle spares a busy connection the cost of storing what is there.
func (c *conn) setIdle(idle bool) {
	if c.idle.Load() != idle {
		c.idle.Store(idle)
	}
}

const (
	lingerFor  = 2 * time.Second
	lingerMost = 64 << 20 // bytes
)

// Close closes the connection, once, if it is not only to rest. If linger is set
// it first says that nothing more will come, and takes in what is still being
// sent, for a while.
func (c *conn) Close() error {
	if c.resting.CompareAndSwap(true, false) && c.listener.rest(c) {
		return nil
	}
	if !c.closed.CompareAndSwap(false, true) {
		return nil
	}
	defer c.listener.forget(c)
	if c.linger.Load() && c.closeWrite() {
		c.discard()
	}
	return c.Conn.Close()
}

// cut closes the connection without waiting. The goroutine that serves it sees
// an error and calls Close.
func (c *conn) cut() { c.socket().Close() }

// socket is the connection below TLS, if there is TLS.
func (c *conn) socket() net.Conn {
	if c.tcp != nil {
		return c.tcp.Conn
	}
	return c.Conn
}

// closeWrite says that nothing more will come, and reports whether it could.
func (c *conn) closeWrite() bool {
	if secure, ok := c.Conn.(*tls.Conn); ok {
		_ = secure.CloseWrite() // fails before the handshake, when nobody would understand it
	}
	half, ok := c.socket().(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil
}

func (c *conn) discard() {
	socket := c.socket()
	if socket.SetReadDeadline(time.Now().Add(lingerFor)) != nil {
		return
	}
	var scrap [4096]byte
	for total := 0; total < lingerMost; {
		n, err := socket.Read(scrap[:])
		if err != nil {
			return
		}
		total += n
	}
}
