package sqlite

import (
	"context"
	"math"
	"path/filepath"
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
