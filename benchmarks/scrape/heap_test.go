package scrape

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

const settledText = `# HELP stormdrain_alerts_received_total Alerts that this process has acknowledged with a 2xx.
# TYPE stormdrain_alerts_received_total counter
stormdrain_alerts_received_total 1200
stormdrain_alerts_replayed_total 10
stormdrain_alerts_stored_total 1.205e+03
stormdrain_alerts_quarantined_total{reason="type"} 4
stormdrain_alerts_quarantined_total{reason="a year past the store's range"} 1

stormdrain_journal_backlog_deliveries 0
stormdrain_journal_backlog_bytes 70
stormdrain_http_requests_total{code="200",handler="webhook"} 7
stormdrain_http_requests_total{code="503",handler="webhook"} 2
stormdrain_store_flush_rows_sum NaN
go_gc_heap_live_bytes 4.2e+07
go_memory_classes_heap_objects_bytes 4.4e+07
go_memory_classes_heap_unused_bytes 1e+06
`

func TestSettled(t *testing.T) {
	t.Parallel()
	m, err := Parse(strings.NewReader(settledText))
	if err != nil {
		t.Fatal(err)
	}
	f := func(what string, got, want int64) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
	f("received", m.Received(), 1200)
	f("stored", m.Stored(), 1205)
	f("quarantined", m.Sum("alerts_quarantined_total"), 5)
	f("owed", m.Owed(), 0)
	f("a label", m.Sum("http_requests_total", `code="503"`), 2)
	f("a prefix of a name", m.Sum("alerts"), 0)
	if h, err := m.Heap(); err != nil || h != (Heap{Live: 42_000_000, InUse: 45_000_000}) {
		t.Errorf("%+v, %v", h, err)
	}
	if h, err := (Metrics{}).Heap(); err == nil {
		t.Errorf("metrics without figures give %+v", h)
	}
	if !m.Settled() {
		t.Error("1200 + 10 - 1205 - 5 is not at rest")
	}
	m["journal_backlog_deliveries"] = 1
	if m.Settled() {
		t.Error("a backlog is at rest")
	}
	for _, bad := range []string{"no_value\n", "name value\n"} {
		if m, err := Parse(strings.NewReader(bad)); err == nil {
			t.Errorf("%q gives %v", bad, m)
		}
	}
}

func TestHeapOverOneConnection(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	connections := map[string]bool{}
	var collected atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		connections[r.RemoteAddr] = true
		mu.Unlock()
		switch r.URL.Path {
		case "/metrics":
			w.Write([]byte(settledText))
		case "/debug/pprof/heap":
			collected.Store(r.FormValue("gc") == "1")
			w.Write(make([]byte, 100_000))
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	s := New(strings.TrimPrefix(server.URL, "http://"))
	defer s.Close()
	if m, err := s.Scrape(t.Context()); err != nil || m.Received() != 1200 {
		t.Errorf("%v, %v", m, err)
	}
	if err := s.Collect(t.Context()); err != nil || !collected.Load() {
		t.Errorf("%v, asked to collect: %v", err, collected.Load())
	}
	if err := s.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("503 is %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(connections) != 1 {
		t.Errorf("%d connections, want one", len(connections))
	}
}
