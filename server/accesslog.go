package server

import (
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// logAccess writes a line for each request on its way out, whoever answered it.
// Neither headers nor the query are in it: they may hold secrets.
func (s *Server) logAccess(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		began := time.Now()
		next(ctx)
		omitted, ok := s.access.take(began)
		if !ok {
			return
		}
		line := s.Log.Info().
			Bytes("method", ctx.Method()).
			Str("path", shortPath(ctx.URI().PathOriginal())).
			Int("code", ctx.Response.StatusCode()).
			Dur("took_ms", time.Since(began)).
			Int("request_bytes", max(0, ctx.Request.Header.ContentLength())).
			Str("client", ctx.RemoteIP().String()).
			Bytes("request_id", requestID(ctx))
		if omitted > 0 {
			line = line.Int("omitted", omitted)
		}
		line.Msg("request")
	}
}

// shortPath keeps a path that a sender chose to a readable length.
func shortPath(path []byte) string { return oneLine(string(path[:min(len(path), 200)])) }

// The access log is whole up to so many lines in a second; from there on it has
// one line in so many, which says how many are not there.
const (
	accessWhole = 100
	accessEvery = 100
)

// sampler decides which requests of a second are logged.
type sampler struct {
	mu      sync.Mutex
	second  time.Time
	seen    int // in this second
	omitted int // since the last line
}

// take reports whether this request is logged, and how many were not before it.
func (a *sampler) take(now time.Time) (omitted int, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.second) >= time.Second || now.Before(a.second) {
		a.second, a.seen = now, 0
	}
	a.seen++
	if a.seen > accessWhole && a.seen%accessEvery != 0 {
		a.omitted++
		return 0, false
	}
	omitted, a.omitted = a.omitted, 0
	return omitted, true
}
