package server

import (
	"errors"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"stormdrain/internal/alert"
	"stormdrain/server/compress"
)

// takeWebhook is POST /webhook and /webhook/{source}.
func (s *Server) takeWebhook(ctx *fasthttp.RequestCtx) {
	s.take(ctx, alert.Webhook)
}

// takeRecorded is POST /api/v1/recorder, of Alertmanager's event recorder. It tries
// three times in a second and a half, and its queue is short: whatever it sends
// should be taken, fast.
func (s *Server) takeRecorded(ctx *fasthttp.RequestCtx) {
	s.take(ctx, alert.Recorder)
}

// takePosted is POST /api/v2/alerts.
func (s *Server) takePosted(ctx *fasthttp.RequestCtx) {
	s.take(ctx, alert.Posted)
}

// take reads the body and hands it to the Ingester. Alertmanager tries again after
// a 5xx and after nothing else, so whatever may pass is a 503.
func (s *Server) take(ctx *fasthttp.RequestCtx, kind alert.Kind) {
	if s.tooLate(ctx) {
		return
	}
	// Its room is held until the answer is ready, which makes the budget the
	// bound on concurrent work.
	b := s.bodies.get()
	defer s.bodies.put(b)
	r := alert.Request{Kind: kind, RequestID: requestID(ctx)}
	if kind == alert.Webhook {
		if !b.setSource(ctx.URI().PathOriginal()) {
			s.wrongPath(ctx)
			return
		}
		r.Source = b.source
	}
	until := deadline(ctx)
	encoding, ok := s.encodingOf(ctx)
	if !ok || !s.receive(ctx, b, until) {
		return
	}
	if r.Kind != alert.Recorder {
		s.Metrics.WebhookBodyBytes.Add(float64(len(b.bytes)))
	}
	if encoding != compress.Identity && !s.decode(ctx, b, encoding, &r, until) {
		return
	}
	r.Body, r.Deadline = b.bytes, until
	n, err := s.Ingester.Ingest(r)
	if err != nil {
		s.notTaken(ctx, err)
		return
	}
	s.taking.succeeded(s.Log)
	taken(ctx, r.Kind, n)
}

func taken(ctx *fasthttp.RequestCtx, kind alert.Kind, n int) {
	var text [64]byte
	b := append(text[:0], `{"status":"success","alerts":`...)
	if kind == alert.Recorder {
		b = append(text[:0], `{"status":"success","events":`...)
	}
	b = strconv.AppendInt(b, int64(n), 10)
	b = append(b, '}')
	ctx.Response.Header.SetContentType(typeJSON)
	ctx.Response.SetBody(b)
}

// notTaken answers what the Ingester has refused.
func (s *Server) notTaken(ctx *fasthttp.RequestCtx, err error) {
	var refused *alert.RefusedError
	if !errors.As(err, &refused) {
		s.taking.failed(s.Log, err.Error())
		answer(ctx, fasthttp.StatusServiceUnavailable, oneLine(err.Error())+"; try again")
		return
	}
	code := fasthttp.StatusBadRequest
	if refused.TooLarge {
		code = fasthttp.StatusRequestEntityTooLarge
	}
	answer(ctx, code, oneLine(refused.Detail))
}

// encodingOf reads Content-Encoding, and refuses what it cannot decode.
func (s *Server) encodingOf(ctx *fasthttp.RequestCtx) (compress.Encoding, bool) {
	values := ctx.Request.Header.PeekAll(fasthttp.HeaderContentEncoding)
	if len(values) == 0 {
		return compress.Identity, true
	}
	if len(values) == 1 {
		if e, ok := compress.ParseEncoding(string(values[0])); ok {
			return e, true
		}
	}
	ctx.Response.Header.Set(fasthttp.HeaderAcceptEncoding, compress.Accepted)
	s.refuse(ctx, fasthttp.StatusUnsupportedMediaType, "this Content-Encoding is not understood; send gzip, zstd, or the body as it is")
	return 0, false
}

// receive reads the body into b, and checks its signature if the request was let
// in on one. It has answered when it returns false.
func (s *Server) receive(ctx *fasthttp.RequestCtx, b *body, until time.Time) bool {
	return s.readBody(ctx, b, until) && s.verify(ctx, b)
}

func (s *Server) readBody(ctx *fasthttp.RequestCtx, b *body, until time.Time) bool {
	src := ctx.RequestBodyStream()
	if src == nil {
		return true // neither length nor chunks: there is no body
	}
	size := ctx.Request.Header.ContentLength() // -1: in chunks
	err := s.bodies.fill(b, src, size, s.cfg.MaxRequestSize, until)
	if err == nil {
		return true
	}
	var slow net.Error
	switch {
	case err == errTooLarge:
		s.tooLarge(ctx)
		return false
	case err == errNoRoom:
		s.noRoom(ctx)
		return false
	case errors.As(err, &slow) && slow.Timeout():
		answer(ctx, fasthttp.StatusServiceUnavailable,
			"the body did not arrive within webhook.request_timeout, "+s.cfg.RequestTimeout.String()+"; try again")
	case err == errTooShort, errors.Is(err, io.ErrUnexpectedEOF):
		answer(ctx, fasthttp.StatusServiceUnavailable, "the connection broke before the body had its announced length; try again")
	default:
		answer(ctx, fasthttp.StatusBadRequest, "the body is not framed as HTTP/1.1 wants it")
	}
	// Where the next request would begin, nobody knows.
	ctx.SetConnectionClose()
	lingerAtClose(ctx)
	return false
}

func (s *Server) noRoom(ctx *fasthttp.RequestCtx) {
	line := "overloaded: " + strconv.FormatInt(s.cfg.InFlightMaxBytes, 10) + " bytes of bodies (pipeline.in_flight_max_bytes) are in flight; try again"
	s.taking.failed(s.Log, line)
	ctx.SetConnectionClose()
	lingerAtClose(ctx)
	answer(ctx, fasthttp.StatusServiceUnavailable, line)
}

// decode replaces b by what it was before its Content-Encoding. It has answered
// when it returns false.
func (s *Server) decode(ctx *fasthttp.RequestCtx, b *body, e compress.Encoding, r *alert.Request, until time.Time) bool {
	err := s.bodies.decode(b, e, &s.decoders, s.cfg.MaxRequestSize, until)
	switch err {
	case nil:
		return true
	case errTooLarge:
		s.tooLarge(ctx)
	case errNoRoom:
		s.noRoom(ctx)
	default:
		r.Body, r.Deadline = b.bytes, until
		detail := "the body is not what its Content-Encoding says: " + oneLine(err.Error())
		s.keep(*r, "encoding", detail)
		answer(ctx, fasthttp.StatusBadRequest, detail)
	}
	return false
}

// keep puts a body into quarantine that the Ingester will not see.
func (s *Server) keep(r alert.Request, reason, detail string) {
	if err := s.Quarantine.Body(r, reason, detail); err != nil {
		s.complain.Error().Err(err).Str("reason", reason).Msg("a refused body could not be kept in quarantine")
		return
	}
	s.Metrics.BodiesQuarantined.WithLabelValues(reason).Inc()
}
