package main

import (
	"io"
	"slices"
	"strings"
	"testing"

	"stormdrain/benchmarks/load"
	"stormdrain/benchmarks/report"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	o, err := parseOptions(nil, io.Discard)
	if err != nil || len(o.targets) != len(targets()) || o.rounds != 5 {
		t.Errorf("%+v, %v", o, err)
	}
	o, err = parseOptions([]string{"-quick", "-modes", "storm,hard", "-targets", "ceiling;fsync, Postgres", "-postgres", "a=1", "-postgres", "b=2"}, io.Discard)
	if err != nil || o.rounds != 1 || o.rows != "1x" || len(o.modes) != 2 || len(o.targets) != 2 || !slices.Equal(o.postgres, []string{"a=1", "b=2"}) {
		t.Errorf("%+v, %v", o, err)
	}
	refused := func(args ...string) {
		t.Helper()
		if o, err := parseOptions(args, io.Discard); err == nil {
			t.Errorf("%v gives %+v", args, o)
		}
	}
	refused("-rounds", "0")
	refused("-duration", "500ms")
	refused("-warmup", "0s")
	refused("-connections", "0")
	refused("-rate", "0")
	refused("-modes", "calm")
	refused("-targets", "fsync, Oracle")
	refused("now")
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	const text = `# HELP stormdrain_http_requests_total HTTP requests that were answered.
# TYPE stormdrain_http_requests_total counter
stormdrain_http_requests_total{code="200",handler="metrics"} 7
stormdrain_http_requests_total{code="200",handler="webhook"} 1.2e+02
stormdrain_http_requests_total{code="503",handler="webhook"} 3

stormdrain_alerts_received_total 1200
stormdrain_alerts_replayed_total 10
stormdrain_alerts_stored_total 1205
stormdrain_alerts_quarantined_total{reason="type"} 4
stormdrain_alerts_quarantined_total{reason="a year past the store's range"} 1
stormdrain_store_flush_rows_sum NaN
`
	m, err := parseMetrics(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	f := func(what string, got, want int64) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
	f("webhooks", m.webhooks(), 123)
	f("webhooks with 200", m.webhooks(`code="200"`), 120)
	f("received", m.received(), 1200)
	f("quarantined", m.quarantined(), 5)
	f("a prefix of a name", m.sum("stormdrain_alerts"), 0)
	if !m.atRest() {
		t.Error("1200 + 10 - 1205 - 5 is not at rest")
	}
	if _, err := parseMetrics(strings.NewReader("no_value\n")); err == nil {
		t.Error("a series without a value was taken")
	}
	if _, err := parseMetrics(strings.NewReader("name value\n")); err == nil {
		t.Error("a value that is no number was taken")
	}
}

func TestParseRows(t *testing.T) {
	t.Parallel()
	const out = `goos: linux
goarch: amd64
pkg: stormdrain/storage/postgres
BenchmarkWrite/entries=known-2         	     100	  12204566 ns/op	       103.0 B/event	    409683 rows/s	  330116 B/op	      97 allocs/op
BenchmarkWrite/entries=known/rows=pgx-2         	      90	  18204566 ns/op	    274657 rows/s
BenchmarkWrite/entries=new             	       1	 239144632 ns/op	     20908 rows/s
BenchmarkOther-2                        	     100	       1.5 ns/op
PASS
`
	want := []report.Rows{
		{Name: "entries=known", PerSecond: 409683},
		{Name: "entries=known/rows=pgx", PerSecond: 274657},
		{Name: "entries=new", PerSecond: 20908},
	}
	if got := parseRows(out); !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	if got := parseRows("FAIL\n"); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
}

// The look at the load must see what would make a measurement worthless.
func TestLook(t *testing.T) {
	t.Parallel()
	body := func(n, alerts int, startsAt string) string {
		one := `{"status":"firing","fingerprint":"0123456789abcdef","startsAt":"` + startsAt + `",` +
			`"labels":{"a":"1","b":"2","c":"3","d":"4","n":"` + string(rune('a'+n)) + `"},"annotations":{"x":"1","y":"2","z":"3"}}`
		return `{"version":"4","alerts":[` + strings.TrimSuffix(strings.Repeat(one+",", alerts), ",") + `]}`
	}
	const at = "2026-11-23T07:00:00.000000001Z"
	l := newLook()
	if err := l.take([]byte(body(1, load.Alerts, at))); err != nil {
		t.Fatal(err)
	}
	if err := l.take([]byte(body(2, load.Alerts, at))); err != nil || l.n != 2 || len(l.labels) != 2 {
		t.Errorf("%v; %d bodies, %d label sets", err, l.n, len(l.labels))
	}
	refused := func(body, why string) {
		t.Helper()
		if err := l.take([]byte(body)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%.60s: %v, want %q", body, err, why)
		}
	}
	refused(body(1, load.Alerts, at), "before")
	refused(body(3, load.Alerts-1, at), "9 alerts")
	refused(body(3, load.Alerts, "0001-01-01T00:00:00Z"), "alert 0")
	refused(body(3, load.Alerts, "soon"), "parsing time")
	refused("{", "JSON")
}
