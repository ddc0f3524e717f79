package obs

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
)

func full() *Metrics {
	m := NewMetrics(Build{Version: "1.2.3", Revision: "abc"})
	m.AlertsQuarantined.WithLabelValues("year").Inc()
	m.BodiesQuarantined.WithLabelValues("syntax").Inc()
	m.StoreFlush.WithLabelValues("sqlite").Observe(0.01)
	m.HTTPHandler("webhook", 200, 503).Observe(200, time.Millisecond)
	one := func() float64 { return 1 }
	m.Gauge("journal_backlog_bytes", "Bytes not yet stored.", nil, one)
	m.Gauge("intern_entries", "Entries in the table.", map[string]string{"kind": "labels"}, one)
	m.Gauge("intern_entries", "Entries in the table.", map[string]string{"kind": "details"}, one)
	m.Counter("intern_hits_total", "Sets known already.", nil, one)
	return m
}

func TestMetricsAreLintClean(t *testing.T) {
	problems, err := testutil.GatherAndLint(full().Gatherer())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "go_") || strings.HasPrefix(p.Metric, "process_") {
			continue // not ours
		}
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestMetricsHaveTheContractsNames(t *testing.T) {
	scrape := func(accept string) (string, string) {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/metrics", nil)
		r.Header.Set("Accept", accept)
		full().Handler().ServeHTTP(w, r)
		return w.Body.String(), w.Header().Get("Content-Type")
	}
	text, contentType := scrape("text/plain")
	if !strings.HasPrefix(contentType, "text/plain") {
		t.Errorf("content type %q", contentType)
	}
	for _, want := range []string{
		`stormdrain_http_requests_total{code="200",handler="webhook"} 1`,
		`stormdrain_http_requests_total{code="503",handler="webhook"} 0`,
		`stormdrain_http_request_duration_seconds_bucket{code="200",handler="webhook",le="0.001"} 1`,
		`stormdrain_http_requests_in_flight 0`,
		`stormdrain_alerts_received_total 0`, `stormdrain_truncated_alerts_total 0`, `stormdrain_alerts_replayed_total 0`, `stormdrain_alerts_stored_total 0`,
		`stormdrain_alerts_quarantined_total{reason="year"} 1`, `stormdrain_bodies_quarantined_total{reason="syntax"} 1`,
		`stormdrain_journal_fsync_duration_seconds_count 0`, `stormdrain_journal_backlog_bytes 1`,
		`stormdrain_store_flush_duration_seconds_count{store="sqlite"} 1`, `stormdrain_store_flush_rows_count 0`,
		`stormdrain_store_up 0`, `stormdrain_episodes_fold_duration_seconds_count 0`, `stormdrain_episodes_folded_total 0`, `stormdrain_intern_hits_total 1`,
		`stormdrain_intern_entries{kind="labels"} 1`, `stormdrain_intern_entries{kind="details"} 1`,
		`stormdrain_build_info{goversion="go`, `version="1.2.3"} 1`,
		"\ngo_goroutines ", "\nprocess_open_fds ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in the scrape", want)
		}
	}
	text, contentType = scrape("application/openmetrics-text; version=1.0.0")
	if !strings.HasPrefix(contentType, "application/openmetrics-text") || !strings.HasSuffix(text, "# EOF\n") {
		t.Errorf("OpenMetrics: content type %q, end %q", contentType, text[len(text)-20:])
	}
}

func TestHTTPHandlerCountsOddCodes(t *testing.T) {
	h := NewMetrics(Build{}).HTTPHandler("x")
	for _, code := range []int{-1, 0, 99, 100, 200, 599, 600, 1 << 30} {
		h.Observe(code, 0)
	}
}

func TestHTTPHandlerDoesNotAllocate(t *testing.T) {
	h := NewMetrics(Build{}).HTTPHandler("x", 200)
	if n := testing.AllocsPerRun(1000, func() { h.Observe(200, time.Millisecond) }); n > 0 {
		t.Errorf("%v allocations per request", n)
	}
}

func TestLogger(t *testing.T) {
	var b bytes.Buffer
	log, err := NewLogger("info", "auto", &b)
	if err != nil {
		t.Fatal(err)
	}
	log.Debug().Msg("not seen")
	log.Info().Int("n", 1).Msg("seen")
	var line struct {
		Level, Message, Time string
		N                    int
	}
	if err := json.Unmarshal(b.Bytes(), &line); err != nil {
		t.Fatalf("%v in %q", err, b.String())
	}
	if line.Level != "info" || line.Message != "seen" || line.N != 1 || !strings.HasSuffix(line.Time, "Z") {
		t.Errorf("got %+v", line)
	}
	b.Reset()
	if log, err = NewLogger("warn", "console", &b); err != nil {
		t.Fatal(err)
	}
	log.Warn().Msg("hello")
	if s := b.String(); !strings.Contains(s, "WRN hello") {
		t.Errorf("console line %q", s)
	}
	for _, bad := range [][2]string{{"loud", "json"}, {"", "json"}, {"info", "xml"}} {
		if _, err := NewLogger(bad[0], bad[1], &b); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}

// A level that changes is seen by every logger that was made before, also by
// those that sample.
func TestLevelChanges(t *testing.T) {
	var b bytes.Buffer
	level, err := NewLevel("info")
	if err != nil {
		t.Fatal(err)
	}
	log, err := NewLoggerAt(level, "json", &b)
	if err != nil {
		t.Fatal(err)
	}
	sampled := log.Sample(&zerolog.BurstSampler{Burst: 100, Period: time.Hour})
	f := func(name, want string) {
		t.Helper()
		if err := level.Set(name); err != nil {
			t.Error(err)
		}
		b.Reset()
		for _, l := range []zerolog.Logger{log, log.With().Str("x", "y").Logger(), sampled} {
			l.Debug().Msg("debug")
			l.Info().Msg("info")
			l.Error().Msg("error")
		}
		for _, word := range []string{"debug", "info", "error"} {
			n := strings.Count(b.String(), `"message":"`+word+`"`)
			if wanted := 3 * strings.Count(want, word); n != wanted {
				t.Errorf("at %s: %d lines %q, want %d", name, n, word, wanted)
			}
		}
	}
	f("info", "info error")
	f("debug", "debug info error")
	f("error", "error")
	if err := level.Set("loud"); err == nil {
		t.Error("no error for a level that is none")
	}
	f("warn", "error")
}
