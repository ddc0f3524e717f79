//go:build !race

package sqlite

import (
	"testing"

	"stormdrain/internal/alert"
)

// Storing a request of ten known alerts costs less than one allocation, the
// index included, so that with decoding it is two at most.
func TestWriteAllocations(t *testing.T) {
	const runs, requests = 40, 200
	s := open(t, temporary(t))
	f := newFeed(1, 500, 10)
	mustPosition(t, s, f.journal)
	mustWrite(t, s, f.batch(10*requests))
	var batches []*alert.Batch
	for range runs + 1 { // one to warm up
		batches = append(batches, f.batch(10*requests))
	}
	n := testing.AllocsPerRun(runs, func() {
		mustWrite(t, s, batches[0])
		batches = batches[1:]
	})
	if each := n / requests; each > 1 {
		t.Errorf("%.2f allocations for each request of ten alerts, want 1 at most", each)
	} else {
		t.Logf("%.2f allocations for each request of ten alerts", each)
	}
	if n := count(t, s, `SELECT count(*) FROM runs`); n == 0 {
		t.Error("nothing was indexed")
	}
}
