package sqlite

import "testing"

// BenchmarkWrite stores batches of 5 000 events, in a database that grows: the
// longer it runs, the larger are the indexes. Known: 2 000 label sets that
// come again and again. New: nothing was ever seen before.
func BenchmarkWrite(b *testing.B) {
	const events = 5000
	b.Run("entries=known", func(b *testing.B) {
		s := open(b, temporary(b))
		f := newFeed(1, 2000, 10)
		mustPosition(b, s, f.journal)
		mustWrite(b, s, f.batch(events))
		benchmarkBatches(b, s, f, events)
	})
	b.Run("entries=new", func(b *testing.B) {
		s := open(b, temporary(b))
		f := newFeed(1, 0, 10)
		mustPosition(b, s, f.journal)
		benchmarkBatches(b, s, f, events)
	})
}

func benchmarkBatches(b *testing.B, s *Store, f *feed, events int) {
	fresh := len(f.sets) == 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		if fresh {
			f.addSets(events)
		}
		batch := f.batch(events)
		b.StartTimer()
		mustWrite(b, s, batch)
	}
	b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "rows/s")
}
