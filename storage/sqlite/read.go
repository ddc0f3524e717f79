package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// Events implements storage.Store.
func (s *Store) Events(ctx context.Context, q *alert.Query, yield func(*alert.Stored) error) error {
	return storage.Search(ctx, backend{s}, q, yield)
}

// backend is the Store as storage.Search sees it. Each method borrows a reading
// connection, runs its queries and gives it back: no transaction outlives it.
type backend struct{ s *Store }

func (b backend) query(ctx context.Context, sql string, each func(row []driver.Value) error, args ...driver.Value) error {
	err := b.s.reading(ctx, func(c *conn) error { return c.query(ctx, sql, each, args...) })
	if err != nil {
		return fmt.Errorf("sqlite: read: %w", err)
	}
	return nil
}

func (b backend) Span(ctx context.Context) (oldest, newest int64, ok bool, err error) {
	// Two queries in one: each is a look at one end of the index.
	err = b.query(ctx, `SELECT (SELECT min(received_at) FROM deliveries), (SELECT max(received_at) FROM deliveries)`,
		func(row []driver.Value) error {
			if oldest, ok = row[0].(int64); ok {
				newest = row[1].(int64)
			}
			return nil
		})
	return oldest, newest, ok, err
}

// maxNarrowing is how many labels SQL looks for; Search tests the others. It
// bounds the number of different statements.
const maxNarrowing = 8

func (b backend) Candidates(ctx context.Context, n storage.Narrowing, after int64, limit int) (out []storage.Candidate, err error) {
	where, args := `id > ?`, []driver.Value{after}
	if n.Fingerprint != nil {
		where += ` AND fingerprint = ?`
		args = append(args, int64(*n.Fingerprint))
	}
	// Labels are stored in one way only, so a label is a piece of their text.
	// Inside a value the quotes of such a piece would be escaped, so it stands
	// nowhere else; and if it did, Search would notice.
	for _, p := range n.Equal[:min(len(n.Equal), maxNarrowing)] {
		where += ` AND instr(labels, ?) > 0`
		text := pairsText([]alert.Pair{p})
		args = append(args, text[1:len(text)-1])
	}
	err = b.query(ctx, `SELECT id, fingerprint, labels FROM label_sets WHERE `+where+` ORDER BY id LIMIT ?`,
		func(row []driver.Value) error {
			set, err := labelSetOf(row)
			out = append(out, storage.Candidate{Number: row[0].(int64), Set: set})
			return err
		}, append(args, int64(limit))...)
	return out, err
}

const deliveryColumns = `d.received_at, d.id, d.envelope, d.events, d.truncated_alerts, d.source, d.request_id`

func deliveryOf(row []driver.Value) storage.DeliveryRow {
	return storage.DeliveryRow{
		ReceivedAt: row[0].(int64), Number: row[1].(int64), Envelope: row[2].(int64), Events: row[3].(int64),
		TruncatedAlerts: uint64(row[4].(int64)),
		Source:          storage.Unescape(row[5].(string)), RequestID: storage.Unescape(row[6].(string)),
	}
}

func (b backend) DeliveriesBefore(ctx context.Context, w storage.DeliveryWindow) (out []storage.DeliveryRow, err error) {
	// Two steps, for SQLite does not seek by a pair of which one is the rowid:
	// it would read again all deliveries of that moment that came before.
	same := `d.received_at = ? AND d.id <= ?`
	if out, err = b.deliveries(ctx, w, out, same, w.Until.ReceivedAt, w.Until.Number); err != nil || w.Until.ReceivedAt < w.From {
		return nil, err
	}
	return b.deliveries(ctx, w, out, `d.received_at >= ? AND d.received_at < ?`, w.From, w.Until.ReceivedAt)
}

// deliveries appends to out the deliveries of w in a range, up to w.Limit in all.
func (b backend) deliveries(ctx context.Context, w storage.DeliveryWindow, out []storage.DeliveryRow, where string, args ...driver.Value) ([]storage.DeliveryRow, error) {
	sql := `SELECT ` + deliveryColumns + ` FROM deliveries d WHERE ` + where
	if w.Source != nil {
		sql += ` AND d.source = ?`
		args = append(args, storage.Escape(*w.Source))
	}
	if w.Receiver != nil {
		// The plus keeps SQLite from another plan: there is no index on it.
		sql += ` AND +d.envelope IN (SELECT id FROM envelopes WHERE receiver = ?)`
		args = append(args, storage.Escape(*w.Receiver))
	}
	err := b.query(ctx, sql+` ORDER BY d.received_at DESC, d.id DESC LIMIT ?`,
		func(row []driver.Value) error {
			out = append(out, deliveryOf(row))
			return nil
		}, append(args, int64(w.Limit-len(out)))...)
	return out, err
}

func (b backend) Deliveries(ctx context.Context, keys []storage.DeliveryKey) (map[storage.DeliveryKey]storage.DeliveryRow, error) {
	numbers := make([]int64, len(keys))
	for i, k := range keys {
		numbers[i] = k.Number
	}
	out := make(map[storage.DeliveryKey]storage.DeliveryRow, len(keys))
	err := b.query(ctx, `SELECT `+deliveryColumns+` FROM deliveries d WHERE d.id IN (SELECT value FROM json_each(?))`,
		func(row []driver.Value) error {
			d := deliveryOf(row)
			out[d.Key()] = d
			return nil
		}, numberList(numbers))
	return out, err
}

func (b backend) LabelSets(ctx context.Context, numbers []int64) (map[int64]*alert.LabelSet, error) {
	out := make(map[int64]*alert.LabelSet, len(numbers))
	err := b.query(ctx, `SELECT id, fingerprint, labels FROM label_sets WHERE id IN (SELECT value FROM json_each(?))`,
		func(row []driver.Value) (err error) {
			out[row[0].(int64)], err = labelSetOf(row)
			return err
		}, numberList(numbers))
	return out, err
}

// labelSetOf reads a row of id, fingerprint, labels.
func labelSetOf(row []driver.Value) (*alert.LabelSet, error) {
	pairs, err := storage.ParsePairs(row[2].(string))
	if err != nil {
		return nil, fmt.Errorf("label set %d: %w", row[0], err)
	}
	return &alert.LabelSet{Fingerprint: uint64(row[1].(int64)), Labels: pairs}, nil
}

func (b backend) Details(ctx context.Context, numbers []int64) (map[int64]*alert.Details, error) {
	out := make(map[int64]*alert.Details, len(numbers))
	err := b.query(ctx, `SELECT id, annotations, generator_url, extra FROM details WHERE id IN (SELECT value FROM json_each(?))`,
		func(row []driver.Value) error {
			pairs, err := storage.ParsePairs(row[1].(string))
			if err != nil {
				return fmt.Errorf("details %d: %w", row[0], err)
			}
			out[row[0].(int64)] = &alert.Details{
				Annotations: pairs, GeneratorURL: storage.Unescape(row[2].(string)), Extra: extraOf(row[3]),
			}
			return nil
		}, numberList(numbers))
	return out, err
}

func (b backend) Envelopes(ctx context.Context, numbers []int64) (map[int64]*alert.Envelope, error) {
	out := make(map[int64]*alert.Envelope, len(numbers))
	err := b.query(ctx, `
		SELECT id, receiver, group_key, group_labels, external_url, extra FROM envelopes
		WHERE id IN (SELECT value FROM json_each(?))`,
		func(row []driver.Value) error {
			pairs, err := storage.ParsePairs(row[3].(string))
			if err != nil {
				return fmt.Errorf("envelope %d: %w", row[0], err)
			}
			out[row[0].(int64)] = &alert.Envelope{
				Receiver: storage.Unescape(row[1].(string)), GroupKey: storage.Unescape(row[2].(string)), GroupLabels: pairs,
				ExternalURL: storage.Unescape(row[4].(string)), Extra: extraOf(row[5]),
			}
			return nil
		}, numberList(numbers))
	return out, err
}

// extraOf is the inverse of extraValue.
func extraOf(v driver.Value) []byte {
	text, ok := v.(string)
	if !ok {
		return nil
	}
	return storage.UnescapeJSON([]byte(text))
}

// numberList makes one argument of any number of numbers, so that the statement
// stays the same: a JSON array, which json_each takes apart.
func numberList(numbers []int64) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, n := range numbers {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(n, 10))
	}
	b.WriteByte(']')
	return b.String()
}
