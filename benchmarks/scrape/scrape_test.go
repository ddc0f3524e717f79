package scrape

import (
	"strings"
	"testing"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	const text = `# HELP stormdrain_http_requests_total HTTP requests that were answered.
# TYPE stormdrain_http_requests_total counter
stormdrain_http_requests_total{code="200",handler="metrics"} 7
stormdrain_http_requests_total{code="200",handler="webhook"} 1.2e+02
stormdrain_http_requests_total{code="503",handler="webhook"} 3

stormdrain_http_requests_in_flight 1
stormdrain_alerts_received_total 1200
stormdrain_alerts_replayed_total 10
stormdrain_alerts_stored_total 1205
stormdrain_alerts_quarantined_total{reason="type"} 4
stormdrain_alerts_quarantined_total{reason="a year past the store's range"} 1
stormdrain_store_flush_rows_sum NaN
go_memstats_mallocs_total 77
`
	m, err := Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	f := func(what string, got, want int64) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
	f("webhooks", m.Webhooks(), 123)
	f("webhooks with 200", m.Webhooks(`code="200"`), 120)
	f("received", m.Received(), 1200)
	f("quarantined", m.Quarantined(), 5)
	f("mallocs", m.Mallocs(), 77)
	f("a prefix of a name", m.Sum("alerts"), 0)
	if !m.AtRest() {
		t.Error("1200 + 10 - 1205 - 5 is not at rest")
	}
	if m["http_requests_in_flight"] = 2; m.AtRest() {
		t.Error("at rest with a request in flight")
	}
	if m, err := Parse(strings.NewReader("reference_alerts_stored_total 3\n")); err != nil || m.Stored() != 3 {
		t.Errorf("%v, %v", m, err)
	}
	if _, err := Parse(strings.NewReader("no_value\n")); err == nil {
		t.Error("a series without a value was taken")
	}
	if _, err := Parse(strings.NewReader("name value\n")); err == nil {
		t.Error("a value that is no number was taken")
	}
}
