package storagetest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// testTruncated finds deliveries that left alerts out among hours of others.
func testTruncated(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	store := s.store.(storage.Truncater)
	ask := func(from, to int64, limit int) []alert.Truncated {
		t.Helper()
		got, err := store.Truncated(s.ctx, &alert.TruncatedQuery{From: from, To: to, Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := ask(math.MinInt64, math.MaxInt64, 10); len(got) != 0 {
		t.Errorf("%v in an empty store", got)
	}
	var want []alert.Truncated // newest first
	for i, journal := range []alert.ID{journalA, journalB} {
		var ds []Delivery
		for seq := range uint64(60) {
			d := simple(fmt.Sprint(i), seq+1, 1)
			d.ReceivedAt = someday + int64(seq)*600e6 + int64(i)*5e6 // ten hours
			d.Source, d.TruncatedAlerts = fmt.Sprint("s", seq%3), 0
			if seq%7 == 0 {
				d.TruncatedAlerts = seq + 1
				want = append(want, alert.Truncated{ReceivedAt: d.ReceivedAt, Source: d.Source, Alerts: seq + 1})
			}
			ds = append(ds, d)
		}
		s.add(journal, 0, ds...)
	}
	slices.SortFunc(want, func(a, b alert.Truncated) int { return int(b.ReceivedAt - a.ReceivedAt) })
	f := func(from, to int64, limit int) {
		t.Helper()
		var expected []alert.Truncated
		for _, w := range want {
			if w.ReceivedAt >= from && w.ReceivedAt < to && len(expected) < limit {
				expected = append(expected, w)
			}
		}
		if got := ask(from, to, limit); !slices.Equal(got, expected) {
			t.Errorf("from %d to %d, %d of them: %v, want %v", from, to, limit, got, expected)
		}
	}
	f(math.MinInt64, math.MaxInt64, 1000)
	f(math.MinInt64, math.MaxInt64, 3)
	f(want[4].ReceivedAt, want[2].ReceivedAt, 1000)
	f(want[4].ReceivedAt, want[4].ReceivedAt+1, 1000)
	f(want[2].ReceivedAt, want[4].ReceivedAt, 1000)
	f(0, someday, 1000)
	f(someday+1e12, math.MaxInt64, 1000)
}
