package server

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"
)

const (
	typeText = "text/plain; charset=utf-8"
	typeJSON = "application/json"
)

// answer writes one line of text. Alertmanager copies it into its log, so it
// says what is wrong and what to do.
func answer(ctx *fasthttp.RequestCtx, code int, line string) {
	ctx.Response.SetStatusCode(code)
	ctx.Response.Header.SetContentType(typeText)
	ctx.Response.SetBodyString(line)
	ctx.Response.AppendBodyString("\n")
}

// refuse is answer for a request whose body may not have been read. A little of
// it fasthttp skips; where there may be more, the connection is given up, in a
// way that lets the answer through.
func (s *Server) refuse(ctx *fasthttp.RequestCtx, code int, line string) {
	const skip = 64 << 10 // below what fasthttp skips at most, 256 KiB
	if n := ctx.Request.Header.ContentLength(); n > skip || n == -1 {
		ctx.SetConnectionClose()
		lingerAtClose(ctx)
	}
	answer(ctx, code, line)
}

// lingerAtClose is for connections that are closed after this answer only.
func lingerAtClose(ctx *fasthttp.RequestCtx) { ctx.Conn().(*conn).linger.Store(true) }

func (s *Server) tooLarge(ctx *fasthttp.RequestCtx) {
	ctx.SetConnectionClose()
	lingerAtClose(ctx)
	less := "set max_alerts in Alertmanager's webhook_config"
	switch path := ctx.URI().PathOriginal(); {
	case string(path) == pathAlerts:
		less = "have the sender post fewer alerts at a time"
	case isRecorder(path):
		less = "leave batch: true out of Alertmanager's event_recorder"
	}
	answer(ctx, fasthttp.StatusRequestEntityTooLarge, fmt.Sprintf(
		"the body is larger than webhook.max_request_size, %d bytes; raise it, or %s", s.cfg.MaxRequestSize, less))
}

// oneLine makes a text that may quote a sender fit for a line of an answer.
func oneLine(s string) string {
	const most = 400
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// sampled returns a logger for what could otherwise come with every request.
func sampled(log zerolog.Logger) zerolog.Logger {
	return log.Sample(&zerolog.BurstSampler{Burst: 5, Period: time.Second})
}
