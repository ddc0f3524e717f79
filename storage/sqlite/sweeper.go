package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"stormdrain/storage"
)

// While one process sweeps, no other one may remove bundles: what a bundle refers to
// may be in a cache, in what waits to be folded, or in episodes that were folded after
// the sweep had read them, and the sweep finds it by that bundle alone. So the table
// retention says that a sweep is under way, and by when it was last heard of. Of one that
// is silent nobody knows whether it goes on: who removes bundles then ends it, and
// if it goes on after all, it finds out before it removes anything.
//
//	process A                        process B
//	begins a sweep, reads bundles
//	                                 stores bundle 9, which refers to label set 7
//	                                 removes bundle 9: busy
//	reads bundle 9, marks 7
//	ends
//	                                 folds bundle 9: label set 7 is there
//	                                 removes bundle 9

// sweeperSilent is how long a sweep may not be heard of.
const sweeperSilent = time.Minute

// errSwept is why bundles stay for now.
var errSwept = &storage.BusyError{Err: errors.New("another process looks for what nothing refers to any more")}

// mayRemove returns errSwept while another process sweeps, inside a transaction, and
// ends a sweep that is silent. The caller has none under way.
func mayRemove(ctx context.Context, c *conn) error {
	sweeper, seen := int64(0), time.Time{}
	err := c.query(ctx, `SELECT sweeper, seen_at FROM retention`, func(row []driver.Value) error {
		sweeper, seen = row[0].(int64), time.UnixMicro(row[1].(int64))
		return nil
	})
	switch {
	case err != nil || sweeper == 0:
		return err
	case time.Since(seen).Abs() < sweeperSilent: // also where the clock was set back
		return errSwept
	}
	_, err = c.exec(ctx, `UPDATE retention SET sweeper = 0`)
	return err
}

// goesOn says that the sweep does, inside a transaction; errSwept: it was ended.
func (w *sweep) goesOn(ctx context.Context, c *conn) error {
	n, err := deleted(ctx, c, `UPDATE retention SET seen_at = ? WHERE sweeper = ?`, time.Now().UnixMicro(), w.epoch)
	if err == nil && n == 0 {
		err = errSwept
	}
	if err == nil {
		w.heard = time.Now()
	}
	return err
}

// report has the sweep heard of, when that was a while ago.
func (w *sweep) report(ctx context.Context, s *Store) error {
	if time.Since(w.heard) < sweeperSilent/8 {
		return nil
	}
	return s.writing(ctx, func(c *conn) error {
		return c.transaction(ctx, true, func() error { return w.goesOn(ctx, c) })
	})
}

// giveUp ends a sweep that is under way, so that others need not wait for it.
func (s *Store) giveUp() error {
	s.retention.mu.Lock()
	defer s.retention.mu.Unlock()
	w := s.retention.sweep
	if w == nil {
		return nil
	}
	s.retention.sweep = nil
	return s.writing(context.Background(), func(c *conn) error {
		_, err := c.exec(context.Background(), `UPDATE retention SET sweeper = 0 WHERE sweeper = ?`, w.epoch)
		return err
	})
}
