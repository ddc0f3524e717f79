//go:build !race

package postgres

import (
	"runtime"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage/storagetest"
)

// TestAllocations holds Write to some allocations a batch, whatever it holds: most
// are the library's, three statements and the goroutine of a COPY.
func TestAllocations(t *testing.T) {
	s := newDatabases(t).open(t)
	s.merger.sizes.together = 1 << 20 // merges go on beside Write
	s.mustPosition(t)
	seq := uint64(0)
	f := func(name string, limit float64, batch func(n int) *alert.Batch) {
		t.Helper()
		const runs = 20
		var batches []*alert.Batch // made before, so that only Write is counted
		for i := range runs + 2 {
			batches = append(batches, batch(i))
		}
		next := 0
		write := func() {
			b := batches[next]
			next++
			b.From, b.To = seq, seq+uint64(len(b.Deliveries))
			for i := range b.Deliveries {
				b.Deliveries[i].Seq = seq + uint64(i) + 1
			}
			if err := s.Write(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			seq = b.To
		}
		write()
		if got := testing.AllocsPerRun(runs, write); got > limit {
			t.Errorf("%s: %v allocations a batch, want at most %v", name, got, limit)
		}
	}
	known := func(deliveries, alerts int) func(int) *alert.Batch {
		return func(int) *alert.Batch { return allocBatch(deliveries, alerts, 0) }
	}
	// Some sixty are the library's, for the statements of a round trip.
	f("known, 1 delivery of 10", 64, known(1, 10))
	f("known, 1 delivery of 1 000", 64, known(1, 1000))
	f("known, 500 deliveries of 10", 64, known(500, 10))
	f("new, 1 delivery of 1 000", 200, func(n int) *alert.Batch { return allocBatch(1, 1000, 1000*(n+1)) })
	f("new, 500 deliveries of 10", 200, func(n int) *alert.Batch { return allocBatch(500, 10, 5000*(n+10)) })
}

// allocBatch makes a batch with alerts numbered from first on.
func allocBatch(deliveries, alerts, first int) *alert.Batch {
	var all []storagetest.Delivery
	for i := range deliveries {
		d := storagetest.Delivery{Seq: uint64(i + 1), ReceivedAt: 1_780_000_000_000_000, RequestID: "0123456789abcdef"}
		for j := range alerts {
			n := first + i*alerts + j
			d.Alerts = append(d.Alerts, storagetest.Alert{Index: int32(j), EndsAt: alert.NoTime, Labels: benchLabels(n), Details: benchDetails(n)})
		}
		all = append(all, d)
	}
	return storagetest.Batch(journal, 0, all...)
}

// TestHeldMemory says how much the store keeps of a million new entries and of a
// giant batch.
func TestHeldMemory(t *testing.T) {
	live := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	s := &Store{numbers: newCache(DefaultConfig().CacheEntries)}
	s.merger = newMerger(s)
	before := live()
	entries := make([]alert.Entry, 1)
	for i := range 1_000_000 {
		entries[0] = numbered(i)
		s.numbers.add(entries, []int64{int64(i)}, []unknown{{}}, 0)
	}
	b := &alert.Batch{Entries: make([]alert.Entry, 1_000_000)}
	tx := s.transaction(nil, b)
	tx.unknown = make([]unknown, 1_000_000)
	s.putBack(tx)
	b, tx = nil, nil
	held := live() - before
	t.Logf("%d KiB", held>>10)
	if held > 16<<20 {
		t.Errorf("%d bytes are held, want at most 16 MiB", held)
	}
	runtime.KeepAlive(s)
}

// numbered is an entry of which there is nothing but an identity.
type numbered int

func (n numbered) Kind() alert.EntryKind    { return alert.KindLabelSet }
func (n numbered) Content() ([]byte, error) { return nil, nil }
func (n numbered) ID() (id alert.ID) {
	x := uint64(n+1) * 0x9e3779b97f4a7c15
	for i := range id {
		id[i] = byte(x >> (i % 8 * 8))
	}
	return id
}
