package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// Write implements storage.Store.
func (s *Store) Write(ctx context.Context, b *alert.Batch) error {
	return s.store(ctx, b, true)
}

// Try implements storage.Store.
func (s *Store) Try(ctx context.Context, b *alert.Batch) error {
	return s.store(ctx, b, false)
}

func (s *Store) store(ctx context.Context, b *alert.Batch, keep bool) error {
	err := s.writing(ctx, func(c *conn) error {
		w := writer{c: c, b: b, known: s.numbers, indexEvery: s.indexEvery}
		if err := c.transaction(ctx, keep, func() error { return w.run(ctx) }); err != nil {
			return err
		}
		if !keep {
			return nil
		}
		s.numbers.add(w.learned)
		s.wal.check(ctx, c)
		return nil
	})
	if err != nil {
		return fmt.Errorf("sqlite: store %d deliveries with %d events, position %d to %d: %w",
			len(b.Deliveries), len(b.Events), b.From, b.To, classify(err))
	}
	return nil
}

// maxPosition is what alert.DeliveryNumber leaves room for.
const maxPosition = 1<<48 - 1

// checkEvery is how many rows are inserted between two looks at the context: a
// context that the driver watches costs a goroutine for each row.
const checkEvery = 256

// writer turns one batch into rows, inside a transaction.
type writer struct {
	c     *conn
	b     *alert.Batch
	known *numbers // read only: the transaction may yet fail

	indexEvery int64

	journal int32
	learned []numbered // what known lacks
	numbers []int64    // of b.Entries

	swarm [alert.KindEnvelope + 1]bool // the last entry of the kind was new
}

func (w *writer) run(ctx context.Context) error {
	if w.b.To > maxPosition {
		return &refusedError{fmt.Errorf("position %d is beyond %d", w.b.To, uint64(maxPosition))}
	}
	tail, err := w.advance(ctx)
	if err != nil {
		return err
	}
	if err := w.entries(ctx); err != nil {
		return err
	}
	if err := w.deliveries(ctx); err != nil {
		return err
	}
	if err := w.events(ctx); err != nil {
		return err
	}
	if tail.events >= w.indexEvery {
		return tail.index(ctx, w.c)
	}
	return nil
}

// advance moves the journal's position, first of all, so that a batch that
// begins elsewhere costs nothing more. It returns what is not indexed yet,
// this batch included.
func (w *writer) advance(ctx context.Context) (t tail, err error) {
	found := false
	err = w.c.query(ctx, `
		UPDATE journals SET position = ?, unindexed = unindexed + ? WHERE id = ? AND position = ?
		RETURNING number, indexed, position, unindexed`,
		func(row []driver.Value) error {
			found, t = true, tailOf(row)
			return nil
		},
		int64(w.b.To), int64(len(w.b.Events)), w.b.Journal[:], int64(w.b.From))
	if err == nil && !found {
		err = storage.ErrPosition
	}
	w.journal = t.journal
	return t, err
}

func (w *writer) deliveries(ctx context.Context) error {
	counts := make([]int64, len(w.b.Deliveries))
	for i := range w.b.Events {
		counts[w.b.Events[i].Delivery]++
	}
	for i := range w.b.Deliveries {
		d := &w.b.Deliveries[i]
		if i%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := inRange("received at", d.ReceivedAt); err != nil {
			return fmt.Errorf("delivery %d: %w", d.Seq, err)
		}
		_, err := w.c.exec(context.Background(), `
			INSERT INTO deliveries (id, received_at, source, envelope, request_id, truncated_alerts, events)
			VALUES (?, ?, ?, ?, ?, ?, ?)`,
			alert.DeliveryNumber(w.journal, d.Seq), d.ReceivedAt, storage.Escape(d.Source),
			w.numbers[d.Envelope], storage.Escape(d.RequestID), int64(d.TruncatedAlerts), counts[i])
		if err != nil {
			return fmt.Errorf("insert delivery %d: %w", d.Seq, err)
		}
	}
	return nil
}

func (w *writer) events(ctx context.Context) error {
	for i := range w.b.Events {
		e := &w.b.Events[i]
		if i%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		d := &w.b.Deliveries[e.Delivery]
		var ends driver.Value // null when open
		err := inRange("starts at", e.StartsAt.Micros)
		if err == nil && !e.EndsAt.IsNone() {
			ends = e.EndsAt.Micros
			err = inRange("ends at", e.EndsAt.Micros)
		}
		if err == nil {
			_, err = w.c.exec(context.Background(), `
				INSERT INTO events (delivery, ord, received_at, starts_at, ends_at, label_set, details, bits)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
				alert.DeliveryNumber(w.journal, d.Seq), int64(e.Index), d.ReceivedAt, e.StartsAt.Micros, ends,
				w.numbers[e.Labels], w.numbers[e.Details], int64(storage.PackBits(e.Status, e.StartsAt, e.EndsAt)))
		}
		if err != nil {
			return fmt.Errorf("insert event %d of delivery %d: %w", e.Index, d.Seq, err)
		}
	}
	return nil
}

// inRange refuses a time that the views cannot show and Postgres cannot hold.
func inRange(what string, micros int64) error {
	if micros < storage.FirstTime || micros > storage.LastTime {
		return &refusedError{fmt.Errorf("%s %d µs, outside the years 0 to 9999", what, micros)}
	}
	return nil
}
