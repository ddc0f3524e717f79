package e2e

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// busy makes one of everything that the metrics tell apart: deliveries, also
// compressed, refused, quarantined, misdirected, and queries.
func busy(t *testing.T, c *client) {
	t.Helper()
	const start = "2026-11-23T07:51:58Z"
	good := nastyAlert(`{"alertname":"Good"}`, `{}`, start, start)
	c.deliver("/webhook/eu", "good", []byte(nastyMessage(good, good)), 2)
	c.deliver("/webhook", "packed", gzipped(t, []byte(nastyMessage(good))), 1, "Content-Encoding", "gzip")
	c.deliver("/webhook", "spoilt", []byte(nastyMessage(good, nastyAlert(`{"alertname":"Times"}`, `{}`, "yesterday", start))), 2)
	f := func(method, path, body string, want int, header ...string) {
		t.Helper()
		if got := c.do(method, path, []byte(body), header...); got.code != want {
			t.Errorf("%s %s: %d %q, want %d", method, path, got.code, got.body, want)
		}
	}
	f("POST", "/webhook", "{", 400)
	f("POST", "/webhook", "{}", 400)
	f("POST", "/webhook", "{}", 400, "Content-Encoding", "gzip")
	f("POST", "/webhook", "{}", 415, "Content-Encoding", "br")
	f("POST", "/webhok", "{}", 404)
	f("GET", "/webhook", "", 405)
	f("GET", "/favicon.ico", "", 404)
	f("GET", "/api/v1/events?limit=0", "", 400)
	f("GET", "/", "", 200)
	if n := len(c.events("filter=alertname%3D\"Nobody\"")); n != 0 {
		t.Errorf("%d events of nobody", n)
	}
}

// scrapeAs returns a scrape in the format that is asked for.
func scrapeAs(t *testing.T, c *client, accept string) answer {
	t.Helper()
	got := c.do(http.MethodGet, "/metrics", nil, "Accept", accept)
	if got.code != 200 {
		t.Fatalf("metrics: %d %s", got.code, got.body)
	}
	return got
}

// families is a scrape in protobuf, which shows native histograms.
func families(t *testing.T, c *client) map[string]*dto.MetricFamily {
	t.Helper()
	const protobuf = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
	got := scrapeAs(t, c, protobuf)
	all := make(map[string]*dto.MetricFamily)
	dec := expfmt.NewDecoder(strings.NewReader(got.body), expfmt.NewFormat(expfmt.TypeProtoDelim))
	for {
		f := new(dto.MetricFamily)
		err := dec.Decode(f)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all[f.GetName()] = f
	}
}

// TestMetricsAreThoseOfTheContract compares names, types and labels with section 5
// of the contract, and what was added with deploy/prometheus/README.md.
func TestMetricsAreThoseOfTheContract(t *testing.T) {
	forEachStore(t, func(t *testing.T, store *testStore) {
		p := startProgram(t, store.flags...)
		c := p.client()
		busy(t, c)
		c.waitAtRest()
		all := families(t, c)
		f := func(name string, kind dto.MetricType, labels ...string) {
			t.Helper()
			name = "stormdrain_" + name
			family := all[name]
			delete(all, name)
			switch {
			case family == nil:
				t.Errorf("%s is not there", name)
				return
			case family.GetType() != kind:
				t.Errorf("%s is a %v, want %v", name, family.GetType(), kind)
			case family.GetHelp() == "":
				t.Errorf("%s has no help", name)
			}
			for _, m := range family.Metric {
				got := make(map[string]bool)
				for _, l := range m.Label {
					got[l.GetName()] = true
				}
				if found := slices.Sorted(maps.Keys(got)); !slices.Equal(found, labels) {
					t.Errorf("%s has the labels %q, want %q", name, found, labels)
				}
				if h := m.Histogram; h != nil && (h.Schema == nil || len(h.Bucket) < 5) {
					t.Errorf("%s is not both a classic and a native histogram: schema %v, %d buckets", name, h.Schema, len(h.Bucket))
				}
			}
		}
		const counter, gauge, histogram = dto.MetricType_COUNTER, dto.MetricType_GAUGE, dto.MetricType_HISTOGRAM
		f("http_requests_total", counter, "code", "handler")
		f("http_request_duration_seconds", histogram, "code", "handler")
		f("http_requests_in_flight", gauge)
		f("alerts_received_total", counter)
		f("alerts_replayed_total", counter)
		f("alerts_stored_total", counter)
		f("alerts_quarantined_total", counter, "reason")
		f("bodies_quarantined_total", counter, "reason")
		f("recorder_events_total", counter)
		f("recorder_events_quarantined_total", counter, "reason")
		f("journal_fsync_duration_seconds", histogram)
		f("journal_backlog_bytes", gauge)
		f("journal_backlog_deliveries", gauge)
		f("journal_oldest_seconds", gauge)
		f("store_flush_duration_seconds", histogram, "store")
		f("store_flush_rows", histogram)
		f("store_up", gauge)
		f("intern_entries", gauge, "kind")
		f("intern_bytes", gauge)
		f("intern_hits_total", counter)
		f("intern_misses_total", counter)
		f("build_info", gauge, "goversion", "revision", "version")
		// Not in the contract, but in the README of deploy/prometheus.
		f("http_connections", gauge)
		f("http_connections_max", gauge)
		f("http_connections_refused_total", counter)
		f("http_tls_handshakes_failed_total", counter)
		f("webhook_body_bytes_total", counter)
		f("streams", gauge)
		f("stream_lost_total", counter)
		f("journal_bytes", gauge)
		f("journal_max_bytes", gauge)
		f("journal_torn_tails_total", counter)
		f("journal_damaged_total", counter)
		f("journal_failed_segments_total", counter)
		f("config_last_reload_successful", gauge)
		f("config_last_reload_success_timestamp_seconds", gauge)
		f("store_connections", gauge, "state")
		f("store_connections_max", gauge)
		f("truncated_alerts_total", counter)
		f("sources_silent", gauge)
		f("resolved_without_firing_total", counter)
		f("episodes_fold_duration_seconds", histogram)
		f("episodes_folded_total", counter)
		f("episodes_behind_seconds", gauge)
		f("retention_removed_total", counter, "what")
		f("oldest_event_seconds", gauge)
		for name := range all {
			if strings.HasPrefix(name, "stormdrain_") {
				t.Errorf("%s is in neither list: the contract or this test must know it", name)
			}
		}
	})
}

// TestMetricsAreWellFormed scrapes as Prometheus does, in both text formats.
func TestMetricsAreWellFormed(t *testing.T) {
	p := startProgram(t)
	c := p.client()
	busy(t, c)
	c.waitAtRest()

	plain := scrapeAs(t, c, "text/plain;version=0.0.4")
	problems, err := promlint.New(strings.NewReader(plain.body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		if strings.HasPrefix(problem.Metric, "stormdrain_") { // the others' names are not ours
			t.Errorf("%s: %s", problem.Metric, problem.Text)
		}
	}
	if plain.header.Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8; escaping=underscores" {
		t.Errorf("content type %q", plain.header.Get("Content-Type"))
	}
	open := scrapeAs(t, c, "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.1")
	if !strings.HasPrefix(open.header.Get("Content-Type"), "application/openmetrics-text; version=1.0.0") || !strings.HasSuffix(open.body, "\n# EOF\n") {
		t.Errorf("OpenMetrics: content type %q, end %q", open.header.Get("Content-Type"), open.body[max(0, len(open.body)-30):])
	}
	// The parts of the runtime that the dashboard goes by are asked for one by one
	// in TestExpressionsFindTheirMetrics; here, that a scrape stays small.
	if lines := bytes.Count([]byte(plain.body), []byte("\n")); lines > 2000 {
		t.Errorf("a scrape has %d lines", lines)
	}
}

// alertmanagersOwn is what only a newer Alertmanager than the machine's exports:
// the label reason is there since 0.26 (prometheus/alertmanager pull request 3094).
var alertmanagersOwn = map[string]string{"integration": "webhook", "reason": "clientError"}

// TestExpressionsFindTheirMetrics takes every query of the dashboard and of the
// alert rules apart: metrics, labels and values must be those that the program
// exports after real traffic.
func TestExpressionsFindTheirMetrics(t *testing.T) {
	p := startProgram(t)
	c := p.client()
	busy(t, c)
	c.waitAtRest()
	x := make(exported)
	x.addScrape(scrapeAs(t, c, "text/plain").body)
	x.add("up", nil) // by Prometheus

	a := startAlertmanager(t, p.url())
	theirs := make(exported)
	theirs.addScrape((&client{t: t, base: a.base, http: c.http}).do("GET", "/metrics", nil).body)
	const failed = "alertmanager_notifications_failed_total"
	if !slices.Contains(theirs[failed]["integration"], "webhook") {
		t.Errorf("Alertmanager has no %s{integration=\"webhook\"}", failed)
	}
	x.add(failed, alertmanagersOwn)

	expressions := append(dashboardExpressions(t), ruleExpressions(t)...)
	for _, e := range expressions {
		for _, fault := range x.faults(e) {
			t.Errorf("%s: %s", e.where, fault)
		}
	}
	t.Logf("%d expressions", len(expressions))
}

// TestExpressionsCheckIsStrict checks the checker.
func TestExpressionsCheckIsStrict(t *testing.T) {
	x := make(exported)
	x.addScrape("# HELP a_total x\na_total{code=\"200\",handler=\"webhook\"} 1\nb 1.5e+06\n")
	f := func(expr string, finds bool, shown ...string) {
		t.Helper()
		faults := x.faults(expression{expr: expr, shown: shown})
		if (len(faults) > 0) != finds {
			t.Errorf("%s, showing %q: faults %q, wanted some: %v", expr, shown, faults, finds)
		}
	}
	f(`sum by (code, job) (rate(a_total{handler="webhook",code=~"2.."}[5m])) / on (instance) b`, false, "code", "instance")
	f(`rate(a_totals[5m])`, true)
	f(`a_total{status="200"}`, true)
	f(`a_total{code=~"5.."}`, true)
	f(`a_total{handler!="webhook"}`, true)
	f(`sum by (reason) (a_total)`, true)
	f(`b and on (code) b`, true)
	f(`b`, true, "code")
	f(`b +`, true)
}

// TestDashboardShowsSomething has a real Prometheus scrape the program under load
// and answer every query of the dashboard; and of the alerts those fire, and only
// those, that something has happened for. One that scrapes native histograms has no
// classic ones: there, too, every panel and every rule over a histogram finds something.
func TestDashboardShowsSomething(t *testing.T) {
	t.Run("classic", func(t *testing.T) { showsSomething(t) })
	t.Run("native", func(t *testing.T) { showsSomething(t, "--enable-feature=native-histograms") })
}

func showsSomething(t *testing.T, flags ...string) {
	p := startProgram(t)
	prom := startPrometheus(t, p.addr, flags...)
	c := p.client()
	busy(t, c) // after the first scrape, so that counters increase
	l := startLoad(p, 2, 20)
	defer l.stop()

	var pending []expression
	for _, e := range append(dashboardExpressions(t), quantilesOfRules(t)...) {
		if e.panel {
			pending = append(pending, e)
		}
	}
	began := time.Now()
	eventually(t, time.Minute, func() string {
		pending = slices.DeleteFunc(pending, func(e expression) bool {
			values, err := prom.query(e.expr)
			if err != nil {
				t.Fatalf("%s: %v in %s", e.where, err, e.expr)
			}
			return len(values) > 0
		})
		if len(pending) == 0 {
			return ""
		}
		return fmt.Sprintf("%d queries find nothing, %s among them: %s", len(pending), pending[0].where, pending[0].expr)
	})
	t.Logf("every panel shows something after %v", time.Since(began).Round(time.Second))

	want := map[string]bool{"StormdrainRefusesDeliveries": true, "StormdrainAlertsQuarantined": true, "StormdrainBodiesQuarantined": true, "StormdrainResolvedWithoutFiring": true}
	eventually(t, 30*time.Second, func() string {
		if got := prom.alerts(); !maps.Equal(got, want) {
			return fmt.Sprintf("firing are %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
		return ""
	})
}
