package server

import (
	"errors"
	"strings"
	"testing"

	"stormdrain/internal/alert"
)

// What Prometheus posts takes the way of the webhook, with all that can be refused
// there, and has no source.
func TestPostedAlerts(t *testing.T) {
	f := &fake{}
	s := start(t, testConfig(), f)
	const body = `[{"labels":{"a":"b"}}]`
	for _, request := range []string{
		post("/api/v2/alerts", "", body),
		post("/api/v2/alerts?x=y", "", body),
		post("/api/v2/alerts", "Content-Encoding: gzip\r\n", gzipped(body)),
		post("/api/v2/alerts", "Content-Encoding: zstd\r\n", zstded(body)),
		chunked("/api/v2/alerts", "", body[:5], body[5:]),
	} {
		f.requests = nil
		got := raw(t, s, request)
		if last := f.last(); got.code != 200 || got.body != `{"status":"success","alerts":22}` || got.header.Get("Content-Type") != typeJSON ||
			last.Kind != alert.Posted || last.Source != "" || string(last.Body) != body || last.RequestID == "" || last.RequestID != got.header.Get("X-Request-Id") {
			t.Errorf("%.60q: %d %q, taken: %+v", request, got.code, got.body, last)
		}
	}
	checkLine(t, raw(t, s, post("/api/v2/alerts", "Content-Encoding: br\r\n", body)), 415, "gzip")
	checkLine(t, raw(t, s, post("/api/v2/alerts", "Content-Encoding: gzip\r\n", body)), 400, "Content-Encoding")
	if len(f.quarantine) != 1 || f.quarantine[0].Kind != alert.Posted {
		t.Errorf("in quarantine: %+v", f.quarantine)
	}
	checkLine(t, raw(t, s, post("/api/v2/alerts", "", strings.Repeat(" ", 1<<20+1))), 413, "webhook.max_request_size")
	checkLine(t, raw(t, s, post("/api/v1/alerts", "", body)), 404, "/api/v2/alerts")
	checkLine(t, raw(t, s, post("/api/v2/alerts/", "", body)), 404, "/api/v2/alerts")
	for code, series := range map[string]string{"200": "5", "400": "1", "413": "1", "415": "1", "503": "0"} {
		if got := sample(t, s, `stormdrain_http_requests_total{code="`+code+`",handler="alerts"}`); got != series {
			t.Errorf("%s answers with %s, want %s", got, code, series)
		}
	}
	f.ingest = func(alert.Request) (int, error) { return 0, errors.New("journal is full") }
	checkLine(t, raw(t, s, post("/api/v2/alerts", "", body)), 503, "journal is full; try again")
	f.ingest = func(alert.Request) (int, error) {
		return 0, &alert.RefusedError{Reason: "shape", Detail: "the body is an object"}
	}
	checkLine(t, raw(t, s, post("/api/v2/alerts", "", "{}")), 400, "the body is an object")
}

// A body that is too large is answered with what its sender can do about it.
func TestTooLargeSaysWhatToDo(t *testing.T) {
	s := start(t, testConfig(), &fake{})
	for path, part := range map[string]string{
		"/webhook":         "set max_alerts in Alertmanager's webhook_config",
		"/webhook/eu1":     "set max_alerts in Alertmanager's webhook_config",
		"/api/v2/alerts":   "have the sender post fewer alerts at a time",
		"/api/v1/recorder": "leave batch: true out of Alertmanager's event_recorder",
	} {
		checkLine(t, raw(t, s, post(path, "", strings.Repeat(" ", 1<<20+1))), 413, "raise it, or "+part)
	}
}
