package postgres

import (
	"math"
	"slices"
	"strings"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// A database of the version before keeps what it has, and takes recorded events.
func TestMigrateAddsRecorded(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	first, err := migrations.ReadFile("migrations/0001_tables.sql")
	if err != nil {
		t.Fatal(err)
	}
	s.mustExec(t, string(first)+`; CREATE TABLE stormdrain_schema (version int NOT NULL); INSERT INTO stormdrain_schema VALUES (1);
		INSERT INTO journals (id, position) VALUES ('07000000-0000-0000-0000-000000000000', 5)`)
	if got := s.mustPosition(t); got != 5 {
		t.Errorf("position %d, want 5", got)
	}
	b := &alert.Batch{Journal: journal, From: 5, To: 6, Recorded: []alert.Recorded{{ID: alert.ID{1}, Kind: "alertCreated", Body: []byte(`{}`)}}}
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	n := 0
	err = s.Recorded(t.Context(), &alert.RecordedQuery{From: math.MinInt64, To: math.MaxInt64}, func(*alert.StoredRecorded) error { n++; return nil })
	if n != 1 || err != nil {
		t.Errorf("%d recorded events, %v; want 1", n, err)
	}
	if got := s.mustQuery(t, `SELECT version::text FROM stormdrain_schema WHERE version IN (1, 3) ORDER BY version`); !slices.Equal(got, []string{"1", "3"}) {
		t.Errorf("versions %q", got)
	}
}

// The page of a fingerprint is read through the keys, in their order: nothing is
// sorted, and no table is read from end to end.
func TestRecordedPlan(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.mustPosition(t)
	var events []alert.Recorded
	for i := range 2000 {
		events = append(events, alert.Recorded{ID: alert.ID{byte(i), byte(i >> 8)}, At: alert.Time{Micros: int64(i)}, Kind: "alertCreated",
			Fingerprints: []uint64{uint64(i % 7)}, Body: []byte(`{}`)})
	}
	if err := s.Write(t.Context(), &alert.Batch{Journal: journal, From: 0, To: 1, Recorded: events}); err != nil {
		t.Fatal(err)
	}
	source := "am-1"
	for _, w := range []storage.RecordedWindow{
		{Key: 5, Before: alert.RecordedCursor{At: storage.LastTime}, Limit: 100},
		{Key: 5, Before: alert.RecordedCursor{At: storage.LastTime, Number: 7}, Kinds: []string{"a", "b"}, Instance: &source, Silence: &source, Limit: 100},
	} {
		sql, args := selectRecorded(w)
		c, release, err := s.pool.acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var plan []string
		err = query(t.Context(), c, "EXPLAIN "+sql, args, func(v row) error { plan = append(plan, string(v[0])); return nil })
		release()
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(plan, "\n")
		for _, bad := range []string{"Sort", "Seq Scan", "Hash", "Merge", "Bitmap"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s in the plan:\n%s", bad, text)
			}
		}
		if !strings.Contains(text, "recorded_keys_pkey") || !strings.Contains(text, "recorded_pkey") {
			t.Errorf("the plan does not go by the keys:\n%s", text)
		}
	}
}
