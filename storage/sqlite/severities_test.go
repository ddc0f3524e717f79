package sqlite

import (
	"math"
	"strings"
	"testing"
	"unsafe"

	"stormdrain/internal/alert"
	"stormdrain/storage/storagetest"
)

func TestSeverities(t *testing.T) {
	t.Parallel()
	var s severities
	f := func(set int64, want string) {
		t.Helper()
		if got, ok := s.of(set); got != want || !ok {
			t.Errorf("severity of %d is %q, %v; want %q", set, got, ok, want)
		}
	}
	unknown := func(sets ...int64) {
		t.Helper()
		for _, set := range sets {
			if got, ok := s.of(set); ok {
				t.Errorf("severity of %d is %q; want it unknown", set, got)
			}
		}
	}
	unknown(0, 1)
	s.add([]addedSet{{1, "page"}, {2, ""}, {3, strings.Repeat("x", 1000)}, {4, "warn"}})
	f(1, "page")
	f(2, "")
	f(4, "warn")
	unknown(0, 3, 5)
	s.add([]addedSet{{7, "late"}}) // another process has added 5 and 6
	f(7, "late")
	unknown(1, 4, 5, 6, 8)
	var many []addedSet
	for n := int64(8); n < 8+2*maxSeverities; n++ {
		many = append(many, addedSet{n, "page"})
	}
	s.add(many)
	f(8+2*maxSeverities-1, "page")
	f(8+maxSeverities, "page")
	unknown(7)
}

// A severity is cut out of its label set: what is kept of a large one is the severity.
func TestSeveritiesKeepNoLabelSets(t *testing.T) {
	t.Parallel()
	set := storagetest.Labels("severity", "page", "summary", strings.Repeat("x", 1<<20))
	set, err := alert.DecodeLabelSet(set.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	name := alert.Value(set.Labels, "severity")
	var s severities
	s.add([]addedSet{{1, name}, {2, name}})
	first, _ := s.of(1)
	second, _ := s.of(2)
	if first != "page" || unsafe.StringData(first) == unsafe.StringData(name) {
		t.Errorf("%q is still a part of its label set", first)
	}
	if unsafe.StringData(first) != unsafe.StringData(second) {
		t.Error("the same severity is kept twice")
	}
}

// A label set of a batch that was only tried has a number that another one gets: the
// minutes count the other one's severity.
func TestMinutesOfATriedBatch(t *testing.T) {
	t.Parallel()
	s := open(t, temporary(t))
	mustPosition(t, s, alert.ID{1})
	batch := func(severity string) *alert.Batch {
		return storagetest.Batch(alert.ID{1}, 0, storagetest.Delivery{Seq: 1, ReceivedAt: now, Alerts: []storagetest.Alert{
			{StartsAt: alert.Time{Micros: now}, EndsAt: alert.NoTime, Labels: storagetest.Labels("alertname", "A", "severity", severity)},
		}})
	}
	if err := s.Try(t.Context(), batch("tried")); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, batch("stored"))
	mustFold(t, s)
	var got []string
	err := s.Minutes(t.Context(), math.MinInt64, math.MaxInt64, func(m alert.Minute) error { got = append(got, m.Severity); return nil })
	if err != nil || len(got) != 1 || got[0] != "stored" {
		t.Errorf("severities %q, %v; want the one that was stored", got, err)
	}
}
