package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"stormdrain/internal/alert"
	"stormdrain/storage"
	"stormdrain/storage/fold"
)

var _ storage.Folder = (*Store)(nil)

// chunkEvents is how many events are read again in one Fold, about: a tenth of a
// second in which nobody else can write.
const chunkEvents = 20_000

// folder brings what is pending into the tables. It belongs to who holds the
// writing connection.
type folder struct {
	pending *fold.Pending // what this process has written
	again   *fold.Pending // what is read again from the tables
	epoch   int64         // in which the numbers of pending were learned, see retention.go
	reached *fold.Reached
	begun   uint64 // episodes that this fold has found to begin with a resolve, for the first time

	severities severities // of label sets that this process has added

	values []driver.Value // of rows that are not inserted yet
	text   []byte
	page   page
}

func newFolder() folder {
	return folder{pending: fold.NewPending(fold.Limit), again: fold.NewPending(fold.Limit), reached: fold.NewReached()}
}

// renew lets go of what is pending when it is of another epoch: its numbers may be
// of rows that are gone, and the events are read again.
func (f *folder) renew(epoch int64) {
	if f.epoch != epoch {
		f.epoch = epoch
		f.pending.Begin(f.pending.Journal(), f.pending.To())
	}
}

// Fold implements storage.Folder. Any journal in the file is folded, those of before
// first: in a file there is one process, mostly, and where there are two each
// looks at what is folded in the transaction in which it folds.
func (s *Store) Fold(ctx context.Context) (more bool, err error) {
	err = s.writing(ctx, func(c *conn) error {
		f := &s.folder
		var done *fold.Pending
		err := c.transaction(ctx, true, func() (err error) {
			done, more, err = f.run(ctx, c)
			return err
		})
		defer func() { s.pendingPart.Store(f.pending.Filled()) }()
		if err != nil {
			return err
		}
		s.folded.Add(uint64(done.Events()))
		s.begunResolved.Add(f.begun)
		if done.Events() > 0 {
			f.reached.See(done.Journal(), done.To())
		}
		done.Reset()
		s.wal.check(ctx, c)
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("sqlite: fold episodes: %w", classify(err))
	}
	return more, nil
}

// Pending implements storage.Folder.
func (s *Store) Pending() float64 {
	part, _ := s.pendingPart.Load().(float64)
	return part
}

// Folded implements storage.Folder.
func (s *Store) Folded() uint64 { return s.folded.Load() }

// BegunResolved implements storage.Folder.
func (s *Store) BegunResolved() uint64 { return s.begunResolved.Load() }

// ForgetEpisodes implements storage.Folder.
func (s *Store) ForgetEpisodes(ctx context.Context) error {
	err := s.writing(ctx, func(c *conn) error {
		return c.transaction(ctx, true, func() error {
			for _, sql := range []string{
				`DELETE FROM episodes`, `DELETE FROM beginnings`, `DELETE FROM sources`, `DELETE FROM minutes`, `UPDATE journals SET folded = 0`,
			} {
				if _, err := c.exec(ctx, sql); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("sqlite: forget episodes: %w", err)
	}
	return nil
}

// unfolded is a journal with something to be folded.
type unfolded struct {
	number           int64
	id               alert.ID
	folded, position uint64
}

// run folds one journal, or a part of it, and says what of.
func (f *folder) run(ctx context.Context, c *conn) (done *fold.Pending, more bool, err error) {
	f.begun = 0
	var due []unfolded
	err = c.query(ctx, `SELECT epoch FROM retention`, func(row []driver.Value) error {
		f.renew(row[0].(int64))
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	err = c.query(ctx, `SELECT number, id, folded, position FROM journals ORDER BY number`, func(row []driver.Value) error {
		j := unfolded{number: row[0].(int64), folded: uint64(row[2].(int64)), position: uint64(row[3].(int64))}
		copy(j.id[:], row[1].([]byte))
		f.reached.See(j.id, j.folded)
		if j.folded < j.position {
			due = append(due, j)
		}
		return nil
	})
	if err != nil || len(due) == 0 {
		f.again.Reset()
		return f.again, false, err
	}
	j := due[0]
	done = f.pending
	if upTo := f.pending.Behind(j.id, j.folded, j.position); upTo > j.folded {
		done = f.again
		if err := f.readAgain(ctx, c, j, f.reached.Bound(j.id, j.folded, upTo)); err != nil {
			return nil, false, fmt.Errorf("read journal %d again from %d: %w", j.number, j.folded, err)
		}
	}
	if err := f.apply(ctx, c, done); err != nil {
		return nil, false, fmt.Errorf("journal %d, position %d to %d: %w", j.number, done.From(), done.To(), err)
	}
	if !f.reached.First(j.id, j.folded) {
		f.begun = 0
	}
	_, err = c.exec(context.Background(), `UPDATE journals SET folded = ? WHERE number = ?`, int64(done.To()), j.number)
	return done, len(due) > 1 || done.To() < j.position, err
}

const readAgainSQL = `SELECT id, first_at, deliveries, events FROM bundles WHERE id > ? AND id <= ? ORDER BY id`

// readAgain reads events behind what is folded, as many as are folded at once. What
// is folded ends where a bundle does, for a bundle is of one batch.
func (f *folder) readAgain(ctx context.Context, c *conn, j unfolded, upTo uint64) error {
	p := f.again
	p.Begin(j.id, j.folded)
	var u unbundled
	err := c.query(ctx, readAgainSQL, func(row []driver.Value) error {
		if p.Events() >= chunkEvents || p.Filled() >= 1 {
			return errEnough
		}
		id, firstAt := row[0].(int64), row[1].(int64)
		if err := u.readDeliveries(id, firstAt, row[2].(string), true); err != nil {
			return err
		}
		if err := u.readEvents(id, firstAt, row[3].(string), nil); err != nil {
			return err
		}
		u.receive(p)
		return ctx.Err()
	}, alert.DeliveryNumber(int32(j.number), j.folded), alert.DeliveryNumber(int32(j.number), upTo))
	switch {
	case errors.Is(err, errEnough):
		return nil
	case err == nil:
		p.Reach(upTo)
	}
	return err
}

// receive gives p the deliveries and events of a row.
func (u *unbundled) receive(p *fold.Pending) {
	next := 0
	for i := range u.deliveries {
		d := &u.deliveries[i]
		p.Deliver(d.Source, d.ReceivedAt, d.Envelope, d.TruncatedAlerts)
		for ; next < len(u.events) && u.events[next].Delivery == d.Number; next++ {
			e := &u.events[next]
			p.Receive(e.LabelSet, e.Details, e.Status, e.StartsAt, e.EndsAt)
		}
		_, seq := alert.SplitDelivery(d.Number)
		p.Reach(seq)
	}
}

// apply writes what p makes of the rows that there are.
func (f *folder) apply(ctx context.Context, c *conn, p *fold.Pending) error {
	sources, err := f.sources(ctx, c, p)
	if err != nil {
		return fmt.Errorf("sources: %w", err)
	}
	if err := f.episodes(ctx, c, p, sources); err != nil {
		return fmt.Errorf("episodes: %w", err)
	}
	if err := f.minutes(ctx, c, p.Minutes()); err != nil {
		return fmt.Errorf("minutes: %w", err)
	}
	return nil
}
