package server

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"
)

const (
	// readBufferSize bounds the header of a request. A connection keeps its
	// buffer until it rests.
	readBufferSize = 16 << 10
	// writeBufferSize holds an answer to a webhook, so that it is one write.
	// Larger ones go past it.
	writeBufferSize = 512
)

// newHTTP sets fasthttp up. It reads only headers for us: the bodies we read
// ourselves, see fill.
func (s *Server) newHTTP() *fasthttp.Server {
	return &fasthttp.Server{
		Handler:        s.serveHTTP,
		HeaderReceived: s.headerReceived,
		ErrorHandler:   s.protocolError,
		ConnState:      func(c net.Conn, state fasthttp.ConnState) { c.(*conn).changed(state) },

		// The listener counts connections over all listeners; this bound, for
		// each of them, must only never be the first to be reached.
		Concurrency:     s.cfg.MaxConnections + 1,
		ReadBufferSize:  readBufferSize,
		WriteBufferSize: writeBufferSize,
		ReadTimeout:     s.cfg.ReadTimeout,
		WriteTimeout:    s.cfg.WriteTimeout,
		IdleTimeout:     s.cfg.IdleTimeout,

		// In stream mode this is no limit but how much of a body is read before
		// the handler is called, into a buffer that the connection keeps. 1 is
		// the least there is.
		StreamRequestBody:            true,
		MaxRequestBodySize:           1,
		DisablePreParseMultipartForm: true,

		CloseOnShutdown:       true,
		LazyRequestTime:       true,
		NoDefaultServerHeader: true,
		SecureErrorLogMessage: true, // a header that cannot be parsed may hold a password
		Logger:                httpLog{s.Log},
	}
}

// httpLog takes what fasthttp has to say about single connections.
type httpLog struct{ log zerolog.Logger }

func (l httpLog) Printf(format string, args ...any) {
	l.log.Debug().Msg(oneLine(fmt.Sprintf(format, args...)))
}

// markTooLarge is a header that no client can send, as a colon ends a name.
const markTooLarge = ":too-large"

// headerReceived starts the clock of the request. A body that is announced too
// large is not waited for: for fasthttp the request has none.
func (s *Server) headerReceived(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	s.ids.remember(h)
	if h.ContentLength() > s.cfg.MaxRequestSize {
		h.SetContentLength(0)
		h.Del(fasthttp.HeaderExpect)
		h.Set(markTooLarge, "1")
	}
	return fasthttp.RequestConfig{ReadTimeout: s.cfg.RequestTimeout}
}

// deadline is when the body must have arrived, and found room.
func deadline(ctx *fasthttp.RequestCtx) time.Time {
	return ctx.Conn().(*conn).deadline
}

// checkProtocol refuses what a request may not be, whatever it is about.
func (s *Server) checkProtocol(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		h := &ctx.Request.Header
		switch {
		case len(h.Peek(markTooLarge)) > 0:
			s.tooLarge(ctx)
		case !h.IsHTTP11() && string(h.Protocol()) != "HTTP/1.0":
			s.refuse(ctx, fasthttp.StatusHTTPVersionNotSupported, "use HTTP/1.1")
			ctx.SetConnectionClose()
		case h.ConnectionClose() && framedTwice(h.RawHeaders()):
			// fasthttp has marked the connection for closing, and forgotten why.
			s.refuse(ctx, fasthttp.StatusBadRequest, "send Content-Length or Transfer-Encoding, not both")
			ctx.SetConnectionClose()
		default:
			next(ctx)
		}
	}
}

// framedTwice reports whether a header says twice where its body ends. Two
// servers in a row that choose differently can be made to see other requests
// than were sent.
func framedTwice(rawHeaders []byte) bool {
	length, transfer := false, false
	for line := range bytes.Lines(rawHeaders) {
		name, _, _ := bytes.Cut(line, []byte(":"))
		length = length || bytes.EqualFold(name, []byte(fasthttp.HeaderContentLength))
		transfer = transfer || bytes.EqualFold(name, []byte(fasthttp.HeaderTransferEncoding))
	}
	return length && transfer
}

// protocolError answers for fasthttp, which would say 408, 413 or 431: what is
// only slow is told to try again. The connection is closed afterwards.
func (s *Server) protocolError(ctx *fasthttp.RequestCtx, err error) {
	started := time.Now()
	s.ids.giveEarly(ctx)
	// Nobody has set a deadline for this answer yet.
	if err := ctx.Conn().SetWriteDeadline(started.Add(s.cfg.WriteTimeout)); err != nil {
		return
	}
	var slow net.Error
	var small *fasthttp.ErrSmallBuffer
	switch {
	case errors.As(err, &slow) && slow.Timeout():
		answer(ctx, fasthttp.StatusServiceUnavailable, "the request came too slowly; try again")
	case errors.As(err, &small):
		answer(ctx, fasthttp.StatusRequestHeaderFieldsTooLarge, fmt.Sprintf("the header is larger than %d bytes; shorten it", readBufferSize))
	default:
		answer(ctx, fasthttp.StatusBadRequest, "this is not HTTP/1.1 as we understand it")
	}
	lingerAtClose(ctx)
	s.protocolErrors.Observe(ctx.Response.StatusCode(), time.Since(started))
}
