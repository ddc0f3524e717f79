package sqlite

import (
	"testing"

	"stormdrain/internal/alert"
)

// BenchmarkEvents reads from a million events of 2 000 label sets that were
// written in 200 batches. View counts the rows of alert_events of 50 000.
func BenchmarkEvents(b *testing.B) {
	const events = 5000
	s := open(b, temporary(b))
	f := newFeed(1, 2000, 10)
	mustPosition(b, s, f.journal)
	for range 200 {
		mustWrite(b, s, f.batch(events))
	}
	for _, bench := range []struct {
		name, filter string
		limit        int
	}{
		{"newest=100", "", 100},
		{"newest=100000", "", 100_000},
		{"sets=1/newest=100", `instance="node-000007.example.com:9100"`, 100},
		{"sets=1", `instance="node-000007.example.com:9100"`, 0},
		{"sets=40/newest=100", `alertname="DiskFull3"`, 100},
		{"sets=40", `alertname="DiskFull3"`, 0},
		{"sets=2000/newest=100", `job="node"`, 100},
	} {
		b.Run(bench.name, func(b *testing.B) {
			q := everything()
			if bench.filter != "" {
				q = matching(b, bench.filter)
			}
			q.Limit = bench.limit
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Events(b.Context(), q, func(*alert.Stored) error { n++; return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/float64(b.N), "events/op")
		})
	}
	b.Run("view", func(b *testing.B) {
		for b.Loop() {
			count(b, s, `SELECT count(*) FROM (SELECT labels FROM alert_events LIMIT 50000)`)
		}
	})
}
