package server

import (
	"cmp"
	"context"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	// lastRequest is how long a connection that is idle when the server closes may
	// bring one more request. A busy sender's next one is on its way already: to
	// close under its feet would leave it without an answer, and in doubt.
	lastRequest = 250 * time.Millisecond
	drainStep   = 5 * time.Millisecond
)

// drain is the first half of Close. Connections that were there before are let
// go one by one: each gets the answer to its request, and with it the word that
// it will be closed.
//
// A load balancer learns from /-/ready that we go, so new connections are still
// accepted while requests are in flight: for the pages, and for alerts a 503,
// which is sent again like a refused connection, and says why. Not so where the
// sockets are shared: there the next process takes them.
func (s *Server) drain(ctx context.Context) {
	if s.cfg.SharedSockets {
		for _, l := range s.listeners {
			l.Close()
		}
	}
	step := time.NewTicker(drainStep)
	defer step.Stop()
	patience := cmp.Or(s.cfg.lastRequest, lastRequest)
	for began := time.Now(); ; {
		impatient := time.Since(began) >= patience
		if impatient {
			s.streams.cut()
		}
		if s.conns.leaving(impatient) == 0 {
			return
		}
		select {
		case <-step.C:
		case <-ctx.Done():
			return
		}
	}
}

// leaving counts the connections that were there before the server began to
// close, but those that rest, and cuts the idle ones on request.
func (cs *connections) leaving(cutIdle bool) (n int) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for c := range cs.open {
		switch {
		case c.late || c.atRest.Load():
		case cutIdle && c.idle.Load():
			c.cut()
		default:
			n++
		}
	}
	return n
}

// tooLate reports whether a request came over a connection that was made when
// the server was closing, and answers it.
func (s *Server) tooLate(ctx *fasthttp.RequestCtx) bool {
	if !s.closing.Load() || !ctx.Conn().(*conn).late {
		return false
	}
	s.refuse(ctx, fasthttp.StatusServiceUnavailable, "shutting down; try again")
	return true
}
