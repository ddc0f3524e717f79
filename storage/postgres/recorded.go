package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// recordedAtOnce is how many recorded events go into one statement.
const recordedAtOnce = 512

// insertRecorded stores what event recorders sent and is not there yet.
func (t *transaction) insertRecorded(ctx context.Context) error {
	if len(t.b.Recorded) == 0 {
		return nil
	}
	events := storage.RecordedInOrder(t.b.Recorded)
	for len(events) > 0 {
		n := min(len(events), recordedAtOnce)
		if err := t.insertSomeRecorded(ctx, events[:n]); err != nil {
			return fmt.Errorf("insert %d recorded events, positions %d to %d: %w", n, t.b.From, t.b.To, err)
		}
		events = events[n:]
	}
	return nil
}

func (t *transaction) insertSomeRecorded(ctx context.Context, events []*alert.Recorded) error {
	n := len(events)
	at, nanos, ids, received := newArray(oidTimestamptz, n), newArray(oidInt4, n), newArray(oidUUID, n), newArray(oidTimestamptz, n)
	sources, instances, kinds, silences := newArray(oidText, n), newArray(oidText, n), newArray(oidText, n), newArray(oidText, n)
	fingerprints, keys, bodies := newArray(oidBytea, n), newArray(oidText, n), newArray(oidText, n)
	var scratch []byte
	var found []int64
	for _, r := range events {
		at.time(r.At.Micros)
		nanos.int4(int32(r.At.Nanos))
		ids.uuid(&r.ID)
		received.time(r.ReceivedAt)
		sources.text(r.Source)
		instances.text(r.Instance)
		kinds.text(r.Kind)
		silences.text(r.Silence)
		scratch = storage.AppendFingerprints(scratch[:0], r.Fingerprints)
		fingerprints.bytes(scratch)
		found = storage.AppendRecordedKeys(found[:0], r)
		scratch = appendArrayText(scratch[:0], found)
		keys.bytes(scratch)
		bodies.bytes(storage.EscapeJSON(r.Body))
	}
	var a arguments
	sql := `WITH fresh AS (
		INSERT INTO recorded (happened_at, nanos, id, received_at, source, instance, kind, silence, fingerprints, keys, body)
		SELECT e.happened_at, e.nanos, e.id, e.received_at, e.source, e.instance, e.kind, e.silence, e.fingerprints, e.keys::bigint[], e.body
		FROM unnest(` + a.array(oidTimestamptzArray, at) + `, ` + a.array(oidInt4Array, nanos) + `, ` + a.array(oidUUIDArray, ids) + `, ` +
		a.array(oidTimestamptzArray, received) + `, ` + a.array(oidTextArray, sources) + `, ` + a.array(oidTextArray, instances) + `, ` +
		a.array(oidTextArray, kinds) + `, ` + a.array(oidTextArray, silences) + `, ` + a.array(oidByteaArray, fingerprints) + `, ` +
		a.array(oidTextArray, keys) + `, ` + a.array(oidTextArray, bodies) + `)
			AS e (happened_at, nanos, id, received_at, source, instance, kind, silence, fingerprints, keys, body)
		ON CONFLICT (happened_at, id) DO NOTHING
		RETURNING keys, happened_at, number)
	INSERT INTO recorded_keys (key, happened_at, number) SELECT unnest(keys), happened_at, number FROM fresh`
	return exec(ctx, t.c, sql, a)
}

// appendArrayText appends numbers as PostgreSQL spells an array.
func appendArrayText(dst []byte, numbers []int64) []byte {
	dst = append(dst, '{')
	for i, n := range numbers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, n, 10)
	}
	return append(dst, '}')
}

func (a *array) time(micros int64) { a.buf = appendTime(a.buf, micros) }

func (a *array) int4(v int32) { a.buf = appendInt4(a.buf, v) }

func (a *array) text(s string) { a.buf = appendText(a.buf, s) }

// bytes appends an element as it is: a bytea, or text in its stored form.
func (a *array) bytes(b []byte) {
	a.buf = binary.BigEndian.AppendUint32(a.buf, uint32(len(b)))
	a.buf = append(a.buf, b...)
}

// Recorded implements storage.Recorder.
func (s *Store) Recorded(ctx context.Context, q *alert.RecordedQuery, yield func(*alert.StoredRecorded) error) error {
	if err := s.migrate(ctx); err != nil {
		return err
	}
	return storage.SearchRecorded(ctx, reader{s.pool, s.probeParts}, q, yield)
}

// selectRecorded is the statement of a page. OFFSET 0 keeps the planner from anything
// but looking each key's event up: the keys are in the order that is asked for.
func selectRecorded(w storage.RecordedWindow) (sql string, a arguments) {
	where := ""
	if len(w.Kinds) > 0 {
		kinds := newArray(oidText, len(w.Kinds))
		for _, kind := range w.Kinds {
			kinds.text(kind)
		}
		where += ` AND r.kind = ANY (` + a.array(oidTextArray, kinds) + `)`
	}
	if w.Instance != nil {
		where += ` AND r.instance = ` + a.text(*w.Instance)
	}
	if w.Silence != nil {
		where += ` AND r.silence = ` + a.text(*w.Silence)
	}
	sql = `SELECT r.number, r.happened_at, r.nanos, r.id, r.received_at, r.source, r.instance, r.kind, r.silence, r.fingerprints, r.body
		FROM recorded_keys k CROSS JOIN LATERAL (SELECT * FROM recorded r WHERE r.number = k.number` + where + ` OFFSET 0) r
		WHERE k.key = ` + a.int8(w.Key) + ` AND k.happened_at >= ` + a.time(w.From) +
		` AND (k.happened_at, k.number) < (` + a.time(w.Before.At) + `, ` + a.int8(w.Before.Number) + `)
		ORDER BY k.happened_at DESC, k.number DESC LIMIT ` + a.int8(int64(w.Limit))
	return sql, a
}

// RecordedBefore implements storage.RecordedBackend.
func (r reader) RecordedBefore(ctx context.Context, w storage.RecordedWindow, page *storage.RecordedPage) error {
	sql, a := selectRecorded(w)
	err := r.query(ctx, sql, a, func(v row) error {
		if page.Full {
			return nil // the rest of an answer is read, and let go
		}
		page.Add(&alert.StoredRecorded{Number: v.int8(0), Recorded: alert.Recorded{
			At: alert.Time{Micros: v.time(1), Nanos: uint16(v.int4(2))}, ID: v.uuid(3), ReceivedAt: v.time(4),
			Source: v.text(5), Instance: v.text(6), Kind: v.text(7), Silence: v.text(8),
			Fingerprints: storage.ReadFingerprints(v[9]), Body: v.json(10),
		}})
		return nil
	})
	if err != nil {
		return fmt.Errorf("read recorded events: %w", err)
	}
	return nil
}

// forgetAtOnce is how many recorded events a step of ForgetRecorded removes.
const forgetAtOnce = 1000

// ForgetRecorded removes a step's worth of what recorders sent before a time, in
// microseconds since 1970, by when it was received; more is true when there is more
// to do. It is a part of what storage.Retainer is to do.
func (s *Store) ForgetRecorded(ctx context.Context, before int64) (more bool, err error) {
	if err := s.migrate(ctx); err != nil {
		return false, err
	}
	c, release, err := s.pool.acquire(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	return forgetRecorded(ctx, c, before)
}

func forgetRecorded(ctx context.Context, c *pgconn.PgConn, before int64) (more bool, err error) {
	var a arguments
	sql := `WITH gone AS (
			DELETE FROM recorded WHERE number = ANY (ARRAY(
				SELECT number FROM recorded WHERE received_at < ` + a.time(before) + ` ORDER BY received_at LIMIT ` + a.int8(forgetAtOnce) + `))
			RETURNING keys, happened_at, number),
		keys AS (
			DELETE FROM recorded_keys k USING (SELECT unnest(keys) AS key, happened_at, number FROM gone) g
			WHERE k.key = g.key AND k.happened_at = g.happened_at AND k.number = g.number)
		SELECT count(*) FROM gone`
	err = query(ctx, c, sql, a, func(v row) error {
		more = v.int8(0) == forgetAtOnce
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("forget recorded events: %w", err)
	}
	return more, nil
}
