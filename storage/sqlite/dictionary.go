package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// entries finds the number of every entry of the batch, and gives one to those
// that the database has never seen. The content of an entry is asked for only
// then: it may have to come from the disk.
func (w *writer) entries(ctx context.Context) error {
	w.numbers = slices.Grow(w.numbers[:0], len(w.b.Entries))[:len(w.b.Entries)]
	for kind := range w.unknown {
		w.unknown[kind] = w.unknown[kind][:0]
	}
	if w.first == nil || len(w.first) > maxFirst { // a map keeps the room that it had once
		w.first = map[alert.ID]int32{}
	}
	clear(w.first)
	w.twins = w.twins[:0]
	for i, e := range w.b.Entries {
		number, ok := w.known.get(e.ID())
		if !ok {
			// A batch that spans two segments of the journal has twice what both define.
			if of, ok := w.first[e.ID()]; ok {
				w.twins = append(w.twins, twin{index: int32(i), of: of})
				continue
			}
			w.first[e.ID()] = int32(i)
			kind := e.Kind()
			if kind < alert.KindLabelSet || kind > alert.KindEnvelope {
				return &refusedError{fmt.Errorf("dictionary entry %x: kind %d is unknown", e.ID(), kind)}
			}
			w.unknown[kind] = append(w.unknown[kind], int32(i))
		}
		w.numbers[i] = number
	}
	for kind, which := range w.unknown {
		if len(which) == 0 {
			continue
		}
		if err := w.number(ctx, alert.EntryKind(kind), which); err != nil {
			return err
		}
	}
	for _, t := range w.twins {
		w.numbers[t.index] = w.numbers[t.of]
	}
	return nil
}

// maxFirst is how many new entries a batch may have for their map to be kept.
const maxFirst = 1 << 15

// twin is an entry that is in the batch twice: it gets the number of the other.
type twin struct{ index, of int32 }

// dictionary is the table of a kind.
type dictionary struct {
	columns           int
	last              string
	insert, insertAll string // one row, rowsAtOnce rows
	remove            string // the rows of a numberList
}

// rowsAtOnce rows in one statement halve what an insert costs. Such a statement says OR
// FAIL: so that it could undo what it has done when the last of its rows is refused, SQLite
// copies each page that it changes to a temporary file before, and here whoever is refused
// a row rolls back all.
const rowsAtOnce = 8

func newDictionary(table, columns string) dictionary {
	n := strings.Count(columns, ",") + 1
	row := `(?` + strings.Repeat(`, ?`, n-1) + `)`
	insert := `INSERT OR FAIL INTO ` + table + ` (` + columns + `) VALUES ` + row
	return dictionary{
		columns: n, last: `SELECT max(id) FROM ` + table,
		insert: insert, insertAll: insert + strings.Repeat(`, `+row, rowsAtOnce-1),
		remove: `DELETE FROM ` + table + ` WHERE id IN (SELECT value FROM json_each(?))`,
	}
}

var dictionaries = [...]dictionary{
	alert.KindLabelSet: newDictionary(`label_sets`, `id, fingerprint, alertname, severity, labels`),
	alert.KindDetails:  newDictionary(`details`, `id, annotations, generator_url, extra`),
	alert.KindEnvelope: newDictionary(`envelopes`, `id, receiver, group_key, group_labels, external_url, extra`),
}

// number sets the numbers of entries of one kind that are not known.
func (w *writer) number(ctx context.Context, kind alert.EntryKind, which []int32) error {
	w.prints = w.prints[:0]
	slots := w.sorted(which)
	found, err := w.find(ctx, kind, slots)
	if err != nil {
		return fmt.Errorf("find %d entries of kind %s: %w", len(which), kind, err)
	}
	if found < len(which) {
		if err := w.add(ctx, kind, which); err != nil {
			return err
		}
		if err := addLayer(ctx, w.c, kind, w.fresh(slots)); err != nil {
			return fmt.Errorf("index entries of kind %s: %w", kind, err)
		}
	}
	if len(w.prints) > 0 {
		if err := addLayer(ctx, w.c, kindFingerprint, flat(w.prints)); err != nil {
			return fmt.Errorf("index fingerprints: %w", err)
		}
	}
	for _, i := range which {
		w.learned = append(w.learned, numbered{w.b.Entries[i].ID(), w.numbers[i]})
	}
	return nil
}

// sorted returns slots with the places of some entries in the batch for numbers.
func (w *writer) sorted(which []int32) []byte {
	slots := make([]slot, len(which))
	for n, i := range which {
		slots[n] = slotOf(w.b.Entries[i].ID(), int64(i))
	}
	return flat(slots)
}

// find sets the numbers of those that are in the database, and returns how many.
func (w *writer) find(ctx context.Context, kind alert.EntryKind, slots []byte) (found int, err error) {
	layers, err := layersOf(ctx, w.c, kind)
	for i := len(layers) - 1; i >= 0 && err == nil && found*slotBytes < len(slots); i-- {
		if err = ctx.Err(); err != nil {
			break
		}
		err = layers[i].find(context.Background(), w.c, slots, func(slot int, number int64) {
			w.numbers[slotNumber(slots[slot*slotBytes:])] = number
			found++
		})
	}
	return found, err
}

// add stores the entries that have no number yet.
func (w *writer) add(ctx context.Context, kind alert.EntryKind, which []int32) error {
	d := &dictionaries[kind]
	last, err := w.last(d)
	if err != nil {
		return err
	}
	w.after, w.values = last, w.values[:0]
	for _, i := range which {
		if w.numbers[i] != 0 {
			continue
		}
		last++
		if err := w.row(w.b.Entries[i], last); err != nil {
			return fmt.Errorf("dictionary entry %s %x: %w", kind, w.b.Entries[i].ID(), err)
		}
		w.numbers[i] = last
		if len(w.values) == rowsAtOnce*d.columns {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := w.insert(d.insertAll, w.values); err != nil {
				return fmt.Errorf("dictionary entries of kind %s: %w", kind, err)
			}
			w.values = w.values[:0]
		}
	}
	for rest := w.values; len(rest) > 0; rest = rest[d.columns:] {
		if err := w.insert(d.insert, rest[:d.columns]); err != nil {
			return fmt.Errorf("dictionary entry of kind %s: %w", kind, err)
		}
	}
	return nil
}

func (w *writer) insert(sql string, values []driver.Value) error {
	_, err := w.c.exec(context.Background(), sql, values...)
	return err
}

// fresh keeps, in place, the slots of entries that were added, with their numbers.
func (w *writer) fresh(slots []byte) []byte {
	out := slots[:0]
	for ; len(slots) > 0; slots = slots[slotBytes:] {
		if number := w.numbers[slotNumber(slots)]; number > w.after {
			s := slotOf(alert.ID(slots), number)
			out = append(out, s[:]...)
		}
	}
	return out
}

// last returns the highest number of a kind, 0 for none.
func (w *writer) last(d *dictionary) (last int64, err error) {
	err = w.c.query(context.Background(), d.last, func(row []driver.Value) error {
		last, _ = row[0].(int64)
		return nil
	})
	return last, err
}

// row adds an entry's row to w.values.
func (w *writer) row(e alert.Entry, number int64) error {
	content, err := e.Content()
	if err != nil {
		return fmt.Errorf("read content: %w", err)
	}
	w.values = append(w.values, number)
	switch e.Kind() {
	case alert.KindLabelSet:
		set, err := alert.DecodeLabelSet(content)
		if err != nil {
			return &refusedError{err}
		}
		w.prints = append(w.prints, slotOf(printOf(set.Fingerprint, number), number))
		severity := storage.Escape(alert.Value(set.Labels, "severity"))
		w.sets = append(w.sets, addedSet{number, severity})
		w.values = append(w.values, int64(set.Fingerprint), storage.Escape(alert.Value(set.Labels, "alertname")), severity, w.pairs(set.Labels))
	case alert.KindDetails:
		d, err := alert.DecodeDetails(content)
		if err != nil {
			return &refusedError{err}
		}
		w.values = append(w.values, w.pairs(d.Annotations), storage.Escape(d.GeneratorURL), extraValue(d.Extra))
	default:
		v, err := alert.DecodeEnvelope(content)
		if err != nil {
			return &refusedError{err}
		}
		w.values = append(w.values, storage.Escape(v.Receiver), storage.Escape(v.GroupKey), w.pairs(v.GroupLabels),
			storage.Escape(v.ExternalURL), extraValue(v.Extra))
	}
	return nil
}

func (w *writer) pairs(pairs []alert.Pair) string {
	w.text = storage.AppendPairs(w.text[:0], pairs)
	return string(w.text)
}

// extraValue returns the stored form of unknown fields: null for none.
func extraValue(extra []byte) driver.Value {
	if extra == nil {
		return nil
	}
	return string(storage.EscapeJSON(extra))
}
