package server

import "github.com/valyala/fasthttp"

const indexText = `stormdrain takes in what Alertmanager sends, and keeps it.

POST /webhook            alerts, from a webhook_config of Alertmanager or a contact point of Grafana
POST /webhook/{source}   the same, with the name of the cluster they come from
POST /api/v1/recorder    what an event_recorder of Alertmanager sends
POST /api/v2/alerts      alerts, from Prometheus and all that sends to an Alertmanager as it does
GET  /api/v1/events      what was received; from, to, filter, status, receiver, source, fingerprint,
                         limit, cursor, format=json|ndjson|csv
GET  /api/v1/episodes    what became of it, one row for each firing; as events, and at, open=true
GET  /api/v1/stats       how often and for how long; as episodes, and by, sort
GET  /api/v1/received    what came in per step; from, to, step, filter, source, receiver, fingerprint
GET  /api/v1/gaps        what may be missing; from, to, limit
GET  /api/v1/sources     who sends
GET  /api/v1/labels      names of labels; prefix, limit
GET  /api/v1/label/{name}/values
GET  /api/v1/stream      what is stored, as it is stored: server-sent events; filter, status, receiver, source,
                         fingerprint
GET  /api/v1/timeline    what event recorders said; fingerprint, kind, instance, silence, from, to,
                         limit, cursor
GET  /api/v2/alerts      what fires, as an Alertmanager answers; with alerts/groups, receivers, silences, status
GET  /api/v1/status      how it is here
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
