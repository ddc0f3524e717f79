package server

import "github.com/valyala/fasthttp"

const indexText = `stormdrain takes in what Alertmanager sends, and keeps it.

POST /webhook            alerts, from a webhook_config of Alertmanager or a contact point of Grafana
POST /webhook/{source}   the same, with the name of the cluster they come from
GET  /api/v1/events      what was received; from, to, filter, status, receiver, source, fingerprint,
                         limit, cursor, format=json|ndjson|csv
GET  /-/healthy          200 while the process runs
GET  /-/ready            200 while alerts can be taken in, else 503 and why
POST /-/reload           reads the configuration again, as SIGHUP does
GET  /metrics            metrics for Prometheus
`

func (s *Server) healthy(ctx *fasthttp.RequestCtx) { answer(ctx, fasthttp.StatusOK, "healthy") }

func (s *Server) ready(ctx *fasthttp.RequestCtx) {
	if s.closing.Load() {
		answer(ctx, fasthttp.StatusServiceUnavailable, "not ready: shutting down")
		return
	}
	if err := s.Readiness.Ready(); err != nil {
		answer(ctx, fasthttp.StatusServiceUnavailable, "not ready: "+oneLine(err.Error()))
		return
	}
	answer(ctx, fasthttp.StatusOK, "ready")
}
