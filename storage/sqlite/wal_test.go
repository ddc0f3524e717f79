package sqlite

import (
	"context"
	"database/sql/driver"
	"os"
	"testing"
)

// A reader that stays keeps the log from starting again. The guard notices,
// does not try at every commit, and cuts the log when the reader has gone.
func TestGuardOfTheLog(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := temporary(t)
	s := open(t, path)
	f := newFeed(1, 500, 10)
	mustPosition(t, s, f.journal)
	err := s.writing(ctx, func(c *conn) error {
		return c.script(ctx, `PRAGMA busy_timeout = 1; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 100000`)
	})
	if err != nil {
		t.Fatal(err)
	}
	size := func() int64 {
		t.Helper()
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	const alarm = 1 << 20
	s.wal.next = alarm
	err = s.reading(ctx, func(c *conn) error {
		return c.snapshot(ctx, func() error {
			// The snapshot begins with its first read.
			if err := c.query(ctx, `SELECT number FROM journals`, func([]driver.Value) error { return nil }); err != nil {
				return err
			}
			for s.wal.next == alarm {
				mustWrite(t, s, f.batch(1000))
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	stuck := size()
	if s.wal.next != 2*stuck {
		t.Fatalf("next look at %d bytes, the log has %d", s.wal.next, stuck)
	}
	for s.wal.next == 2*stuck {
		mustWrite(t, s, f.batch(1000))
	}
	if s.wal.next != walAlarm {
		t.Fatalf("next look at %d bytes, want %d", s.wal.next, walAlarm)
	}
	mustWrite(t, s, f.batch(1000))
	if size() >= stuck {
		t.Fatalf("the log has %d bytes, had %d: it did not start again", size(), stuck)
	}
}
