//go:build !race

package main

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"stormdrain/internal/config"
)

// What a storm of alerts that nobody has seen before keeps alive is bounded, while the
// store is behind: the table of known sets, which is full by then, what is on its way,
// and an entry for each set of the segment. docs/adr/0022-memory.md adds it up.
func TestMemoryOfNewAlerts(t *testing.T) {
	p := openParts(t, t.TempDir(), func(cfg *config.Config, _ *troubledStore) {
		defaults, _, _ := config.Parse(nil, nil, nil, nil)
		cfg.Journal.SegmentBytes = defaults.Journal.SegmentBytes
	})
	defer p.close()
	before := alive()
	const requests, each = 350, 100
	for i := range requests {
		if err := p.ingest("", newAlerts(i*each, each)); err != nil {
			t.Fatal(err)
		}
	}
	grown := alive() - before
	if known := p.pipe.InternStats().Bytes; known < 30<<20 {
		t.Fatalf("the table of known sets holds %d bytes: that was no storm of new ones", known)
	}
	if grown > mostAlive {
		t.Errorf("%d MiB are alive, want %d at most", grown>>20, mostAlive>>20)
	}
}

// mostAlive is 32 MiB of known sets, twice the 8 MiB between journal and store, and
// what else there is.
const mostAlive = 72 << 20

func newAlerts(from, n int) string {
	var b strings.Builder
	b.WriteString(`{"receiver":"r","status":"firing","alerts":[`)
	for i := from; i < from+n; i++ {
		if i > from {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"status":"firing","labels":{"alertname":"New","instance":"host-%d.example.com:9100","pad":"%0300d"},"annotations":{"summary":"%0320d"},`+
			`"startsAt":"2026-11-23T03:12:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus.example.com/graph?g0.expr=up","fingerprint":"%016x"}`, i, i, i, i)
	}
	b.WriteString(`],"groupLabels":{},"commonLabels":{},"commonAnnotations":{},"externalURL":"","version":"4","groupKey":"{}","truncatedAlerts":0}`)
	return b.String()
}

// alive is what a collection leaves of the heap.
func alive() int64 {
	runtime.GC()
	runtime.GC() // what pools hold goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
