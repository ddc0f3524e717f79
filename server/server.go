// Package server takes alerts in and gives events out over HTTP. It knows what
// an answer must look like, so that no sender loses an alert over it; what is in
// a body it leaves to the Ingester.
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"

	"stormdrain/internal/alert"
	"stormdrain/internal/obs"
	"stormdrain/server/compress"
)

// Ingester takes bodies in.
type Ingester interface {
	// Ingest returns how many alerts, or events of a recorder, the body held, once
	// they are durable.
	// *alert.RefusedError means that it can never be stored, and that it is in
	// quarantine; any other error that the sender should try again. The body is
	// lent until Ingest returns.
	Ingest(alert.Request) (alerts int, err error)
}

// Reader gives stored events out.
type Reader interface {
	// Events calls yield for each event that q asks for, newest first, and
	// returns yield's error as it is. What yield is given is read-only.
	Events(ctx context.Context, q *alert.Query, yield func(*alert.Stored) error) error
}

// Readiness knows whether a 2xx can be promised.
type Readiness interface {
	Ready() error // nil: ready; else why not, in one line
}

// Quarantine keeps bodies that are refused before an Ingester can see them,
// because they are not what their Content-Encoding says.
type Quarantine interface {
	Body(r alert.Request, reason, detail string) error
}

// Parts is what a Server works with; all of them must be there, but a Reloader,
// without which there is no page for it.
type Parts struct {
	Ingester   Ingester
	Reader     Reader
	Episodes   Episodes
	State      Stater
	Timeline   Timeline
	Streamer   Streamer
	Readiness  Readiness
	Quarantine Quarantine
	Reloader   Reloader
	Metrics    *obs.Metrics
	Log        zerolog.Logger
	Build      obs.Build
}

// complete says which part is missing: somebody forgot to give it to us.
func (p *Parts) complete() error {
	for name, missing := range map[string]bool{
		"Ingester": p.Ingester == nil, "Reader": p.Reader == nil, "Episodes": p.Episodes == nil, "State": p.State == nil, "Timeline": p.Timeline == nil,
		"Streamer": p.Streamer == nil, "Readiness": p.Readiness == nil, "Quarantine": p.Quarantine == nil, "Metrics": p.Metrics == nil,
	} {
		if missing {
			return fmt.Errorf("BUG: a server without its part %s", name)
		}
	}
	return nil
}

// Server is a running HTTP server. Its goroutines are fasthttp's: one that
// accepts for each listener, one for each connection.
type Server struct {
	Parts
	cfg      Config
	complain zerolog.Logger // Log, at most a few lines a second

	http           *fasthttp.Server
	listeners      []*listener
	conns          *connections
	streams        *streams
	bodies         *bodies
	decoders       compress.Decoders
	encoders       compress.Encoders
	ids            *requestIDs
	protocolErrors *obs.HTTPHandler
	access         sampler
	pace           *pace

	reloading sync.Mutex // held while what follows is made anew
	guard     atomic.Pointer[guard]
	handler   atomic.Pointer[fasthttp.RequestHandler] // every page, with the chain that the guard asks for

	// What the log has a line about when it begins.
	taking, unreadable, flood, strangers, handshakes *condition

	started time.Time

	reading     context.Context // of queries; ends when Close loses patience
	stopReading context.CancelFunc

	closing   atomic.Bool
	failed    chan error
	accepting sync.WaitGroup
	closeOnce sync.Once
	closed    chan struct{} // closed when Close is done; then closeErr is set
	closeErr  error
}

// Open listens on cfg.Listen and serves. It returns when connections are being
// accepted.
func Open(cfg Config, parts Parts) (*Server, error) {
	listeners, err := Listen(cfg.Listen)
	if err != nil {
		return nil, err
	}
	s, err := OpenOn(cfg, parts, listeners...)
	if err != nil {
		closeAll(listeners)
	}
	return s, err
}

// Listen listens on addresses; who connects waits until OpenOn serves.
func Listen(addresses []string) (listeners []net.Listener, err error) {
	if len(addresses) == 0 {
		return nil, errors.New("server.listen is empty, there is nothing to listen on")
	}
	for _, address := range addresses {
		l, err := net.Listen("tcp", address)
		if err != nil {
			closeAll(listeners)
			return nil, fmt.Errorf("listen on server.listen %q: %w", address, err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		l.Close()
	}
}

// OpenOn is Open with listeners that exist already, which it takes.
func OpenOn(cfg Config, parts Parts, listeners ...net.Listener) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := parts.complete(); err != nil {
		return nil, err
	}
	g, err := newGuard(&cfg)
	if err != nil {
		return nil, err
	}
	s := &Server{
		Parts: parts, cfg: cfg,
		complain: sampled(parts.Log),
		conns:    newConnections(cfg.MaxConnections, parts.Metrics.HTTPConnectionsRefused),
		streams:  newStreams(),
		bodies:   newBodies(newBudget(cfg.InFlightMaxBytes)),
		ids:      newRequestIDs(),
		pace:     newPace(parts.Metrics.Traffic),
		failed:   make(chan error, 1),
		closed:   make(chan struct{}),
		started:  time.Now(),
	}
	s.reading, s.stopReading = context.WithCancel(context.Background())
	s.taking = &condition{begins: "deliveries cannot be taken in; senders get 503 and try again", over: "deliveries are taken in again"}
	s.unreadable = &condition{begins: "events cannot be read", over: "events can be read again"}
	s.flood = &condition{begins: "requests come faster than the rate limit; senders get 503 and try again"}
	s.strangers = &condition{begins: "requests without valid credentials are refused with 401"}
	s.handshakes = &condition{begins: "TLS handshakes fail"}
	s.protocolErrors = s.Metrics.HTTPHandler("protocol")
	s.guard.Store(g)
	pages := s.routes()
	s.handler.Store(&pages)
	s.http = s.newHTTP()
	s.warnOfGuard(g)
	s.Metrics.Gauge("http_connections", "Connections that are open, also those that rest.", nil,
		func() float64 { return float64(s.conns.count()) })
	s.Metrics.Gauge("http_connections_max", "Connections that may be open at once, server.max_connections.", nil,
		func() float64 { return float64(cfg.MaxConnections) })
	s.Metrics.Gauge("streams", "Readers of /api/v1/stream.", nil, func() float64 { return float64(s.streams.count()) })
	missed := &silence{overview: s.Episodes}
	s.Metrics.Gauge("sources_silent", "Sources that have been silent for more than twice their longest usual pause, and for less than a day.", nil, missed.silent)
	for _, l := range listeners {
		s.serve(l)
	}
	return s, nil
}

// serve starts accepting on l.
func (s *Server) serve(l net.Listener) {
	own := &listener{
		Listener: l, all: s.conns, log: s.Log,
		readTimeout: s.cfg.ReadTimeout, idleTimeout: s.cfg.IdleTimeout,
		shared: s.cfg.SharedSockets, closing: &s.closing,
		restAfter: cmp.Or(s.cfg.restAfter, restAfter), serveAgain: s.http.ServeConn,
		tooMany: tooManyAnswer(s.cfg.MaxConnections, string(s.ids.append(nil))),
		tls:     s.currentTLS, notSecured: s.notSecured,
	}
	s.listeners = append(s.listeners, own)
	s.Log.Info().Str("address", l.Addr().String()).Msg("listening")
	s.accepting.Go(func() {
		err := s.http.Serve(own)
		if s.closing.Load() {
			return
		}
		if err == nil {
			err = net.ErrClosed
		}
		select {
		case s.failed <- fmt.Errorf("accept on %s: %w", l.Addr(), err):
		default: // one is enough to end the program
		}
	})
}

// Addrs returns the addresses that are listened on, in the order of the
// configuration.
func (s *Server) Addrs() []net.Addr {
	addrs := make([]net.Addr, len(s.listeners))
	for i, l := range s.listeners {
		addrs[i] = l.Addr()
	}
	return addrs
}

// Failed yields an error when a listener has stopped without being asked to.
func (s *Server) Failed() <-chan error { return s.failed }

// Close stops taking alerts from new connections, lets what is in flight finish,
// stops accepting, and returns when every connection is closed; see drain. When ctx ends first, it cuts the connections that are
// left, and returns ctx's error without waiting for their handlers. It may be
// called again, also at the same time.
func (s *Server) Close(ctx context.Context) error {
	s.closeOnce.Do(func() {
		s.closeErr = s.close(ctx)
		close(s.closed)
	})
	<-s.closed
	return s.closeErr
}

func (s *Server) close(ctx context.Context) error {
	s.closing.Store(true)
	defer s.stopReading()
	s.streams.close()
	s.drain(ctx)
	for _, l := range s.listeners {
		l.Close()
	}
	s.conns.endRests()
	err := s.http.ShutdownWithContext(ctx)
	if errors.Is(err, net.ErrClosed) {
		err = nil // a listener that had failed is closed already
	}
	if err == nil {
		// fasthttp counts a connection as gone a moment before it is closed,
		// and does not know of requests that ended a rest just now.
		err = s.conns.waitEmpty(ctx)
	}
	if err != nil {
		s.stopReading()
		s.conns.cutAll()
		return fmt.Errorf("requests were still under way and got no answer: %w", err)
	}
	s.accepting.Wait()
	return nil
}
