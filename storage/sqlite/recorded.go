package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

const (
	insertRecordedSQL = `
		INSERT INTO recorded (happened_at, nanos, id, received_at, source, instance, kind, silence, fingerprints, body)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (happened_at, id) DO NOTHING RETURNING number`
	insertRecordedKeySQL = `INSERT INTO recorded_keys (key, happened_at, number) VALUES (?, ?, ?)`
	deleteRecordedKeySQL = `DELETE FROM recorded_keys WHERE key = ? AND happened_at = ? AND number = ?`
)

// recorded stores what event recorders sent and is not there yet.
func (w *writer) recorded(ctx context.Context) error {
	var keys []int64
	for i, r := range storage.RecordedInOrder(w.b.Recorded) {
		if i%rowsAtOnce == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		number := int64(0)
		err := w.c.query(context.Background(), insertRecordedSQL, func(row []driver.Value) error {
			number = row[0].(int64)
			return nil
		}, r.At.Micros, int64(r.At.Nanos), r.ID[:], r.ReceivedAt, storage.Escape(r.Source), storage.Escape(r.Instance),
			storage.Escape(r.Kind), storage.Escape(r.Silence), storage.AppendFingerprints([]byte{}, r.Fingerprints),
			string(storage.EscapeJSON(r.Body)))
		if err != nil {
			return fmt.Errorf("recorded event %x: %w", r.ID, err)
		}
		if number == 0 {
			continue // it is there
		}
		keys = storage.AppendRecordedKeys(keys[:0], r)
		for _, key := range keys {
			if err := w.insert(insertRecordedKeySQL, []driver.Value{key, r.At.Micros, number}); err != nil {
				return fmt.Errorf("key of recorded event %x: %w", r.ID, err)
			}
		}
	}
	return nil
}

// Recorded implements storage.Recorder.
func (s *Store) Recorded(ctx context.Context, q *alert.RecordedQuery, yield func(*alert.StoredRecorded) error) error {
	return storage.SearchRecorded(ctx, backend{s}, q, yield)
}

const recordedColumns = `r.number, r.happened_at, r.nanos, r.id, r.received_at, r.source, r.instance, r.kind, r.silence, r.fingerprints, r.body`

// RecordedBefore implements storage.RecordedBackend. The join is a cross join so
// that SQLite goes by the keys, which are in the order that is asked for.
func (b backend) RecordedBefore(ctx context.Context, w storage.RecordedWindow) (page []*alert.StoredRecorded, err error) {
	sql := `SELECT ` + recordedColumns + ` FROM recorded_keys k CROSS JOIN recorded r ON r.number = k.number
		WHERE k.key = ? AND k.happened_at >= ? AND (k.happened_at, k.number) < (?, ?)`
	args := []driver.Value{w.Key, w.From, w.Before.At, w.Before.Number}
	if len(w.Kinds) > 0 {
		kinds := make([]string, len(w.Kinds))
		for i, kind := range w.Kinds {
			kinds[i] = storage.Escape(kind)
		}
		list, err := json.Marshal(kinds)
		if err != nil {
			return nil, err
		}
		sql += ` AND r.kind IN (SELECT value FROM json_each(?))`
		args = append(args, string(list))
	}
	if w.Instance != nil {
		sql += ` AND r.instance = ?`
		args = append(args, storage.Escape(*w.Instance))
	}
	if w.Silence != nil {
		sql += ` AND r.silence = ?`
		args = append(args, storage.Escape(*w.Silence))
	}
	err = b.query(ctx, sql+` ORDER BY k.happened_at DESC, k.number DESC LIMIT ?`, func(row []driver.Value) error {
		page = append(page, recordedOf(row))
		return nil
	}, append(args, int64(w.Limit))...)
	return page, err
}

// recordedOf reads a row of recordedColumns.
func recordedOf(row []driver.Value) *alert.StoredRecorded {
	fingerprints, _ := row[9].([]byte) // an empty blob may come as nil
	id, _ := row[3].([]byte)
	r := &alert.StoredRecorded{Number: row[0].(int64), Recorded: alert.Recorded{
		ReceivedAt: row[4].(int64), At: alert.Time{Micros: row[1].(int64), Nanos: uint16(row[2].(int64))},
		Source: storage.Unescape(row[5].(string)), Instance: storage.Unescape(row[6].(string)),
		Kind: storage.Unescape(row[7].(string)), Silence: storage.Unescape(row[8].(string)),
		Fingerprints: storage.ReadFingerprints(fingerprints), Body: storage.UnescapeJSON([]byte(row[10].(string))),
	}}
	copy(r.ID[:], id)
	return r
}

// forgetAtOnce is how many recorded events a step of ForgetRecorded removes, each
// with half a dozen keys: some ten milliseconds.
const forgetAtOnce = 250

// ForgetRecorded removes a step's worth of what recorders sent before a time, in
// microseconds since 1970, by when it was received; more is true when there is more
// to do. It is a part of what storage.Retainer is to do.
func (s *Store) ForgetRecorded(ctx context.Context, before int64) (more bool, err error) {
	err = s.writing(ctx, func(c *conn) error {
		return c.transaction(ctx, true, func() error {
			var old []*alert.StoredRecorded
			err := c.query(ctx, `SELECT `+recordedColumns+` FROM recorded r WHERE r.received_at < ? ORDER BY r.received_at LIMIT ?`,
				func(row []driver.Value) error {
					old = append(old, recordedOf(row))
					return nil
				}, before, int64(forgetAtOnce))
			more = len(old) == forgetAtOnce
			for _, r := range old {
				err = errors.Join(err, forgetRecorded(c, r))
			}
			return err
		})
	})
	if err != nil {
		return false, fmt.Errorf("sqlite: forget recorded events: %w", err)
	}
	return more, nil
}

func forgetRecorded(c *conn, r *alert.StoredRecorded) error {
	for _, key := range storage.AppendRecordedKeys(nil, &r.Recorded) {
		if _, err := c.exec(context.Background(), deleteRecordedKeySQL, key, r.At.Micros, r.Number); err != nil {
			return err
		}
	}
	_, err := c.exec(context.Background(), `DELETE FROM recorded WHERE number = ?`, r.Number)
	return err
}
