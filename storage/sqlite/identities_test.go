package sqlite

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"stormdrain/internal/alert"
)

// Entries are found in however many layers, and merging keeps those few.
func TestLayers(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := open(t, temporary(t))
	rng := rand.New(rand.NewPCG(3, 4))
	numbers := map[alert.ID]int64{}
	random := func() (id alert.ID) {
		binary.BigEndian.PutUint64(id[:], rng.Uint64())
		binary.BigEndian.PutUint64(id[8:], rng.Uint64())
		return id
	}
	number := int64(0)
	add := func(c *conn, n int) {
		var slots []slot
		for range n {
			number++
			id := random()
			numbers[id] = number
			slots = append(slots, slotOf(id, number))
		}
		if err := addLayer(ctx, c, alert.KindDetails, flat(slots)); err != nil {
			t.Fatal(err)
		}
	}
	check := func(c *conn) {
		t.Helper()
		var slots []slot
		var ids []alert.ID
		for id := range numbers {
			slots = append(slots, slotOf(id, int64(len(ids))))
			ids = append(ids, id)
		}
		for range 100 { // that are not there
			slots = append(slots, slotOf(random(), int64(len(ids))))
			ids = append(ids, random())
		}
		all, err := layersOf(ctx, c, alert.KindDetails)
		if err != nil {
			t.Fatal(err)
		}
		found, sorted, size := 0, flat(slots), int64(0)
		for _, l := range all {
			size += l.size
			err := l.find(ctx, c, sorted, func(n int, number int64) {
				found++
				if id := ids[slotNumber(sorted[n*slotBytes:])]; numbers[id] != number {
					t.Fatalf("%x has number %d, want %d", id, number, numbers[id])
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if found != len(numbers) || size != int64(len(numbers)) {
			t.Errorf("%d entries found in layers of %d, want %d", found, size, len(numbers))
		}
		if len(all) > 5*(mergeAt-1) {
			t.Errorf("%d entries in %d layers", size, len(all))
		}
	}
	err := s.writing(ctx, func(c *conn) error {
		return c.transaction(ctx, true, func() error {
			for range 100 {
				add(c, 1)
			}
			check(c)
			for range 200 {
				add(c, rng.IntN(300))
			}
			check(c)
			for range 10 {
				add(c, 5000)
			}
			check(c)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := count(t, s, `SELECT (SELECT sum(length(slots)) FROM identities) / 22 - sum(size) FROM layers`); n != 0 {
		t.Errorf("%d entries more than the layers have", n)
	}
}

// Label sets that share a fingerprint, because a sender says so, are all found by it.
func TestSharedFingerprint(t *testing.T) {
	t.Parallel()
	s := open(t, temporary(t))
	f := newFeed(1, 0, 10)
	mustPosition(t, s, f.journal)
	const shared = 0xdead
	for range 20 {
		f.addSets(60)
		for i := range f.sets {
			set := labelsOf(f.next - 60 + i)
			if i%2 == 0 {
				set.Fingerprint = shared
			}
			f.sets[i] = newEntry(alert.KindLabelSet, set.Append(nil))
		}
		mustWrite(t, s, f.batch(100))
	}
	for fingerprint, want := range map[uint64]int64{shared: 600, 1: 0, labelsOf(1).Fingerprint: 1} {
		found, err := backend{s}.labelSetsWith(context.Background(), fingerprint)
		if err != nil || int64(len(found)) != want || want != count(t, s, `SELECT count(*) FROM label_sets WHERE fingerprint = `+decimal(fingerprint)) {
			t.Errorf("%d label sets with fingerprint %x, want %d; %v", len(found), fingerprint, want, err)
		}
	}
}
