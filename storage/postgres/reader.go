package postgres

import (
	"context"
	"strconv"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// reader is a storage.Backend: each method is one statement on a connection
// that goes back to the pool before it returns. Statements are planned for
// their values each time: which partitions and which index depends on them.
type reader struct {
	pool       *pool
	probeParts int // see the constant
}

var _ storage.Backend = reader{}

func (r reader) query(ctx context.Context, sql string, a arguments, f func(row) error) error {
	c, release, err := r.pool.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	return query(ctx, c, sql, a, f)
}

func (r reader) Span(ctx context.Context) (oldest, newest int64, ok bool, err error) {
	err = r.query(ctx, `SELECT min(received_at), max(received_at) FROM deliveries`, arguments{}, func(v row) error {
		if ok = !v.null(0); ok {
			oldest, newest = v.time(0), v.time(1)
		}
		return nil
	})
	return oldest, newest, ok, err
}

func (r reader) Candidates(ctx context.Context, n storage.Narrowing, after int64, limit int) (page []storage.Candidate, err error) {
	if keys := keysOf(n); len(keys) > 0 {
		return r.byKeys(ctx, keys, after, limit)
	}
	var a arguments
	sql := `SELECT id, fingerprint, labels FROM label_sets WHERE id > ` + a.int8(after) + ` ORDER BY id LIMIT ` + strconv.Itoa(limit)
	err = r.query(ctx, sql, a, func(v row) error {
		set, err := labelSet(v, 1)
		page = append(page, storage.Candidate{Number: v.int8(0), Set: set})
		return err
	})
	return page, err
}

const deliveryFields = `d.received_at, d.id, d.envelope, d.events, d.truncated_alerts, d.source, d.request_id`

func deliveryRow(v row) storage.DeliveryRow {
	return storage.DeliveryRow{
		ReceivedAt: v.time(0), Number: v.int8(1), Envelope: v.int8(2), Events: int64(v.int4(3)),
		TruncatedAlerts: uint64(v.int8(4)), Source: v.text(5), RequestID: v.text(6),
	}
}

func (r reader) DeliveriesBefore(ctx context.Context, w storage.DeliveryWindow) (page []storage.DeliveryRow, err error) {
	var a arguments
	until := a.time(w.Until.ReceivedAt)
	sql := `SELECT ` + deliveryFields + ` FROM deliveries d WHERE d.received_at >= ` + a.time(w.From) +
		` AND d.received_at <= ` + until + ` AND (d.received_at, d.id) <= (` + until + `, ` + a.int8(w.Until.Number) + `) AND d.part = 0`
	if w.Source != nil {
		sql += ` AND d.source = ` + a.text(*w.Source)
	}
	if w.Receiver != nil {
		// A subquery that cannot become a join: the index on deliveries must
		// lead, however many there are.
		sql += ` AND (SELECT v.receiver FROM envelopes v WHERE v.id = d.envelope) = ` + a.text(*w.Receiver)
	}
	if w.Truncated {
		sql += ` AND d.truncated_alerts > 0`
	}
	sql += ` ORDER BY d.received_at DESC, d.id DESC LIMIT ` + strconv.Itoa(w.Limit)
	err = r.query(ctx, sql, a, func(v row) error {
		page = append(page, deliveryRow(v))
		return nil
	})
	return page, err
}

func (r reader) Deliveries(ctx context.Context, keys []storage.DeliveryKey) (map[storage.DeliveryKey]storage.DeliveryRow, error) {
	times, numbers := newArray(oidTimestamptz, len(keys)), newArray(oidInt8, len(keys))
	for _, k := range keys {
		times.int8(k.ReceivedAt - epoch)
		numbers.int8(k.Number)
	}
	var a arguments
	// OFFSET 0 keeps the planner from turning this into a join that reads whole
	// partitions: a key at a time, through the index.
	sql := `SELECT d.* FROM unnest(` + a.array(oidTimestamptzArray, times) + `, ` + a.array(oidInt8Array, numbers) + `) AS k (t, n)
		CROSS JOIN LATERAL (SELECT ` + deliveryFields + ` FROM deliveries d WHERE d.received_at = k.t AND d.id = k.n AND d.part = 0 OFFSET 0) d`
	found := make(map[storage.DeliveryKey]storage.DeliveryRow, len(keys))
	err := r.query(ctx, sql, a, func(v row) error {
		d := deliveryRow(v)
		found[d.Key()] = d
		return nil
	})
	return found, err
}

func (r reader) LabelSets(ctx context.Context, numbers []int64) (map[int64]*alert.LabelSet, error) {
	return byNumber(ctx, r, `SELECT id, fingerprint, labels FROM label_sets`, numbers, func(v row) (*alert.LabelSet, error) {
		return labelSet(v, 1)
	})
}

func (r reader) Details(ctx context.Context, numbers []int64) (map[int64]*alert.Details, error) {
	const sql = `SELECT id, annotations, generator_url, extra FROM details`
	return byNumber(ctx, r, sql, numbers, func(v row) (*alert.Details, error) {
		annotations, err := v.pairs(1)
		return &alert.Details{Annotations: annotations, GeneratorURL: v.text(2), Extra: v.json(3)}, err
	})
}

func (r reader) Envelopes(ctx context.Context, numbers []int64) (map[int64]*alert.Envelope, error) {
	const sql = `SELECT id, receiver, group_key, group_labels, external_url, extra FROM envelopes`
	return byNumber(ctx, r, sql, numbers, func(v row) (*alert.Envelope, error) {
		labels, err := v.pairs(3)
		return &alert.Envelope{Receiver: v.text(1), GroupKey: v.text(2), GroupLabels: labels, ExternalURL: v.text(4), Extra: v.json(5)}, err
	})
}

// byNumber reads dictionary rows; the first column of sql is the number.
func byNumber[V any](ctx context.Context, r reader, sql string, numbers []int64, f func(row) (*V, error)) (map[int64]*V, error) {
	var a arguments
	found := make(map[int64]*V, len(numbers))
	err := r.query(ctx, sql+` WHERE id = ANY (`+a.int8s(numbers)+`)`, a, func(v row) error {
		x, err := f(v)
		found[v.int8(0)] = x
		return err
	})
	return found, err
}

// labelSet reads a fingerprint and the labels from two columns.
func labelSet(v row, i int) (*alert.LabelSet, error) {
	labels, err := v.pairs(i + 1)
	return &alert.LabelSet{Fingerprint: uint64(v.int8(i)), Labels: labels}, err
}
