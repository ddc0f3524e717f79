//go:build !race

package main

import (
	"testing"
	"time"

	"stormdrain/internal/obs"
)

// What is written to the metrics for each request, and for each batch, costs no
// allocation. Durations differ, as a native histogram makes a bucket when it first
// needs one; the first hundred have made them all.
func TestMetricsAllocateNothing(t *testing.T) {
	m := obs.NewMetrics(obs.Build{})
	o := newObserver(m, "sqlite")
	webhook := m.HTTPHandler("webhook", 200, 503)
	durations := make([]time.Duration, 100)
	for i := range durations {
		durations[i] = time.Duration(i+1) * 137 * time.Microsecond
	}
	n := 0
	request := func() {
		d := durations[n%len(durations)]
		n++
		m.HTTPInFlight.Inc()
		m.WebhookBodyBytes.Add(9400)
		m.JournalFsync.Observe(d.Seconds())
		o.AlertsReceived(10)
		o.AlertsStored(10, 0)
		o.Flushed(d, n%100)
		o.StoreUp(true)
		webhook.Observe(200+303*(n%2), d)
		m.HTTPInFlight.Dec()
	}
	for range 2 * len(durations) {
		request()
	}
	if n := testing.AllocsPerRun(2000, request); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
