package sqlite

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"testing"

	"stormdrain/internal/alert"
)

// A file of the version before keeps what it has, and takes recorded events.
func TestMigrateAddsRecorded(t *testing.T) {
	t.Parallel()
	path, ctx := filepath.Join(t.TempDir(), "alerts.db"), t.Context()
	old := newPool(writerDSN(path), 1)
	err := old.use(ctx, func(c *conn) error {
		for _, text := range []string{migrations[0].text, `PRAGMA user_version = 2`,
			`INSERT INTO journals (id, position, last_at, indexed, unindexed) VALUES (x'07000000000000000000000000000000', 5, 0, 0, 0)`} {
			if err := c.script(context.Background(), text); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := old.close(); err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	if got, err := s.Position(ctx, alert.ID{7}); got != 5 || err != nil {
		t.Errorf("position %d, %v; want 5", got, err)
	}
	b := &alert.Batch{Journal: alert.ID{7}, From: 5, To: 6, Recorded: []alert.Recorded{{ID: alert.ID{1}, Kind: "alertCreated", Body: []byte(`{}`)}}}
	if err := s.Write(ctx, b); err != nil {
		t.Fatal(err)
	}
	n := 0
	err = s.Recorded(ctx, &alert.RecordedQuery{From: math.MinInt64, To: math.MaxInt64}, func(*alert.StoredRecorded) error { n++; return nil })
	if n != 1 || err != nil {
		t.Errorf("%d recorded events, %v; want 1", n, err)
	}
}

// downTo5 makes a file of version 5 of one of this version.
const downTo5 = `ALTER TABLE retention DROP COLUMN sweeper;
	ALTER TABLE retention DROP COLUMN seen_at;
	DROP INDEX episodes_alert;
	CREATE INDEX episodes_begin ON episodes (starts_at);
	CREATE INDEX episodes_alert ON episodes (label_set, starts_at);
	CREATE INDEX episodes_open ON episodes (label_set) WHERE class = 63;
	PRAGMA user_version = 5`

// A file of version 5 keeps its episodes, which are found and folded on as before.
func TestMigrateIndexesOfEpisodes(t *testing.T) {
	t.Parallel()
	path := temporary(t)
	s := open(t, path)
	f := newFeed(1, 300, 10)
	mustPosition(t, s, f.journal)
	for n := range int64(5) { // each fires, is resolved, and fires again: two are over, one is open
		mustWrite(t, s, f.lasting(n))
		mustFold(t, s)
	}
	had := foldAll(t, s)
	if len(had) != 900 {
		t.Fatalf("%d episodes, want 900", len(had))
	}
	if err := s.writing(t.Context(), func(c *conn) error { return c.script(t.Context(), downTo5) }); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = open(t, path)
	has := foldAll(t, s)
	if !reflect.DeepEqual(has, had) {
		t.Errorf("%d episodes after the migration, not the same as the %d before", len(has), len(had))
	}
	mustWrite(t, s, f.lasting(5)) // resolves those that are open
	mustFold(t, s)
	if all, open := count(t, s, `SELECT count(*) FROM episodes`), count(t, s, `SELECT count(*) FROM episodes WHERE class = 63`); all != 900 || open != 0 {
		t.Errorf("%d episodes, %d of them open; want 900, all over", all, open)
	}
	indexes := query(t, s, `SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'episodes' ORDER BY name`)
	if got := fmt.Sprint(indexes); got != "[[episodes_alert] [episodes_class]]" {
		t.Errorf("the indexes of episodes are %s", got)
	}
}
