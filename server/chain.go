package server

import (
	"runtime/debug"
	"time"

	"github.com/valyala/fasthttp"
)

// middleware wraps a handler. One that is switched off is not in the chain.
type middleware func(next fasthttp.RequestHandler) fasthttp.RequestHandler

// chain puts a handler behind what every request passes, in this order. The
// name is its label in the metrics; codes are counted from the start.
//
// The ID comes first, so that every refusal carries it; the metrics see the
// answer on its way out, whoever gave it. Rate limit, authentication,
// compression and the access log belong behind checkProtocol, in the order of
// the contract, and only where they are configured.
func (s *Server) chain(name string, h fasthttp.RequestHandler, codes ...int) fasthttp.RequestHandler {
	links := []middleware{s.giveID, s.measure(name, codes...), s.recoverPanic, s.checkProtocol}
	for i := len(links) - 1; i >= 0; i-- {
		h = links[i](h)
	}
	return h
}

func (s *Server) giveID(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		s.ids.give(ctx)
		if s.closing.Load() {
			ctx.SetConnectionClose() // fasthttp forgets that it is closing once it has closed
		}
		next(ctx)
	}
}

func (s *Server) measure(name string, codes ...int) middleware {
	counters := s.Metrics.HTTPHandler(name, codes...)
	inFlight := s.Metrics.HTTPInFlight
	return func(next fasthttp.RequestHandler) fasthttp.RequestHandler {
		return func(ctx *fasthttp.RequestCtx) {
			started := time.Now()
			inFlight.Inc()
			next(ctx)
			inFlight.Dec()
			counters.Observe(ctx.Response.StatusCode(), time.Since(started))
		}
	}
}

// recoverPanic turns a bug into a 503: the alerts are not lost, Alertmanager
// sends them again, and the process goes on.
func (s *Server) recoverPanic(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			id := string(requestID(ctx))
			s.complain.Error().Interface("panic", p).Str("request_id", id).
				Str("stack", string(debug.Stack())).Msg("a request panicked")
			ctx.Response.Reset() // half an answer may be in it
			ctx.Response.Header.Set(headerRequestID, id)
			ctx.SetConnectionClose()
			s.refuse(ctx, fasthttp.StatusServiceUnavailable, "internal error, see the log of stormdrain; try again")
		}()
		next(ctx)
	}
}
