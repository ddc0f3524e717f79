package server

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"stormdrain/server/compress"
)

// leastToCompress is what fits into a packet anyway.
const leastToCompress = 1400

// compressed compresses what a handler answers, where the client accepts that.
func (s *Server) compressed(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		next(ctx)
		r := &ctx.Response
		r.Header.Set(fasthttp.HeaderVary, fasthttp.HeaderAcceptEncoding)
		if !compress.AcceptsGzip(string(ctx.Request.Header.Peek(fasthttp.HeaderAcceptEncoding))) {
			return
		}
		if long, ok := r.BodyStream().(*longAnswer); ok {
			r.Header.Set(fasthttp.HeaderContentEncoding, "gzip")
			long.gzip = true
			return
		}
		if len(r.Body()) < leastToCompress {
			return
		}
		var b bytes.Buffer
		w := s.encoders.Gzip(&b)
		_, _ = w.Write(r.Body()) // neither can fail: it is a buffer
		_ = w.Close()
		r.Header.Set(fasthttp.HeaderContentEncoding, "gzip")
		r.SetBodyRaw(b.Bytes())
	}
}

// gzipStream compresses chunk by chunk, so that what a query has found is on its
// way while it goes on.
type gzipStream struct{ w *compress.Writer }

func (g gzipStream) Write(p []byte) (int, error) {
	n, err := g.w.Write(p)
	if err == nil {
		err = g.w.Flush()
	}
	return n, err
}
