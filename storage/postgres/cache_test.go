package postgres

import (
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage/storagetest"
)

func TestCache(t *testing.T) {
	t.Parallel()
	b := storagetest.Batch(alert.ID{}, 0, storagetest.Delivery{Seq: 1, Alerts: manyAlerts(1000)})
	numbers, which := make([]int64, len(b.Entries)), make([]unknown, len(b.Entries))
	for i := range b.Entries {
		numbers[i], which[i] = int64(i+1), newUnknown(b.Entries[i], i)
	}
	c := newCache(100)
	c.add(b.Entries, numbers, which, 0)
	got := make([]int64, len(b.Entries))
	missed, _ := c.lookup(b.Entries, got, nil)
	if known := len(b.Entries) - len(missed); known < 50 || known > 100 {
		t.Errorf("%d of %d known, want 50 to 100", known, len(b.Entries))
	}
	for i, n := range got {
		if n != 0 && n != numbers[i] {
			t.Errorf("entry %d has number %d", i, n)
		}
	}
	// One that is asked for again and again outlives any number that are not.
	first := b.Entries[:1]
	c.add(first, numbers, which[:1], 0)
	for i := range b.Entries {
		c.add(b.Entries[i:i+1], numbers[i:], []unknown{{}}, 0)
		if unknown, _ := c.lookup(first, got, nil); len(unknown) != 0 {
			t.Fatalf("forgotten after %d others", i)
		}
	}
	// Numbers of an epoch that is over are neither kept nor taken.
	c.renew(1)
	c.add(first, numbers, which[:1], 0)
	if unknown, epoch := c.lookup(first, got, nil); len(unknown) != 1 || epoch != 1 {
		t.Errorf("%d unknown in epoch %d, want 1 in epoch 1", len(unknown), epoch)
	}
	off := newCache(0)
	off.add(b.Entries, numbers, which, 0)
	if unknown, _ := off.lookup(b.Entries, got, nil); len(unknown) != len(b.Entries) {
		t.Errorf("a cache of no entries knows some")
	}
}

func manyAlerts(n int) (alerts []storagetest.Alert) {
	for i := range n {
		alerts = append(alerts, storagetest.Alert{Labels: alert.LabelSet{Fingerprint: uint64(i)}})
	}
	return alerts
}
