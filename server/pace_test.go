package server

import (
	"math"
	"testing"
	"time"

	"stormdrain/internal/obs"
)

func TestPace(t *testing.T) {
	received := 0.0
	p := newPace(func() obs.Traffic { return obs.Traffic{Received: received, Answers: make([]uint64, 20)} })
	// take is a delivery of n alerts, some milliseconds after the start.
	take := func(ms time.Duration, n float64) {
		p.note(ms * time.Millisecond)
		received += n
	}
	f := func(ms time.Duration, want float64) {
		t.Helper()
		got, seconds := p.last(ms * time.Millisecond)
		if rate := got.Received / seconds; math.Abs(rate-want) > 0.001 {
			t.Errorf("after %v ms: %v a second, want %v", int64(ms), rate, want)
		}
	}
	f(1000, 0)
	take(2000, 100)
	f(4000, 25) // since the start, which is not ten seconds ago
	f(12_000, 10)
	f(60_000, 0) // nobody asked since, and nobody sent
	for i := range time.Duration(300) {
		take(100_000+i*100, 5)
	}
	f(130_000, 50)
	f(132_000, 40)
	take(500_000, 70)
	f(500_000, 7)
	f(509_900, 7)
	f(513_000, 0)
	if n := len(p.notes); n > paceKept {
		t.Errorf("%d snapshots are kept", n)
	}
}
