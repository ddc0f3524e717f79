package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// sweep removes dictionary rows that nothing refers to any more. It reads all that
// refers to any, marks the numbers, and goes through the layers of identities: a
// transaction takes the entries of some rows out of a layer, and the dictionary
// rows with them, so that nobody finds the number of a row that is gone.
type sweep struct {
	epoch    int64
	heard    time.Time // when others last heard of it
	removals int64
	below    [kindFingerprint + 1]int64 // rows with lower numbers may go
	marks    [kindFingerprint + 1]*storage.Marks
	read     map[int64]int64 // by journal: bundles up to this position are marked
	marked   bool            // all of them were, once
	episode  int64           // the last that was marked; what folds write later is of bundles
	episodes bool            // all were

	kind alert.EntryKind // of the layers at hand
	next int64           // the row of identities that is looked at next

	text unbundled
}

// beginSweep begins an epoch. It returns nil when nothing has been removed since
// the last sweep.
func (s *Store) beginSweep(ctx context.Context) (*sweep, error) {
	w := &sweep{read: map[int64]int64{}, kind: alert.KindLabelSet}
	due := false
	err := s.writing(ctx, func(c *conn) error {
		return c.transaction(ctx, true, func() error {
			if err := mayRemove(ctx, c); err != nil {
				return err
			}
			w.heard = time.Now()
			const begin = `UPDATE retention SET epoch = epoch + 1, sweeper = epoch + 1, seen_at = ? WHERE removals > swept RETURNING removals, epoch`
			err := c.query(ctx, begin, func(row []driver.Value) error {
				w.removals, w.epoch, due = row[0].(int64), row[1].(int64), true
				return nil
			}, w.heard.UnixMicro())
			for kind := alert.KindLabelSet; kind <= alert.KindEnvelope && err == nil; kind++ {
				w.marks[kind] = storage.NewMarks()
				err = c.query(ctx, dictionaries[kind].last, func(row []driver.Value) error {
					w.below[kind], _ = row[0].(int64)
					return nil
				})
			}
			return err
		})
	})
	if err != nil || !due {
		return nil, err
	}
	w.below[kindFingerprint], w.marks[kindFingerprint] = w.below[alert.KindLabelSet], w.marks[alert.KindLabelSet]
	return w, nil
}

func (w *sweep) step(ctx context.Context, s *Store) (removed int64, more bool, err error) {
	if err := w.report(ctx, s); err != nil {
		return 0, true, err
	}
	// What others have stored meanwhile is read here and not in the transaction.
	err = s.reading(ctx, func(c *conn) (err error) {
		caughtUp, err := w.mark(ctx, c, time.Now().Add(readFor))
		w.marked = w.marked || caughtUp
		return err
	})
	if err != nil || !w.marked {
		return 0, true, err
	}
	if !w.episodes {
		return 0, true, s.reading(ctx, func(c *conn) error { return w.markEpisodes(ctx, c, time.Now().Add(readFor)) })
	}
	var rows []int64
	err = s.reading(ctx, func(c *conn) (err error) {
		rows, err = w.choose(ctx, c, time.Now().Add(readFor))
		return err
	})
	if err != nil {
		return 0, true, err
	}
	if len(rows) > 0 {
		removed, err = w.remove(ctx, s, rows)
		return removed, true, err
	}
	if w.kind <= kindFingerprint {
		return 0, true, nil
	}
	return 0, false, s.writing(ctx, func(c *conn) error {
		return c.transaction(ctx, true, func() error {
			_, err := c.exec(ctx, `UPDATE retention SET swept = max(swept, ?), sweeper = 0 WHERE sweeper = ?`, w.removals, w.epoch)
			return err
		})
	})
}

// bundlesPerPage is how many bundles are read together: a megabyte.
const bundlesPerPage = 128

// mark marks what the bundles refer to that were not read yet, and returns false
// when the time is over before all are.
func (w *sweep) mark(ctx context.Context, c *conn, until time.Time) (all bool, err error) {
	positions := map[int64]int64{}
	err = c.query(ctx, `SELECT number, position FROM journals`, func(row []driver.Value) error {
		positions[row[0].(int64)] = row[1].(int64)
		return nil
	})
	for journal, position := range positions {
		for err == nil && w.read[journal] < position {
			if time.Now().After(until) {
				return false, nil
			}
			err = w.markPage(ctx, c, journal, position)
		}
	}
	return err == nil, err
}

const markSQL = `SELECT id, deliveries, events FROM bundles WHERE id > ? AND id <= ? ORDER BY id LIMIT ?`

func (w *sweep) markPage(ctx context.Context, c *conn, journal, position int64) error {
	n, last := 0, int64(0)
	err := c.query(ctx, markSQL, func(row []driver.Value) error {
		n++
		last = row[0].(int64)
		if err := w.text.readDeliveries(last, 0, row[1].(string), false); err != nil {
			return err
		}
		for i := range w.text.deliveries {
			w.marks[alert.KindEnvelope].Add(w.text.deliveries[i].Envelope)
		}
		return numbersOf(last, row[2].(string), func(set, details int64) {
			w.marks[alert.KindLabelSet].Add(set)
			w.marks[alert.KindDetails].Add(details)
		})
	}, alert.DeliveryNumber(int32(journal), uint64(w.read[journal])), alert.DeliveryNumber(int32(journal), uint64(position)), int64(bundlesPerPage))
	if err != nil {
		return err
	}
	if n < bundlesPerPage {
		w.read[journal] = position
		return nil
	}
	_, seq := alert.SplitDelivery(last)
	w.read[journal] = int64(seq)
	return nil
}

// markEpisodes marks what some episodes refer to. A fold that comes later takes its
// numbers from bundles, none of which is removed while a sweep is under way.
func (w *sweep) markEpisodes(ctx context.Context, c *conn, until time.Time) error {
	for !time.Now().After(until) {
		const atOnce = 2048
		n := 0
		err := c.query(ctx, `SELECT number, label_set, details, envelope FROM episodes WHERE number > ? ORDER BY number LIMIT ?`,
			func(row []driver.Value) error {
				n++
				w.episode = row[0].(int64)
				w.marks[alert.KindLabelSet].Add(row[1].(int64))
				w.marks[alert.KindDetails].Add(row[2].(int64))
				w.marks[alert.KindEnvelope].Add(row[3].(int64))
				return nil
			}, w.episode, int64(atOnce))
		if err != nil {
			return err
		}
		if n < atOnce {
			w.episodes = true
			return nil
		}
	}
	return nil
}

// goes reports whether the row of the kind at hand that an entry of a layer is
// for is neither marked nor too young.
func (w *sweep) goes(slot []byte) bool {
	n := slotNumber(slot)
	return n < w.below[w.kind] && !w.marks[w.kind].Has(n)
}

// rowsAtOnceSwept is how many rows of a layer are looked at or changed together.
const rowsAtOnceSwept = 16

const layerPageSQL = `SELECT id, slots FROM identities WHERE id >= ? AND id < ? ORDER BY id LIMIT ?`

// choose looks for rows of layers, beginning at w.next, that have entries which go.
// Layers are merged while we look: what comes of it has a higher number.
func (w *sweep) choose(ctx context.Context, c *conn, until time.Time) (rows []int64, err error) {
	for w.kind <= kindFingerprint && len(rows) == 0 && !time.Now().After(until) {
		layers, err := layersOf(ctx, c, w.kind)
		if err != nil {
			return nil, err
		}
		for len(layers) > 0 && (layers[0].number+1)<<layerRowBits <= w.next {
			layers = layers[1:]
		}
		if len(layers) == 0 {
			w.kind, w.next = w.kind+1, 0
			continue
		}
		n, behind := 0, (layers[0].number+1)<<layerRowBits
		err = c.query(ctx, layerPageSQL, func(row []driver.Value) error {
			n++
			w.next = row[0].(int64) + 1
			slots := row[1].([]byte)
			for ; len(slots) >= slotBytes; slots = slots[slotBytes:] {
				if w.goes(slots) {
					rows = append(rows, w.next-1)
					break
				}
			}
			return nil
		}, max(w.next, layers[0].number<<layerRowBits), behind, int64(rowsAtOnceSwept))
		if err != nil {
			return nil, err
		}
		if n < rowsAtOnceSwept {
			w.next = behind
		}
	}
	return rows, nil
}

// remove takes what goes out of some rows of a layer. What takes too long is left
// for the next step.
func (w *sweep) remove(ctx context.Context, s *Store, rows []int64) (removed int64, err error) {
	err = s.writing(ctx, func(c *conn) error {
		err := c.transaction(ctx, true, func() error {
			begun := time.Now()
			if err := w.goesOn(ctx, c); err != nil {
				return err
			}
			// Nobody can store anything now, and there is little left to read.
			if _, err := w.mark(ctx, c, begun.Add(time.Hour)); err != nil {
				return err
			}
			for i, row := range rows {
				if i > 0 && time.Since(begun) > removeFor {
					w.next = row
					return nil
				}
				n, err := w.removeFrom(ctx, c, row)
				if err != nil {
					return fmt.Errorf("row %d of identities: %w", row, err)
				}
				removed += n
			}
			return nil
		})
		if err == nil {
			s.wal.check(ctx, c)
		}
		return err
	})
	if err != nil {
		w.next = rows[0]
		return 0, err
	}
	if w.kind == kindFingerprint {
		return 0, nil // their rows were counted
	}
	return removed, nil
}

func (w *sweep) removeFrom(ctx context.Context, c *conn, row int64) (removed int64, err error) {
	l := layer{number: row >> layerRowBits}
	slots, err := l.row(ctx, c, row&(1<<layerRowBits-1))
	if err != nil {
		return 0, err
	}
	var numbers []int64
	kept := slots[:0]
	for ; len(slots) > 0; slots = slots[slotBytes:] {
		if w.goes(slots) {
			numbers = append(numbers, slotNumber(slots))
		} else {
			kept = append(kept, slots[:slotBytes]...)
		}
	}
	if len(numbers) == 0 {
		return 0, nil // merged meanwhile, or in use again
	}
	if len(kept) > 0 {
		_, err = c.exec(ctx, `UPDATE identities SET slots = ? WHERE id = ?`, kept, row)
	} else {
		_, err = c.exec(ctx, `DELETE FROM identities WHERE id = ?`, row)
	}
	removed = int64(len(numbers))
	if err == nil {
		_, err = c.exec(ctx, `UPDATE layers SET size = size - ? WHERE number = ?`, removed, l.number)
	}
	if err == nil {
		_, err = c.exec(ctx, `DELETE FROM layers WHERE number = ? AND size <= 0`, l.number)
	}
	if err == nil && w.kind <= alert.KindEnvelope {
		_, err = deleted(ctx, c, dictionaries[w.kind].remove, numberList(numbers))
	}
	return removed, err
}
