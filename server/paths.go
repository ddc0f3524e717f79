package server

import (
	"bytes"
	"unicode/utf8"

	"github.com/fasthttp/router"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/pprofhandler"
)

const (
	pathWebhook  = "/webhook"
	pathRecorder = "/api/v1/recorder"
	pathAlerts   = "/api/v2/alerts" // where alerts are posted as to an Alertmanager
	pathStream   = "/api/v1/stream"
)

// routes builds the way from a path to its handler. All that the router would do
// by itself is off: after a redirect Alertmanager sends a GET without a body and
// takes its 200 for a delivery.
func (s *Server) routes() fasthttp.RequestHandler {
	// The codes that alert rules ask for must be there before the first one: a
	// counter that begins at 1 has not increased.
	webhook := s.ingestChain("webhook", s.takeWebhook, 200, 400, 404, 413, 415, 503)
	readPaths := make(map[string]bool)
	r := router.New()
	r.RedirectTrailingSlash = false
	r.RedirectFixedPath = false
	r.HandleMethodNotAllowed = false // its Allow would name OPTIONS
	r.HandleOPTIONS = false
	r.NotFound = noPage(s.chain("misdirected", s.noSuchPage(readPaths), 404, 405), s.chain("other", s.noSuchPage(readPaths)))
	for _, page := range append([]page{
		{"/", "index", s.index},
		{"/-/healthy", "healthy", s.healthy},
		{"/-/ready", "ready", s.ready},
		{"/metrics", "metrics", s.metricsHandler()},
		{"/api/v1/events", "events", s.compressed(s.readEvents)},
		{"/api/v1/timeline", "timeline", s.compressed(s.readTimeline)},
	}, s.historyPages()...) {
		h := s.chain(page.name, page.handler)
		r.GET(page.path, h)
		r.HEAD(page.path, h)
		readPaths[page.path] = true
	}
	recorder := s.ingestChain("recorder", s.takeRecorded, 200, 400, 413, 415, 503)
	s.alertmanagerPages(r, readPaths)
	r.POST(pathAlerts, s.ingestChain("alerts", s.takePosted, 200, 400, 413, 415, 503))
	stream := s.chain("stream", s.readStream)
	r.GET(pathStream, stream)
	r.HEAD(pathStream, stream)
	readPaths[pathStream] = true
	s.pageParts(r)
	if s.Reloader != nil {
		r.POST(pathReload, s.chain("reload", s.reload))
	}
	if s.cfg.Pprof {
		h := s.chain("pprof", pprofhandler.PprofHandler)
		r.GET("/debug/pprof/", h)
		r.GET("/debug/pprof/{profile:*}", h)
	}
	labelValues := s.chain("label_values", s.compressed(s.readLabelValues))
	return func(ctx *fasthttp.RequestCtx) {
		// Not by the router: it has no place for /webhook/ beside
		// /webhook/{source}, and a parameter costs three allocations.
		if ctx.IsPost() && isWebhook(ctx.URI().PathOriginal()) {
			webhook(ctx)
			return
		}
		// Nor this, for the slash at its end.
		if ctx.IsPost() && isRecorder(ctx.URI().PathOriginal()) {
			recorder(ctx)
			return
		}
		// Nor this: a label's name may have an escaped slash in it.
		if (ctx.IsGet() || ctx.IsHead()) && isLabelValues(ctx.URI().PathOriginal()) {
			labelValues(ctx)
			return
		}
		r.Handler(ctx)
	}
}

func isRecorder(path []byte) bool {
	return string(path) == pathRecorder || string(path) == pathRecorder+"/"
}

func isLabelValues(path []byte) bool {
	_, ok := labelOf(path)
	return ok
}

func isWebhook(path []byte) bool {
	_, ok := rawSource(path)
	return ok
}

// noPage tells a sender of alerts that missed the webhook from a browser that
// asks for an icon: the first loses alerts and must be seen in the metrics. A GET
// of the webhook or the recorder is a sender, too, behind a proxy that redirects. Who
// would make a silence loses none.
func noPage(misdirected, other fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		path := ctx.URI().PathOriginal()
		if (ctx.IsPost() || ctx.IsPut()) && !isSilence(path) || isWebhook(path) || isRecorder(path) {
			misdirected(ctx)
			return
		}
		other(ctx)
	}
}

// noSuchPage says which URL would have been right.
func (s *Server) noSuchPage(readPaths map[string]bool) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		path := ctx.URI().PathOriginal()
		switch {
		case isWebhook(path):
			ctx.Response.Header.Set(fasthttp.HeaderAllow, "POST")
			s.refuse(ctx, fasthttp.StatusMethodNotAllowed, "alerts come in with POST to /webhook or /webhook/{source}")
		case isRecorder(path):
			ctx.Response.Header.Set(fasthttp.HeaderAllow, "POST")
			s.refuse(ctx, fasthttp.StatusMethodNotAllowed, "an event recorder's events come in with POST to "+pathRecorder+"; /api/v1/timeline reads them")
		case bytes.HasPrefix(path, []byte(pathAlertmanager)):
			s.noSuchAlertmanagerPage(ctx, string(path), readPaths)
		case readPaths[string(path)] || isLabelValues(path):
			ctx.Response.Header.Set(fasthttp.HeaderAllow, "GET, HEAD")
			s.refuse(ctx, fasthttp.StatusMethodNotAllowed, string(path)+" is read with GET; alerts come in with POST to /webhook")
		case isPagePart(path):
			ctx.Response.Header.Set(fasthttp.HeaderAllow, "GET, HEAD")
			s.refuse(ctx, fasthttp.StatusMethodNotAllowed, "the web page is read with GET; alerts come in with POST to /webhook")
		case s.Reloader != nil && string(path) == pathReload:
			ctx.Response.Header.Set(fasthttp.HeaderAllow, "POST")
			s.refuse(ctx, fasthttp.StatusMethodNotAllowed, "the configuration is read again with POST to "+pathReload)
		default:
			s.wrongPath(ctx)
		}
	}
}

func (s *Server) wrongPath(ctx *fasthttp.RequestCtx) {
	s.refuse(ctx, fasthttp.StatusNotFound,
		"no such page; alerts come in with POST to /webhook or /webhook/{source} (a slash in the name is %2F), or to /api/v2/alerts from Prometheus, see / for the rest")
}

// rawSource returns what stands for {source} in a path of the webhook, as it is
// spelled, and whether the path is one: /webhook and /webhook/{source}, each
// with or without a slash at the end.
func rawSource(path []byte) ([]byte, bool) {
	rest, ok := bytes.CutPrefix(path, []byte(pathWebhook))
	if !ok || len(rest) == 0 {
		return nil, ok
	}
	if rest[0] != '/' {
		return nil, false
	}
	name := rest[1:]
	if n := len(name); n > 1 && name[n-1] == '/' {
		name = name[:n-1]
	}
	return name, bytes.IndexByte(name, '/') < 0
}

// appendSource appends the percent-decoded source of a path of the webhook. It
// works on the path as it was sent, so that %2F is part of a name. False for a
// path that is none, and for a name that is not UTF-8.
func appendSource(dst, path []byte) ([]byte, bool) {
	raw, ok := rawSource(path)
	if !ok {
		return dst, false
	}
	return appendUnescaped(dst, raw)
}

// appendUnescaped appends what is percent-encoded in a part of a path. False when
// it is wrongly so, or not UTF-8.
func appendUnescaped(dst, raw []byte) ([]byte, bool) {
	start := len(dst)
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '%' {
			if i+2 >= len(raw) {
				return dst, false
			}
			high, low := unhex(raw[i+1]), unhex(raw[i+2])
			if high > 15 || low > 15 {
				return dst, false
			}
			c = high<<4 | low
			i += 2
		}
		dst = append(dst, c)
	}
	return dst, utf8.Valid(dst[start:])
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 0xff
}
