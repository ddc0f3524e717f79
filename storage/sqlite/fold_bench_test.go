package sqlite

import (
	"context"
	"testing"
	"time"

	"stormdrain/internal/alert"
)

// BenchmarkFold stores batches of 5 000 events as BenchmarkWrite does, with alerts that
// last, and folds as the pipeline does: after a commit, when the last fold has been
// over for ten times as long as it took. write-ns/event and fold-ns/event are what each
// of the two takes. Known and new are BenchmarkWrite's; flapping: every alert resolves
// and fires anew in turn; fold=never is the same without folding.
func BenchmarkFold(b *testing.B) {
	for _, fold := range []string{"never", "due"} {
		b.Run("entries=known/fold="+fold, func(b *testing.B) {
			f := newFeed(1, 2000, 10)
			benchmarkFold(b, f, fold, func() *alert.Batch { return f.lasting(0) })
		})
		b.Run("entries=flapping/fold="+fold, func(b *testing.B) {
			f := newFeed(1, 2000, 10)
			n := int64(0)
			benchmarkFold(b, f, fold, func() *alert.Batch { n++; return f.lasting(n) })
		})
		b.Run("entries=new/fold="+fold, func(b *testing.B) {
			f := newFeed(1, 1, 10)
			benchmarkFold(b, f, fold, func() *alert.Batch { f.addSets(benchEvents); return f.lasting(0) })
		})
	}
}

const benchEvents = 5000

// lasting is batch with alerts that have begun at the same moment each time, in the
// n-th round of flapping, and fire.
func (f *feed) lasting(n int64) *alert.Batch {
	b := f.batch(benchEvents)
	for i := range b.Events {
		e := &b.Events[i]
		e.Status = alert.Firing
		e.StartsAt = alert.Time{Micros: 1_780_000_000_000_000 + int64(e.Labels) + n/2*1e6}
		if n&1 == 1 {
			e.Status, e.EndsAt = alert.Resolved, alert.Time{Micros: e.StartsAt.Micros + 5e5}
		}
	}
	return b
}

func benchmarkFold(b *testing.B, f *feed, fold string, next func() *alert.Batch) {
	s := open(b, temporary(b))
	mustPosition(b, s, f.journal)
	mustWrite(b, s, next())
	mustFold(b, s)
	var folding time.Duration
	due := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		batch := next()
		b.StartTimer()
		mustWrite(b, s, batch)
		if start := time.Now(); fold == "due" && (start.After(due) || s.Pending() >= 0.5) {
			mustFold(b, s)
			took := time.Since(start)
			folding += took
			due = time.Now().Add(10 * took)
		}
	}
	b.ReportMetric(float64(benchEvents*b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(folding.Nanoseconds())/float64(benchEvents*b.N), "fold-ns/event")
}

func mustFold(tb testing.TB, s *Store) {
	tb.Helper()
	for more := true; more; {
		var err error
		if more, err = s.Fold(context.Background()); err != nil {
			tb.Fatal(err)
		}
	}
}
