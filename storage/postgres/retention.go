package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

var _ storage.Retainer = (*Store)(nil)

// retention is what a process remembers of its own between two steps. What
// matters after a crash is in the table of that name.
type retention struct {
	mu    sync.Mutex
	pass  pass
	sweep *sweep // of the dictionaries, under way; nil: none
	thin  bool   // one is over that has removed label sets
}

const (
	// lockWait is how long a step waits for a lock: who writes waits behind it.
	lockWait = 50 * time.Millisecond

	// readFor is about how long a step reads that needs no lock.
	readFor = 50 * time.Millisecond
)

// Retain implements storage.Retainer: whole days go, the oldest first, then what
// recorders sent, minutes and episodes, and then what only those referred to.
func (s *Store) Retain(ctx context.Context, before int64) (removed alert.Removed, more bool, err error) {
	if err := s.migrate(ctx); err != nil {
		return removed, false, err
	}
	s.retention.mu.Lock()
	defer s.retention.mu.Unlock()
	c, release, err := s.pool.acquire(ctx)
	if err != nil {
		return removed, false, err
	}
	defer release()
	before = min(max(before, storage.FirstTime), storage.LastTime)
	if removed, more, err = s.retention.step(ctx, c, before); err != nil {
		rollback(ctx, c)
	}
	if s.retention.thin {
		s.retention.thin = false
		s.merger.removed()
	}
	return removed, more, err
}

func (r *retention) step(ctx context.Context, c *pgconn.PgConn, before int64) (removed alert.Removed, more bool, err error) {
	day, err := oldDay(ctx, c, before)
	if err != nil {
		return removed, false, fmt.Errorf("look for days to remove: %w", err)
	}
	if day != "" {
		if err := dropDay(ctx, c, day); err != nil {
			return removed, false, fmt.Errorf("remove %s: %w", day, err)
		}
		removed.Pieces = 1
		return removed, true, nil
	}
	if removed, more, err = r.pass.step(ctx, c, before); err != nil || more {
		return removed, more, err
	}
	if r.sweep == nil {
		if r.sweep, err = beginSweep(ctx, c); err != nil {
			return removed, false, fmt.Errorf("begin to sweep the dictionaries: %w", err)
		}
		return removed, r.sweep != nil, nil
	}
	removed.Entries, more, err = r.sweep.step(ctx, c)
	if errors.Is(err, errTakenOver) {
		more, err = false, nil
	}
	if err != nil {
		return removed, false, fmt.Errorf("sweep the dictionaries: %w", err)
	}
	if !more {
		r.thin, r.sweep = r.sweep.labels, nil
	}
	return removed, more, nil
}

// oldDay returns the oldest partition if all that it may hold was received before
// a moment, else nothing.
func oldDay(ctx context.Context, c *pgconn.PgConn, before int64) (name string, err error) {
	first := dayOf(before) // of the days that stay
	var a arguments
	sql := `SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'deliveries'::regclass AND c.relname < ` + a.text(partitionName(first)) + `::name ORDER BY c.relname LIMIT 1`
	err = query(ctx, c, sql, a, func(v row) error {
		name = v.text(0)
		return nil
	})
	return name, err
}

// dropDay needs every reader and writer of deliveries to let go for a moment, and
// gives up before anybody who waits behind it notices. Nothing is half done then:
// a partition that was detached and not yet dropped could be neither written to
// nor made anew by who brings a delivery of that day after all.
func dropDay(ctx context.Context, c *pgconn.PgConn, name string) error {
	return exclusively(ctx, c, `UPDATE retention SET removals = removals + 1; DROP TABLE IF EXISTS `+name+`; COMMIT`)
}

// exclusively runs statements, of which the last is COMMIT, in a transaction that
// waits for no lock longer than lockWait.
func exclusively(ctx context.Context, c *pgconn.PgConn, statements string) error {
	_, err := c.Exec(ctx, beginImpatient+statements).ReadAll()
	return impatient(err)
}

var beginImpatient = fmt.Sprintf(`BEGIN; SET LOCAL lock_timeout = %d; `, lockWait.Milliseconds())

// impatient marks an error that says that a lock was not to be had.
func impatient(err error) error {
	const lockNotAvailable = "55P03"
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == lockNotAvailable {
		return &storage.BusyError{Err: fmt.Errorf("somebody holds it for longer than %s (pg_stat_activity shows who): %w", lockWait, err)}
	}
	return err
}

// Oldest implements storage.Retainer.
func (s *Store) Oldest(ctx context.Context) (at int64, ok bool, err error) {
	if err := s.migrate(ctx); err != nil {
		return 0, false, err
	}
	at, _, ok, err = reader{s.pool, s.probeParts}.Span(ctx)
	return at, ok, err
}
