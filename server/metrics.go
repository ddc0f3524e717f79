package server

import (
	"bytes"
	"net/http"
	"net/url"

	"github.com/valyala/fasthttp"
)

// scrape collects what the metrics' net/http handler writes. fasthttp has an
// adaptor for this; it also reads the request's body, whole and uncounted, and
// takes a goroutine.
type scrape struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (w *scrape) Header() http.Header         { return w.header }
func (w *scrape) WriteHeader(code int)        { w.code = code }
func (w *scrape) Write(p []byte) (int, error) { return w.body.Write(p) }

// metricsHandler is GET and HEAD /metrics. What to write, and whether
// compressed, follows from two headers; nothing else is passed on.
func (s *Server) metricsHandler() fasthttp.RequestHandler {
	h := s.Metrics.Handler()
	return func(ctx *fasthttp.RequestCtx) {
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/metrics"}, Header: make(http.Header)}
		for _, name := range []string{fasthttp.HeaderAccept, fasthttp.HeaderAcceptEncoding} {
			for _, value := range ctx.Request.Header.PeekAll(name) {
				r.Header.Add(name, string(value))
			}
		}
		w := &scrape{header: make(http.Header), code: fasthttp.StatusOK}
		h.ServeHTTP(w, r)
		ctx.Response.SetStatusCode(w.code)
		for name, values := range w.header {
			for _, value := range values {
				ctx.Response.Header.Set(name, value)
			}
		}
		ctx.Response.SetBodyRaw(w.body.Bytes())
	}
}
