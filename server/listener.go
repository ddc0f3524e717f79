package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// counter is a metric that only grows.
type counter interface{ Inc() }

// connections is every open connection of every listener.
type connections struct {
	most    int
	refused counter

	mu      sync.Mutex
	open    map[*conn]struct{}
	thrift  *thrift
	closing bool
	empty   chan struct{} // closed when the server is closing and none is open
}

func newConnections(most int, refused counter) *connections {
	return &connections{most: most, refused: refused, open: make(map[*conn]struct{}), thrift: newThrift(), empty: make(chan struct{})}
}

// add reports whether there is room for one more.
func (cs *connections) add(c *conn) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if len(cs.open) >= cs.most || cs.closing {
		return false
	}
	cs.open[c] = struct{}{}
	return true
}

func (cs *connections) remove(c *conn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.open, c)
	if cs.closing && len(cs.open) == 0 {
		close(cs.empty)
	}
}

// count is how many are open.
func (cs *connections) count() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return len(cs.open)
}

// cutAll closes every connection under the feet of whoever serves it.
func (cs *connections) cutAll() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for c := range cs.open {
		c.cut()
	}
}

// listener accepts connections up to the limit.
type listener struct {
	net.Listener
	all         *connections
	log         zerolog.Logger
	readTimeout time.Duration
	idleTimeout time.Duration
	restAfter   time.Duration
	shared      bool // somebody else keeps the socket open
	closing     *atomic.Bool
	serveAgain  func(net.Conn) error // serves a connection that has rested
	tooMany     []byte               // the whole answer
	tls         func() *tls.Config   // of the next connection; nil: none
	notSecured  func(c *conn, err error)

	once sync.Once
	err  error // of Close
}

// Close may be called again: fasthttp does it, too.
func (l *listener) Close() error {
	l.once.Do(func() { l.err = l.Listener.Close() })
	return l.err
}

func (l *listener) forget(c *conn) { l.all.remove(c) }

// Accept waits for the next connection. It outlives what passes: fasthttp takes
// a process that has run out of files for the end of its listener.
func (l *listener) Accept() (net.Conn, error) {
	const longestPause = time.Second
	pause := 5 * time.Millisecond
	for {
		nc, err := l.Listener.Accept()
		if passes(err) {
			l.log.Warn().Err(err).Dur("pause", pause).Msg("a connection could not be accepted")
			time.Sleep(pause)
			pause = min(2*pause, longestPause)
			continue
		}
		if err != nil {
			return nil, err
		}
		c := &conn{Conn: nc, listener: l, fresh: true, late: l.closing.Load() && !l.shared}
		c.idle.Store(true)
		settings := l.tls()
		if settings != nil {
			c.tcp = &tcpBelow{Conn: nc}
			c.Conn = tls.Server(c.tcp, settings)
		}
		if l.all.add(c) {
			return c, nil
		}
		l.all.refused.Inc()
		if settings != nil {
			nc.Close() // a line of text would only look like a bad handshake
			continue
		}
		l.refuse(nc)
	}
}

func passes(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EPERM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// refuse answers without having read the request: the accepting goroutine waits
// for nobody, and a fresh socket has room for 300 bytes.
func (l *listener) refuse(nc net.Conn) {
	defer nc.Close()
	if nc.SetWriteDeadline(time.Now().Add(10*time.Millisecond)) == nil {
		_, _ = nc.Write(l.tooMany) // whoever does not get it sees a closed connection, and tries again as well
	}
}

func tooManyAnswer(most int, id string) []byte {
	line := fmt.Sprintf("too many connections (server.max_connections is %d), or shutting down; try again\n", most)
	return fmt.Appendf(nil, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"+
		"Content-Length: %d\r\n%s: %s\r\nConnection: close\r\n\r\n%s", len(line), headerRequestID, id, line)
}
