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

// number looks the entry up in its table, then inserts it. The other way round
// would do with one statement where all entries are new, but would read and
// decode contents in vain after a restart.
func (w *writer) number(e alert.Entry, id alert.ID) (number int64, err error) {
	var find string
	var insert func(id alert.ID, content []byte) (driver.Result, error)
	switch e.Kind() {
	case alert.KindLabelSet:
		find, insert = `SELECT id FROM label_sets WHERE identity = ?`, w.insertLabelSet
	case alert.KindDetails:
		find, insert = `SELECT id FROM details WHERE identity = ?`, w.insertDetails
	case alert.KindEnvelope:
		find, insert = `SELECT id FROM envelopes WHERE identity = ?`, w.insertEnvelope
	default:
		return 0, &refusedError{fmt.Errorf("kind %d is unknown", e.Kind())}
	}
	found := false
	err = w.c.query(context.Background(), find, func(row []driver.Value) error {
		number, found = row[0].(int64), true
		return nil
	}, id[:])
	if err != nil || found {
		return number, err
	}
	content, err := e.Content()
	if err != nil {
		return 0, fmt.Errorf("read content: %w", err)
	}
	res, err := insert(id, content)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

func (w *writer) insertLabelSet(id alert.ID, content []byte) (driver.Result, error) {
	set, err := alert.DecodeLabelSet(content)
	if err != nil {
		return nil, &refusedError{err}
	}
	return w.c.exec(context.Background(), `
		INSERT INTO label_sets (identity, fingerprint, alertname, severity, labels) VALUES (?, ?, ?, ?, ?)`,
		id[:], int64(set.Fingerprint), storage.Escape(alert.Value(set.Labels, "alertname")),
		storage.Escape(alert.Value(set.Labels, "severity")), pairsText(set.Labels))
}

func (w *writer) insertDetails(id alert.ID, content []byte) (driver.Result, error) {
	d, err := alert.DecodeDetails(content)
	if err != nil {
		return nil, &refusedError{err}
	}
	return w.c.exec(context.Background(), `
		INSERT INTO details (identity, annotations, generator_url, extra) VALUES (?, ?, ?, ?)`,
		id[:], pairsText(d.Annotations), storage.Escape(d.GeneratorURL), extraValue(d.Extra))
}

func (w *writer) insertEnvelope(id alert.ID, content []byte) (driver.Result, error) {
	v, err := alert.DecodeEnvelope(content)
	if err != nil {
		return nil, &refusedError{err}
	}
	return w.c.exec(context.Background(), `
		INSERT INTO envelopes (identity, receiver, group_key, group_labels, external_url, extra) VALUES (?, ?, ?, ?, ?, ?)`,
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
