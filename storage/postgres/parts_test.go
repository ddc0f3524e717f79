package postgres

import (
	"slices"
	"strings"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage"
	"stormdrain/storage/storagetest"
)

func TestParts(t *testing.T) {
	t.Parallel()
	f := func(deliveries [][]int32, want ...part) {
		t.Helper()
		b := &alert.Batch{Deliveries: make([]alert.Delivery, len(deliveries))}
		for i, indexes := range deliveries {
			for _, index := range indexes {
				b.Events = append(b.Events, alert.Event{Delivery: int32(i), Index: index})
			}
		}
		if got := appendParts(nil, b); !slices.Equal(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	upTo := func(n int32) (indexes []int32) {
		for i := range n {
			indexes = append(indexes, i)
		}
		return indexes
	}
	f([][]int32{{0, 1}, {}, {3}},
		part{delivery: 0, first: 0, last: 2, total: 2},
		part{delivery: 1, first: 2, last: 2},
		part{delivery: 2, first: 2, last: 3, total: 1})
	f([][]int32{{0, 2, 3}, {}},
		part{delivery: 0, first: 0, last: 1, total: 3},
		part{delivery: 0, number: 1, first: 1, last: 3, total: 3},
		part{delivery: 1, first: 3, last: 3})
	f([][]int32{upTo(partEvents + 1)},
		part{first: 0, last: partEvents, total: partEvents + 1},
		part{number: 1, first: partEvents, last: partEvents + 1, total: partEvents + 1})
	f([][]int32{{}, upTo(partEvents)},
		part{},
		part{delivery: 1, first: 0, last: partEvents, total: partEvents})
	f(nil)
}

// TestRareLabelSet asks how a label set is found that fired once, long ago: not
// by reading everything.
func TestRareLabelSet(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.mustPosition(t)
	batch := storagetest.Batch(journal, 0, delivery(1))
	for range 5 {
		if err := s.Write(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		batch = manyDeliveries(batch.To, 2000)
	}
	p := &partReader{w: storage.EventWindow{From: storage.FirstTime, To: storage.LastTime, LabelSets: []int64{1}}}
	sql, a := p.statement([]string{"deliveries_20260528"}, 100)
	c, release, err := s.pool.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	var plan strings.Builder
	err = query(t.Context(), c, `EXPLAIN `+sql, a, func(v row) error {
		plan.WriteString(v.text(0) + "\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := plan.String(); !strings.Contains(got, "Bitmap Index Scan on deliveries_20260528_label_sets_idx") {
		t.Errorf("the plan is\n%s", got)
	}
}

// manyDeliveries makes n deliveries of one alert that is not delivery's.
func manyDeliveries(after uint64, n int) *alert.Batch {
	deliveries := make([]storagetest.Delivery, n)
	for i := range deliveries {
		deliveries[i] = delivery(after + uint64(i) + 1)
		deliveries[i].Alerts[0].Labels = storagetest.Labels("alertname", "B")
	}
	return storagetest.Batch(journal, after, deliveries...)
}
