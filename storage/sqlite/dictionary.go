package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"slices"

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
	for i, e := range w.b.Entries {
		number, ok := w.known.get(e.ID())
		if !ok {
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
	return nil
}

// statements of the dictionary of a kind.
type statements struct{ find, last, insert string }

var statementsOf = [...]statements{
	alert.KindLabelSet: {
		find:   `SELECT id, identity FROM label_sets WHERE key IN (SELECT value FROM json_each(?))`,
		last:   `SELECT max(id) FROM label_sets`,
		insert: `INSERT INTO label_sets (id, identity, key, fingerprint, alertname, severity, labels) VALUES (?, ?, ?, ?, ?, ?, ?)`,
	},
	alert.KindDetails: {
		find:   `SELECT id, identity FROM details WHERE key IN (SELECT value FROM json_each(?))`,
		last:   `SELECT max(id) FROM details`,
		insert: `INSERT INTO details (id, identity, key, annotations, generator_url, extra) VALUES (?, ?, ?, ?, ?, ?)`,
	},
	alert.KindEnvelope: {
		find:   `SELECT id, identity FROM envelopes WHERE key IN (SELECT value FROM json_each(?))`,
		last:   `SELECT max(id) FROM envelopes`,
		insert: `INSERT INTO envelopes (id, identity, key, receiver, group_key, group_labels, external_url, extra) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
	},
}

// findAtOnce is how many entries one query looks for.
const findAtOnce = 1024

// number sets the numbers of entries of one kind.
func (w *writer) number(ctx context.Context, kind alert.EntryKind, which []int32) error {
	for part := range slices.Chunk(which, findAtOnce) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.find(kind, part); err != nil {
			return fmt.Errorf("find %d entries of kind %s: %w", len(part), kind, err)
		}
	}
	last := int64(-1)
	for n, i := range which {
		if w.numbers[i] == 0 {
			if n%checkEvery == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if last < 0 {
				if err := w.last(kind, &last); err != nil {
					return err
				}
			}
			last++
			if err := w.insert(w.b.Entries[i], last); err != nil {
				return fmt.Errorf("dictionary entry %s %x: %w", kind, w.b.Entries[i].ID(), err)
			}
			w.numbers[i] = last
		}
		w.learned = append(w.learned, numbered{w.b.Entries[i].ID(), w.numbers[i]})
	}
	return nil
}

// keyOf is what an entry is found by: so many bytes that two seldom share one,
// in a number as short as that.
func keyOf(id alert.ID) int64 {
	return int64(binary.BigEndian.Uint64(id[:]) >> 16)
}

func (w *writer) find(kind alert.EntryKind, which []int32) error {
	at := make(map[alert.ID]int32, len(which))
	keys := make([]int64, len(which))
	for n, i := range which {
		id := w.b.Entries[i].ID()
		at[id] = i
		keys[n] = keyOf(id)
	}
	return w.c.query(context.Background(), statementsOf[kind].find, func(row []driver.Value) error {
		if i, ok := at[alert.ID(row[1].([]byte))]; ok {
			w.numbers[i] = row[0].(int64)
		}
		return nil
	}, numberList(keys))
}

// last returns the highest number of a kind, 0 for none.
func (w *writer) last(kind alert.EntryKind, last *int64) error {
	return w.c.query(context.Background(), statementsOf[kind].last, func(row []driver.Value) error {
		*last, _ = row[0].(int64)
		return nil
	})
}

func (w *writer) insert(e alert.Entry, number int64) error {
	content, err := e.Content()
	if err != nil {
		return fmt.Errorf("read content: %w", err)
	}
	id := e.ID()
	insert := func(values ...driver.Value) error {
		_, err := w.c.exec(context.Background(), statementsOf[e.Kind()].insert, values...)
		return err
	}
	switch e.Kind() {
	case alert.KindLabelSet:
		set, err := alert.DecodeLabelSet(content)
		if err != nil {
			return &refusedError{err}
		}
		return insert(number, id[:], keyOf(id), int64(set.Fingerprint), storage.Escape(alert.Value(set.Labels, "alertname")),
			storage.Escape(alert.Value(set.Labels, "severity")), pairsText(set.Labels))
	case alert.KindDetails:
		d, err := alert.DecodeDetails(content)
		if err != nil {
			return &refusedError{err}
		}
		return insert(number, id[:], keyOf(id), pairsText(d.Annotations), storage.Escape(d.GeneratorURL), extraValue(d.Extra))
	default:
		v, err := alert.DecodeEnvelope(content)
		if err != nil {
			return &refusedError{err}
		}
		return insert(number, id[:], keyOf(id), storage.Escape(v.Receiver), storage.Escape(v.GroupKey), pairsText(v.GroupLabels),
			storage.Escape(v.ExternalURL), extraValue(v.Extra))
	}
}

func pairsText(pairs []alert.Pair) string { return string(storage.AppendPairs(nil, pairs)) }

// extraValue returns the stored form of unknown fields: null for none.
func extraValue(extra []byte) driver.Value {
	if extra == nil {
		return nil
	}
	return string(storage.EscapeJSON(extra))
}
