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
// The ID comes first, so that every refusal carries it; the access log, the
// metrics and the headers of the web configuration see the answer on its way out,
// whoever gave it. Rate limit and authentication are there where they are
// configured. Compression is with the handlers whose answers are large.
func (s *Server) chain(name string, h fasthttp.RequestHandler, codes ...int) fasthttp.RequestHandler {
	return s.chainFor(kindOf(name), name, h, codes...)
}

// ingestChain is chain for a handler that takes alerts in, and reads its body
// with receive, which is where a signature is checked.
func (s *Server) ingestChain(name string, h fasthttp.RequestHandler, codes ...int) fasthttp.RequestHandler {
	return s.chainFor(ingest, name, h, codes...)
}

// kind is who may ask for a page.
type kind int

const (
	guarded kind = iota
	ingest
	open // to everybody, and as often as they like: an orchestrator kills what does not answer
)

func kindOf(name string) kind {
	if name == "healthy" || name == "ready" {
		return open
	}
	return guarded
}

func (s *Server) chainFor(k kind, name string, h fasthttp.RequestHandler, codes ...int) fasthttp.RequestHandler {
	g := s.guard.Load()
	if g.asks() && k == ingest {
		codes = append(codes, fasthttp.StatusUnauthorized)
	}
	links := []middleware{s.giveID}
	if k == ingest {
		links = append(links, s.keepPace)
	}
	if g.access {
		links = append(links, s.logAccess)
	}
	links = append(links, s.measure(name, codes...))
	if len(g.headers) > 0 {
		links = append(links, g.addHeaders)
	}
	links = append(links, s.recoverPanic, s.checkProtocol)
	if g.limit != nil && k != open {
		links = append(links, s.limitRate(g))
	}
	if g.asks() && k != open {
		links = append(links, s.authenticate(g, k == ingest))
	}
	for i := len(links) - 1; i >= 0; i-- {
		h = links[i](h)
	}
	return h
}

// addHeaders puts the headers of the web configuration into every answer.
func (g *guard) addHeaders(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		next(ctx)
		for _, h := range g.headers {
			ctx.Response.Header.Set(h.Name, h.Value)
		}
	}
}

func (s *Server) giveID(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		s.ids.give(ctx)
		next(ctx)
		// Not before: the server may have begun to close in between, and who waits
		// for an answer is to hear of it with the answer. fasthttp does not say it by
		// itself, it learns late that the server closes.
		if s.closing.Load() || ctx.Conn().(*conn).retired.Load() {
			ctx.SetConnectionClose()
		}
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
