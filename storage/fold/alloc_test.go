//go:build !race

package fold_test

import (
	"testing"

	"stormdrain/storage/fold"
)

// A storm of the same alerts costs no allocation, whatever its length; beginning anew
// after a fold costs one, the name of the source.
func TestStormAllocatesNothing(t *testing.T) {
	b, numbers := storm(2000)
	p := fold.NewPending(fold.Limit)
	add := func() {
		b.From, b.To = p.To(), p.To()+1
		p.Add(b, numbers)
	}
	add()
	p.Reset()
	n := testing.AllocsPerRun(20, func() {
		for range 5 {
			add()
		}
		p.Reset()
	})
	if n > 1 {
		t.Errorf("%v allocations for 20 000 events and a fold, want one at most", n)
	}
}
