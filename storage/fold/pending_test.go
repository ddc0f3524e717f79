package fold_test

import (
	"fmt"
	"math"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage/fold"
)

// storm makes a batch of two deliveries, by way of two receivers, with so many alerts
// in each, and numbers for its entries.
func storm(alerts int) (b *alert.Batch, numbers []int64) {
	b = &alert.Batch{Journal: journal, To: 1, Entries: make([]alert.Entry, alerts+2)}
	for i := range b.Entries {
		numbers = append(numbers, int64(i+1))
	}
	for d := range 2 {
		b.Deliveries = append(b.Deliveries, alert.Delivery{Seq: 1, ReceivedAt: someday, Source: "eu", Envelope: int32(alerts + d)})
		for i := range alerts {
			b.Events = append(b.Events, alert.Event{Delivery: int32(d), Index: int32(i), Labels: int32(i), Details: int32(i),
				StartsAt: alert.Time{Micros: someday - int64(i)}, EndsAt: alert.NoTime})
		}
	}
	return b, numbers
}

// BenchmarkPending puts aside batches of the same alerts, and begins anew after 20.
func BenchmarkPending(b *testing.B) {
	for _, alerts := range []int{2000, 15_000} {
		b.Run(fmt.Sprintf("alerts=%d", alerts), func(b *testing.B) {
			batch, numbers := storm(alerts)
			p := fold.NewPending(fold.Limit)
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				batch.From, batch.To = p.To(), p.To()+1
				p.Add(batch, numbers)
				if n%20 == 19 {
					p.Reset()
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*2*alerts), "ns/event")
		})
	}
}

// What a storm takes is what one round of it takes; what is too much is let go of.
func TestPendingIsBounded(t *testing.T) {
	t.Parallel()
	batch, numbers := storm(100)
	p := fold.NewPending(1000)
	for range 500 {
		batch.From, batch.To = p.To(), p.To()+1
		p.Add(batch, numbers)
	}
	if part := p.Filled(); p.From() != 0 || p.Events() != 100_000 || part > 0.5 {
		t.Errorf("%d events behind %d are pending and take %g of the limit; want 100 000 behind 0 that take less than half", p.Events(), p.From(), part)
	}
	batch, numbers = storm(900)
	batch.From, batch.To = 500, 501
	p.Add(batch, numbers)
	if p.From() != 501 || p.To() != 501 || p.Filled() != 0 {
		t.Errorf("pending is (%d, %d], %g of the limit; want nothing behind 501", p.From(), p.To(), p.Filled())
	}
	if upTo := p.Behind(journal, 0, 501); upTo != 501 {
		t.Errorf("read again up to %d, want 501", upTo)
	}
}

// What senders say they have left out may be any number; the sum stops at what a
// column of the tables can hold.
func TestTruncatedStops(t *testing.T) {
	t.Parallel()
	p := fold.NewPending(100)
	for _, n := range []uint64{5, math.MaxUint64, math.MaxInt64} {
		p.Deliver("eu1", 1, 1, n)
	}
	p.Deliver("us1", 1, 1, math.MaxInt64-1)
	for i, want := range []uint64{math.MaxInt64, math.MaxInt64 - 1} {
		if got := p.Sources()[i].Onto(nil); got.Truncated != want {
			t.Errorf("%s: %d left out, want %d", got.Name, got.Truncated, want)
		}
	}
	if got := p.Sources()[1].Onto(&alert.Source{Truncated: 2}); got.Truncated != math.MaxInt64 {
		t.Errorf("%d left out, want %d", got.Truncated, int64(math.MaxInt64))
	}
}
