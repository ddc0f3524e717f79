package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// entries finds the number of every entry of the batch, and gives one to those
// that the database has never seen. The content of an entry is asked for only
// then: it may have to come from the disk.
func (w *writer) entries(ctx context.Context) error {
	w.numbers = make([]int64, len(w.b.Entries))
	for i, e := range w.b.Entries {
		id := e.ID()
		number, ok := w.known.get(id)
		if !ok {
			if i%checkEvery == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			var err error
			if number, err = w.number(e, id); err != nil {
				return fmt.Errorf("dictionary entry %s %x: %w", e.Kind(), id, err)
			}
			w.learned = append(w.learned, numbered{id, number})
		}
		w.numbers[i] = number
	}
	return nil
}

// number returns the entry's number in the table of its kind. Entries come in
// swarms: known ones after a restart, new ones when a thousand nodes join or an
// annotation carries a measured value. So what the last one of the kind was
// decides what is tried first: an insert in vain costs reading and decoding the
// content, a look-up in vain costs a quarter of an insert.
func (w *writer) number(e alert.Entry, id alert.ID) (number int64, err error) {
	kind := e.Kind()
	if kind < alert.KindLabelSet || kind > alert.KindEnvelope {
		return 0, &refusedError{fmt.Errorf("kind %d is unknown", kind)}
	}
	found := false
	if !w.swarm[kind] {
		if number, found, err = w.find(kind, id); err != nil || found {
			return number, err
		}
	}
	content, err := e.Content()
	if err != nil {
		return 0, fmt.Errorf("read content: %w", err)
	}
	number, inserted, err := w.insert(kind, id, content)
	if err != nil {
		return 0, err
	}
	w.swarm[kind] = inserted
	if !inserted {
		number, _, err = w.find(kind, id)
	}
	return number, err
}

func (w *writer) find(kind alert.EntryKind, id alert.ID) (number int64, found bool, err error) {
	sql := `SELECT id FROM label_sets WHERE identity = ?`
	switch kind {
	case alert.KindDetails:
		sql = `SELECT id FROM details WHERE identity = ?`
	case alert.KindEnvelope:
		sql = `SELECT id FROM envelopes WHERE identity = ?`
	}
	err = w.c.query(context.Background(), sql, func(row []driver.Value) error {
		number, found = row[0].(int64), true
		return nil
	}, id[:])
	return number, found, err
}

// insert adds an entry; inserted is false when it was there.
func (w *writer) insert(kind alert.EntryKind, id alert.ID, content []byte) (number int64, inserted bool, err error) {
	var res driver.Result
	switch kind {
	case alert.KindLabelSet:
		res, err = w.insertLabelSet(id, content)
	case alert.KindDetails:
		res, err = w.insertDetails(id, content)
	default:
		res, err = w.insertEnvelope(id, content)
	}
	if err != nil {
		return 0, false, err
	}
	rows, err := res.RowsAffected()
	if err != nil || rows == 0 {
		return 0, false, err
	}
	number, err = res.LastInsertId()
	return number, true, err
}

func (w *writer) insertLabelSet(id alert.ID, content []byte) (driver.Result, error) {
	set, err := alert.DecodeLabelSet(content)
	if err != nil {
		return nil, &refusedError{err}
	}
	return w.c.exec(context.Background(), `
		INSERT INTO label_sets (identity, fingerprint, alertname, severity, labels) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (identity) DO NOTHING`,
		id[:], int64(set.Fingerprint), storage.Escape(alert.Value(set.Labels, "alertname")),
		storage.Escape(alert.Value(set.Labels, "severity")), pairsText(set.Labels))
}

func (w *writer) insertDetails(id alert.ID, content []byte) (driver.Result, error) {
	d, err := alert.DecodeDetails(content)
	if err != nil {
		return nil, &refusedError{err}
	}
	return w.c.exec(context.Background(), `
		INSERT INTO details (identity, annotations, generator_url, extra) VALUES (?, ?, ?, ?)
		ON CONFLICT (identity) DO NOTHING`,
		id[:], pairsText(d.Annotations), storage.Escape(d.GeneratorURL), extraValue(d.Extra))
}

func (w *writer) insertEnvelope(id alert.ID, content []byte) (driver.Result, error) {
	v, err := alert.DecodeEnvelope(content)
	if err != nil {
		return nil, &refusedError{err}
	}
	return w.c.exec(context.Background(), `
		INSERT INTO envelopes (identity, receiver, group_key, group_labels, external_url, extra) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (identity) DO NOTHING`,
		id[:], storage.Escape(v.Receiver), storage.Escape(v.GroupKey), pairsText(v.GroupLabels),
		storage.Escape(v.ExternalURL), extraValue(v.Extra))
}

func pairsText(pairs []alert.Pair) string { return string(storage.AppendPairs(nil, pairs)) }

// extraValue returns the stored form of unknown fields: null for none.
func extraValue(extra []byte) driver.Value {
	if extra == nil {
		return nil
	}
	return string(storage.EscapeJSON(extra))
}
