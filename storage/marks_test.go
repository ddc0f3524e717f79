package storage

import (
	"math/rand/v2"
	"testing"
)

// TestMarks compares with a map, near and far, also across the borders of pages.
func TestMarks(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	number := func() int64 {
		return r.Int64N(3)<<40 + r.Int64N(4)<<markPageBits + []int64{0, 1, 63, 64, 1<<markPageBits - 1}[r.IntN(5)]
	}
	m, want := NewMarks(), map[int64]bool{}
	for range 3000 {
		n := number()
		if m.Has(n) != want[n] {
			t.Fatalf("%d: %v, want %v", n, m.Has(n), want[n])
		}
		if r.IntN(50) == 0 {
			m.Add(n)
			want[n] = true
		}
	}
}
