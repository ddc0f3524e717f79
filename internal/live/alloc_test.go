//go:build !race

package live

import (
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage/storagetest"
)

func TestNobodyListeningCostsNothing(t *testing.T) {
	var h Hub
	b := storagetest.Batch(journal, 0, delivery(1, 100, nil))
	h.Listen(&alert.Query{}).Close()
	if n := testing.AllocsPerRun(100, func() {
		if h.Listening() {
			h.Publish(3, b)
		}
	}); n > 0 {
		t.Errorf("%v allocations for a batch", n)
	}
}

// A reader that cannot keep up costs counting.
func TestBlockedReaderCostsNoAllocation(t *testing.T) {
	var h Hub
	matchers, _ := alert.ParseMatchers(`alertname="A"`)
	h.Listen(&alert.Query{Matchers: matchers})
	b := storagetest.Batch(journal, 0, delivery(1, maxEvents, nil))
	h.Publish(3, b)
	publish := func() { h.Publish(3, b) }
	publish()
	if n := testing.AllocsPerRun(10, publish); n > 0 {
		t.Errorf("%v allocations for a batch", n)
	}
}
