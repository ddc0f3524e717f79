package main

import (
	"fmt"
	"net/http"
	"runtime"
	"sync/atomic"
)

// counters is what the benchmark asks a server for, under stormdrain's names.
type counters struct {
	ok, refused, inFlight, alerts atomic.Int64
}

func (c *counters) begin() { c.inFlight.Add(1) }

func (c *counters) end(code int) {
	if code == http.StatusOK {
		c.ok.Add(1)
	} else {
		c.refused.Add(1)
	}
	c.inFlight.Add(-1)
}

// stored counts alerts that are committed and will be acknowledged.
func (c *counters) stored(alerts int) { c.alerts.Add(int64(alerts)) }

// ServeHTTP answers in the Prometheus text format. What is acknowledged is
// stored already, so both counts are one. The question is in flight itself.
func (c *counters) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	alerts := c.alerts.Load()
	fmt.Fprintf(w, `reference_http_requests_total{code="200",handler="webhook"} %d
reference_http_requests_total{code="other",handler="webhook"} %d
reference_http_requests_in_flight %d
reference_alerts_received_total %d
reference_alerts_stored_total %d
go_memstats_mallocs_total %d
go_gc_duration_seconds_count %d
`, c.ok.Load(), c.refused.Load(), c.inFlight.Load()+1, alerts, alerts, m.Mallocs, m.NumGC)
}
