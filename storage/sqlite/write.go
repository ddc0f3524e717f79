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
		w := &s.writer
		w.begin(c, b)
		defer w.end()
		if err := c.transaction(ctx, keep, func() error { return w.run(ctx, s.indexEvery) }); err != nil {
			return err
		}
		if !keep {
			return nil
		}
		w.known.add(w.learned)
		s.folder.severities.add(w.sets)
		s.folder.renew(w.known.epoch)
		s.folder.pending.Add(b, w.numbers)
		s.pendingPart.Store(s.folder.pending.Filled())
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

// writer turns one batch after the other into rows, inside a transaction each.
// Its buffers are used again.
type writer struct {
	known *numbers // of committed entries

	c *conn
	b *alert.Batch

	journal int32
	learned []numbered // what known lacks: the transaction may yet fail
	numbers []int64    // of b.Entries
	unknown [alert.KindEnvelope + 1][]int32
	first   map[alert.ID]int32 // the unknown ones
	twins   []twin
	after   int64          // numbers of the kind at hand above this one are new
	prints  []slot         // of label sets that were added
	sets    []addedSet     // all of them
	values  []driver.Value // of rows that are not inserted yet
	text    []byte
	bundle  bundle
	tail    tail  // of the journal, with what was stored of the batch
	lastAt  int64 // when the last delivery before was received
	indexer indexer
}

func (w *writer) begin(c *conn, b *alert.Batch) {
	w.c, w.b, w.learned, w.sets = c, b, w.learned[:0], w.sets[:0]
}

// maxKept bounds how much of a buffer is kept for the next batch.
const maxKept = 4 << 20

// end lets go of the batch, and of buffers that a huge one has left.
func (w *writer) end() {
	w.c, w.b = nil, nil
	clear(w.values[:cap(w.values)])
	clear(w.sets)
	if cap(w.text) > maxKept {
		w.text = nil
	}
	if cap(w.bundle.eventText)+cap(w.bundle.deliveryText) > maxKept {
		w.bundle = bundle{}
	}
	if 8*cap(w.indexer.pairs) > maxKept {
		w.indexer = indexer{}
	}
}

func (w *writer) run(ctx context.Context, indexEvery int64) error {
	if w.b.To > maxPosition {
		return &refusedError{fmt.Errorf("position %d is beyond %d", w.b.To, uint64(maxPosition))}
	}
	if err := w.advance(ctx); err != nil {
		return err
	}
	if err := w.entries(ctx); err != nil {
		return err
	}
	if err := w.bundles(ctx); err != nil {
		return err
	}
	if err := w.recorded(ctx); err != nil {
		return err
	}
	if w.tail.weight >= indexEvery {
		if err := w.indexer.index(ctx, w.c, w.tail); err != nil {
			return err
		}
		w.tail.weight = 0
	}
	_, err := w.c.exec(context.Background(), `UPDATE journals SET unindexed = ?, last_at = ? WHERE number = ?`,
		w.tail.weight, w.lastAt, int64(w.journal))
	return err
}

// advance moves the journal's position, first of all, so that a batch that
// begins elsewhere costs nothing more.
func (w *writer) advance(ctx context.Context) error {
	found := false
	err := w.c.query(ctx, `
		UPDATE journals SET position = ? WHERE id = ? AND position = ?
		RETURNING number, indexed, position, unindexed, last_at, (SELECT epoch FROM retention)`,
		func(row []driver.Value) error {
			found, w.tail, w.lastAt = true, tailOf(row), row[4].(int64)
			w.known.renew(row[5].(int64))
			return nil
		},
		int64(w.b.To), w.b.Journal[:], int64(w.b.From))
	if err == nil && !found {
		err = storage.ErrPosition
	}
	w.journal = w.tail.journal
	return err
}
