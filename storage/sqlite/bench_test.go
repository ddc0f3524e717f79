package sqlite

import (
	"testing"

	"stormdrain/internal/alert"
)

// BenchmarkWrite stores batches of 5 000 events, in a database that grows: the
// longer it runs, the larger are the indexes. Known: 2 000 label sets that
// come again and again. Details: the same, but every event has annotations that
// were never seen, as those with a measured value have. New: the label sets are
// new, too.
func BenchmarkWrite(b *testing.B) {
	const events = 5000
	b.Run("entries=known", func(b *testing.B) {
		s := open(b, temporary(b))
		f := newFeed(1, 2000, 10)
		mustPosition(b, s, f.journal)
		mustWrite(b, s, f.batch(events))
		benchmarkBatches(b, s, events, func() *alert.Batch { return f.batch(events) })
	})
	b.Run("entries=details", func(b *testing.B) {
		s := open(b, temporary(b))
		f := newFeed(1, 2000, 10)
		mustPosition(b, s, f.journal)
		mustWrite(b, s, f.batch(events))
		benchmarkBatches(b, s, events, func() *alert.Batch { return f.freshDetails(f.batch(events)) })
	})
	b.Run("entries=new", func(b *testing.B) {
		s := open(b, temporary(b))
		f := newFeed(1, 0, 10)
		mustPosition(b, s, f.journal)
		benchmarkBatches(b, s, events, func() *alert.Batch {
			f.addSets(events)
			return f.batch(events)
		})
	})
}

func benchmarkBatches(b *testing.B, s *Store, events int, next func() *alert.Batch) {
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		batch := next()
		b.StartTimer()
		mustWrite(b, s, batch)
	}
	b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "rows/s")
}
