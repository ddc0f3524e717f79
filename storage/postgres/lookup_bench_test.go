package postgres

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// BenchmarkLookup looks for label sets among BENCH_SETS, 200 000 by default, of one event
// each: for one of them, for one in forty and for what all have; the first page of each, as
// a search reads it. Reported, too, are the pieces that the index consists of.
func BenchmarkLookup(b *testing.B) {
	sets := 200_000
	if v := os.Getenv("BENCH_SETS"); v != "" {
		var err error
		if sets, err = strconv.Atoi(v); err != nil {
			b.Fatal(err)
		}
	}
	s, _ := openBench(b)
	batch := stormBatch()
	for n := range sets / benchEvents {
		renew(batch, n, true)
		if err := s.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		advance(batch)
	}
	f := func(name string, equal ...alert.Pair) {
		b.Run(name, func(b *testing.B) {
			found := 0
			for b.Loop() {
				page, err := reader{pool: s.pool}.Candidates(b.Context(), storage.Narrowing{Equal: equal}, math.MinInt64, 1000)
				if err != nil {
					b.Fatal(err)
				}
				found = len(page)
			}
			b.ReportMetric(float64(found), "sets")
		})
	}
	common := alert.Pair{Name: "severity", Value: "critical"}
	n := benchSets + sets/2
	f("sets=1", alert.Pair{Name: "pod", Value: fmt.Sprintf("service-%d-7d9c5b6f4-x2k%d", n%97, n)})
	f("sets=none", common, alert.Pair{Name: "pod", Value: "none"})
	f("sets=one in 40", alert.Pair{Name: "namespace", Value: "team-3"})
	f("sets=one in 40, and common", common, alert.Pair{Name: "namespace", Value: "team-3"})
	f("sets=all", common)
}
