package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// Events implements storage.Store.
func (s *Store) Events(ctx context.Context, q *alert.Query, yield func(*alert.Stored) error) error {
	return storage.Search(ctx, backend{s}, q, yield)
}

// Truncated implements storage.Truncater.
func (s *Store) Truncated(ctx context.Context, q *alert.TruncatedQuery) ([]alert.Truncated, error) {
	return storage.FindTruncated(ctx, backend{s}, q)
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

const spanSQL = `SELECT (SELECT min(last_at) FROM bundles), (SELECT max(last_at) FROM bundles)`

func (b backend) Span(ctx context.Context) (oldest, newest int64, ok bool, err error) {
	// Two queries in one: each is a look at one end of the index.
	err = b.query(ctx, spanSQL,
		func(row []driver.Value) error {
			if oldest, ok = row[0].(int64); ok {
				oldest -= bundleSpan // or a little later, which nobody needs to know
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
		sets, err := b.labelSetsWith(ctx, *n.Fingerprint)
		if err != nil || len(sets) == 0 {
			return nil, err
		}
		where += ` AND id IN (SELECT value FROM json_each(?))`
		args = append(args, numberList(sets))
	}
	// Labels are stored in one way only, so a label is a piece of their text.
	// Inside a value the quotes of such a piece would be escaped, so it stands
	// nowhere else; and if it did, Search would notice.
	for _, p := range n.Equal[:min(len(n.Equal), maxNarrowing)] {
		where += ` AND instr(labels, ?) > 0`
		text := storage.AppendPairs(nil, []alert.Pair{p})
		args = append(args, string(text[1:len(text)-1]))
	}
	err = b.query(ctx, `SELECT id, fingerprint, labels FROM label_sets WHERE `+where+` ORDER BY id LIMIT ?`,
		func(row []driver.Value) error {
			set, err := labelSetOf(row)
			out = append(out, storage.Candidate{Number: row[0].(int64), Set: set})
			return err
		}, append(args, int64(limit))...)
	return out, err
}

const deliveriesSQL = `SELECT id, first_at, last_at, deliveries FROM bundles
	WHERE last_at >= ? AND last_at <= ? AND first_at <= ? ORDER BY last_at DESC`

func (b backend) DeliveriesBefore(ctx context.Context, w storage.DeliveryWindow) ([]storage.DeliveryRow, error) {
	receivers, err := b.envelopesOf(ctx, w.Receiver)
	if err != nil {
		return nil, err
	}
	m := merger{w: w, receivers: receivers}
	err = b.query(ctx, deliveriesSQL, func(row []driver.Value) error {
		return m.take(row[0].(int64), row[1].(int64), row[2].(int64), row[3].(string))
	}, w.From, min(w.Until.ReceivedAt, storage.LastTime)+bundleSpan, w.Until.ReceivedAt)
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	m.flush(storage.FirstTime)
	return m.out, nil
}

// envelopesOf returns the envelopes with a receiver, nil for any.
func (b backend) envelopesOf(ctx context.Context, receiver *string) (map[int64]bool, error) {
	if receiver == nil {
		return nil, nil
	}
	out := map[int64]bool{}
	err := b.query(ctx, `SELECT id FROM envelopes WHERE receiver = ?`, func(row []driver.Value) error {
		out[row[0].(int64)] = true
		return nil
	}, storage.Escape(*receiver))
	return out, err
}

// merger makes one sequence of the deliveries of bundles that come with the one
// that ends last first: two journals' may overlap.
type merger struct {
	w         storage.DeliveryWindow
	receivers map[int64]bool // nil: any

	waiting []storage.DeliveryRow // newest first; a bundle that comes may have newer ones
	out     []storage.DeliveryRow
	bundle  unbundled
}

func (m *merger) take(id, firstAt, lastAt int64, text string) error {
	if m.flush(lastAt + 1); len(m.out) == m.w.Limit {
		return errEnough
	}
	if err := m.bundle.readDeliveries(id, firstAt, text, true); err != nil {
		return err
	}
	n := len(m.waiting)
	for i := len(m.bundle.deliveries) - 1; i >= 0; i-- {
		if d := &m.bundle.deliveries[i]; m.wants(d) {
			d.Source, d.RequestID = strings.Clone(d.Source), strings.Clone(d.RequestID)
			m.waiting = append(m.waiting, *d)
		}
	}
	if n > 0 {
		slices.SortFunc(m.waiting, newestDelivery)
	}
	return nil
}

func (m *merger) wants(d *storage.DeliveryRow) bool {
	until := m.w.Until
	return d.ReceivedAt >= m.w.From && (d.ReceivedAt < until.ReceivedAt || d.ReceivedAt == until.ReceivedAt && d.Number <= until.Number) &&
		(!m.w.Truncated || d.TruncatedAlerts > 0) && (m.w.Source == nil || d.Source == *m.w.Source) && (m.receivers == nil || m.receivers[d.Envelope])
}

// flush gives out what was received at a moment or later.
func (m *merger) flush(from int64) {
	n := 0
	for n < len(m.waiting) && len(m.out) < m.w.Limit && m.waiting[n].ReceivedAt >= from {
		m.out = append(m.out, m.waiting[n])
		n++
	}
	m.waiting = slices.Delete(m.waiting, 0, n)
}

func newestDelivery(a, b storage.DeliveryRow) int {
	return cmp.Or(cmp.Compare(b.ReceivedAt, a.ReceivedAt), cmp.Compare(b.Number, a.Number))
}

const deliveriesAtSQL = `SELECT b.id, b.first_at, b.deliveries FROM bundles b ` + whereBundleAt

func (b backend) Deliveries(ctx context.Context, keys []storage.DeliveryKey) (map[storage.DeliveryKey]storage.DeliveryRow, error) {
	wanted := make(map[int64]struct{}, len(keys))
	numbers := make([]int64, len(keys))
	for i, k := range keys {
		numbers[i] = k.Number
		wanted[k.Number] = struct{}{}
	}
	out := make(map[storage.DeliveryKey]storage.DeliveryRow, len(keys))
	var u unbundled
	err := b.query(ctx, deliveriesAtSQL, func(row []driver.Value) error {
		if err := u.readDeliveries(row[0].(int64), row[1].(int64), row[2].(string), true); err != nil {
			return err
		}
		for _, d := range u.deliveries {
			if _, ok := wanted[d.Number]; ok {
				d.Source, d.RequestID = strings.Clone(d.Source), strings.Clone(d.RequestID)
				out[d.Key()] = d
			}
		}
		return nil
	}, numberList(numbers))
	return out, err
}

func (b backend) labelSetsWith(ctx context.Context, fingerprint uint64) (sets []int64, err error) {
	err = b.s.reading(ctx, func(c *conn) error {
		return c.snapshot(ctx, func() (err error) {
			sets, err = labelSetsWith(ctx, c, fingerprint)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("sqlite: find fingerprint: %w", err)
	}
	return sets, nil
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
