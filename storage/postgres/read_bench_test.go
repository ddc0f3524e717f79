package postgres

import (
	"math"
	"testing"

	"stormdrain/internal/alert"
)

// BenchmarkEvents reads from 250 000 events of 2 000 label sets that were
// written in 50 batches and never vacuumed: the state of the newest partition.
func BenchmarkEvents(b *testing.B) {
	s, _ := openBench(b)
	batch := stormBatch()
	for range 50 {
		if err := s.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		advance(batch)
	}
	for _, bench := range []struct {
		name, filter string
		limit        int
	}{
		{"all", "", 0},
		{"newest=100", "", 100},
		{"sets=1", `pod="service-7-7d9c5b6f4-x2k7"`, 0},
		{"sets=50/newest=100", `{namespace="team-3",pod=~"service-.*"}`, 100},
		{"sets=50", `{namespace="team-3",pod=~"service-.*"}`, 0},
		{"sets=2000", `severity=~"crit.*"`, 0},
	} {
		b.Run(bench.name, func(b *testing.B) {
			q := &alert.Query{From: math.MinInt64, To: math.MaxInt64, Limit: bench.limit}
			if bench.filter != "" {
				var err error
				if q.Matchers, err = alert.ParseMatchers(bench.filter); err != nil {
					b.Fatal(err)
				}
			}
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Events(b.Context(), q, func(*alert.Stored) error { n++; return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(n)/float64(b.N), "events/op")
		})
	}
}
