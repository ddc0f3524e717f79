package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"time"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// Retention removes bundles first, then the runs of the index that lead to nothing
// any more, what recorders sent, minutes, and episodes that were over. Then it sweeps the dictionaries: it reads all bundles, marks the
// numbers that they refer to, and removes rows that are not marked. Who writes, in
// this process or another, goes on meanwhile:
//
//   - A sweep begins an epoch. A transaction that finds its cache to be of another
//     one empties it, so that every number in a cache was used by a transaction of
//     this epoch, or is that of a row younger than the sweep.
//   - What was stored since a bundle was last read is read by the transaction that
//     removes rows, which nobody can be beside.
//   - No bundle is removed while a sweep is under way, see sweeper.go.
//   - The row with the highest number stays: a number is never given out twice.

var _ storage.Retainer = (*Store)(nil)

// retention is what a process remembers of its own between two steps. What matters
// after a crash is in the table of that name.
type retention struct {
	mu     sync.Mutex
	atOnce pace   // bundles, rows of postings that go in one transaction
	pass   pass   // through the episodes
	sweep  *sweep // of the dictionaries, under way; nil: none
}

const (
	// removeFor is about how long a transaction may take that removes.
	removeFor = 20 * time.Millisecond

	// readFor is about how long a step reads, beside writers.
	readFor = 40 * time.Millisecond
)

// pace is how many rows to remove at once, going by how long the last took.
type pace int64

func (p *pace) rows() int64 { return int64(max(*p, 8)) }

func (p *pace) learn(took time.Duration) {
	if took < removeFor/2 {
		*p = min(2*max(*p, 8), 2048)
	} else if took > removeFor {
		*p /= 2
	}
}

// Retain implements storage.Retainer.
func (s *Store) Retain(ctx context.Context, before int64) (removed alert.Removed, more bool, err error) {
	s.retention.mu.Lock()
	defer s.retention.mu.Unlock()
	removed, more, err = s.retain(ctx, before)
	if err != nil {
		err = fmt.Errorf("sqlite: remove what was received before %s: %w", time.UnixMicro(before).UTC().Format(time.RFC3339), err)
	}
	return removed, more, err
}

func (s *Store) retain(ctx context.Context, before int64) (removed alert.Removed, more bool, err error) {
	r := &s.retention
	if r.sweep != nil { // comes to its end before anything else that it may not have read goes
		removed.Entries, more, err = r.sweep.step(ctx, s)
		var busy *storage.BusyError
		if err == nil && !more || errors.As(err, &busy) {
			r.sweep = nil
		}
		return removed, true, err
	}
	if removed.Pieces, err = s.removeSome(ctx, removeBundles, before); err != nil || removed.Pieces > 0 {
		return removed, true, err
	}
	for _, remove := range []removal{removePostings, removeRuns, removeMinutes} {
		if n, err := s.removeSome(ctx, remove, before); err != nil || n > 0 {
			return removed, true, err
		}
	}
	if more, err = s.ForgetRecorded(ctx, before); err != nil || more {
		return removed, more, err
	}
	if removed.Episodes, more, err = r.pass.step(ctx, s, before); err != nil || more {
		return removed, more, err
	}
	r.sweep, err = s.beginSweep(ctx)
	return removed, r.sweep != nil, err
}

// removal removes up to some rows, inside a transaction.
type removal func(ctx context.Context, c *conn, before, rows int64) (removed int64, err error)

// removeSome removes what takes about removeFor.
func (s *Store) removeSome(ctx context.Context, remove removal, before int64) (removed int64, err error) {
	atOnce := &s.retention.atOnce
	err = s.writing(ctx, func(c *conn) error {
		begun := time.Now()
		err := c.transaction(ctx, true, func() (err error) {
			removed, err = remove(ctx, c, before, atOnce.rows())
			return err
		})
		if removed > 0 && err == nil {
			atOnce.learn(time.Since(begun))
			s.wal.check(ctx, c)
		}
		return err
	})
	return removed, err
}

func removeBundles(ctx context.Context, c *conn, before, rows int64) (removed int64, err error) {
	if err := mayRemove(ctx, c); err != nil {
		return 0, err
	}
	removed, err = deleted(ctx, c, `DELETE FROM bundles WHERE id IN (SELECT id FROM bundles WHERE last_at < ? ORDER BY last_at LIMIT ?)`, before, rows)
	if removed > 0 && err == nil {
		_, err = c.exec(ctx, `UPDATE retention SET removals = removals + 1`)
	}
	return removed, err
}

// oldRunSQL is the oldest run whose bundles are gone, all of them.
const oldRunSQL = `(SELECT number FROM runs WHERE last_at < ?1 ORDER BY last_at LIMIT 1)`

func removePostings(ctx context.Context, c *conn, before, rows int64) (int64, error) {
	return deleted(ctx, c, `DELETE FROM postings WHERE id IN
		(SELECT p.id FROM postings p WHERE p.id >= `+oldRunSQL+` << 40 AND p.id < (`+oldRunSQL+` + 1) << 40 LIMIT ?2)`, before, rows)
}

// removeRuns removes one, which has no postings any more. Readers by label set
// find nothing through it before and after.
func removeRuns(ctx context.Context, c *conn, before, _ int64) (int64, error) {
	return deleted(ctx, c, `DELETE FROM runs WHERE number = `+oldRunSQL, before)
}

func removeMinutes(ctx context.Context, c *conn, before, rows int64) (int64, error) {
	return deleted(ctx, c, `DELETE FROM minutes WHERE number IN (SELECT number FROM minutes WHERE at < ? ORDER BY at LIMIT ?)`, before, rows)
}

func deleted(ctx context.Context, c *conn, sql string, args ...driver.Value) (int64, error) {
	res, err := c.exec(ctx, sql, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Oldest implements storage.Retainer.
func (s *Store) Oldest(ctx context.Context) (at int64, ok bool, err error) {
	err = s.reading(ctx, func(c *conn) error {
		return c.query(ctx, `SELECT first_at FROM bundles ORDER BY last_at LIMIT 1`, func(row []driver.Value) error {
			at, ok = row[0].(int64), true
			return nil
		})
	})
	if err != nil {
		err = fmt.Errorf("sqlite: find the oldest delivery: %w", err)
	}
	return at, ok, err
}
