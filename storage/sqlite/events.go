package sqlite

import (
	"container/heap"
	"context"
	"database/sql/driver"
	"fmt"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// EventsBefore implements storage.Backend.
func (b backend) EventsBefore(ctx context.Context, w storage.EventWindow, dst []storage.EventRow) ([]storage.EventRow, error) {
	err := b.s.reading(ctx, func(c *conn) error {
		r := eventReader{c: c, from: w.From, below: boundOf(w), status: -1, limit: w.Limit}
		if w.Status != nil {
			r.status = int64(*w.Status)
		}
		return c.snapshot(ctx, func() (err error) {
			if w.LabelSets != nil {
				dst, err = r.ofLabelSets(ctx, w.LabelSets, dst)
			} else {
				dst, err = r.ofDeliveries(ctx, w.Deliveries, dst)
			}
			return err
		})
	})
	if err != nil {
		return dst, fmt.Errorf("sqlite: read events: %w", err)
	}
	return dst, nil
}

// boundOf makes one bound of the two that a window has: everything asked for is
// below it in the order of storage.Search.
func boundOf(w storage.EventWindow) alert.Cursor {
	if w.Before != nil && w.Before.ReceivedAt <= w.To {
		return *w.Before
	}
	return alert.Cursor{ReceivedAt: w.To + 1} // deliveries have positive numbers
}

// eventReader reads the events of one window, inside a snapshot.
type eventReader struct {
	c      *conn
	from   int64        // received at or after
	below  alert.Cursor // everything asked for is below
	status int64        // -1: any
	limit  int
}

const eventColumns = `e.received_at, e.delivery, e.ord, e.bits, e.starts_at, e.ends_at, e.label_set, e.details`

func eventOf(row []driver.Value) storage.EventRow {
	status, startNanos, endNanos := storage.UnpackBits(int32(row[3].(int64)))
	e := storage.EventRow{
		ReceivedAt: row[0].(int64), Delivery: row[1].(int64), Index: int32(row[2].(int64)), Status: status,
		StartsAt: alert.Time{Micros: row[4].(int64), Nanos: startNanos}, EndsAt: alert.NoTime,
		LabelSet: row[6].(int64), Details: row[7].(int64),
	}
	if ends, ok := row[5].(int64); ok {
		e.EndsAt = alert.Time{Micros: ends, Nanos: endNanos}
	}
	return e
}

const deliverySQL = `
	SELECT ` + eventColumns + ` FROM events e
	WHERE e.delivery = ?1 AND e.ord < ?2 AND e.received_at >= ?3 AND (e.received_at, e.delivery) <= (?4, ?5)
		AND (?6 < 0 OR e.bits & 1 = ?6)
	ORDER BY e.ord DESC LIMIT ?7`

// ofDeliveries reads one delivery after the other: they are given in order, and
// the key of the table has the order within each.
func (r *eventReader) ofDeliveries(ctx context.Context, deliveries []int64, dst []storage.EventRow) ([]storage.EventRow, error) {
	left := r.limit
	for i, number := range deliveries {
		if left == 0 {
			break
		}
		if i%checkEvery == 0 && ctx.Err() != nil {
			return dst, ctx.Err()
		}
		ordBelow := int64(1) << 31 // above every index
		if number == r.below.Delivery {
			ordBelow = int64(r.below.Index)
		}
		had := len(dst)
		err := r.c.query(context.Background(), deliverySQL,
			func(row []driver.Value) error {
				dst = append(dst, eventOf(row))
				return nil
			},
			number, ordBelow, r.from, r.below.ReceivedAt, r.below.Delivery, r.status, int64(left))
		if err != nil {
			return dst, err
		}
		left -= len(dst) - had
	}
	return dst, nil
}

// ofLabelSets merges one run of events for each label set out of the index,
// each read a few at a time as it is used up, and one of the tails: so a page
// costs a look at each label set and a page's worth of events, however many
// there are of each.
func (r *eventReader) ofLabelSets(ctx context.Context, sets []int64, dst []storage.EventRow) ([]storage.EventRow, error) {
	var runs runHeap
	waiting, err := r.tails(ctx, sets)
	if err != nil {
		return dst, err
	}
	if len(waiting) > 0 {
		runs = append(runs, &run{rows: waiting})
	}
	first := max(4, 2*r.limit/max(1, len(sets))) // of each set, to begin with
	for i, set := range sets {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return dst, ctx.Err()
		}
		one := &run{set: set, below: r.below, next: first}
		if err := r.fill(ctx, one); err != nil {
			return dst, err
		}
		if len(one.rows) > 0 {
			runs = append(runs, one)
		}
	}
	heap.Init(&runs)
	for left := r.limit; left > 0 && len(runs) > 0; left-- {
		top := runs[0]
		dst = append(dst, top.rows[0])
		top.rows = top.rows[1:]
		if len(top.rows) == 0 && top.next > 0 {
			if err := r.fill(ctx, top); err != nil {
				return dst, err
			}
		}
		if len(top.rows) > 0 {
			heap.Fix(&runs, 0)
		} else {
			heap.Pop(&runs)
		}
	}
	return dst, ctx.Err()
}

const fillSQL = `
	SELECT ` + eventColumns + ` FROM events_by_set s
	CROSS JOIN events e ON e.delivery = s.delivery AND e.ord = s.ord
	WHERE s.label_set = ?1 AND s.received_at >= ?2 AND (s.received_at, s.delivery, s.ord) < (?3, ?4, ?5)
		AND (?6 < 0 OR e.bits & 1 = ?6)
	ORDER BY s.received_at DESC, s.delivery DESC, s.ord DESC LIMIT ?7`

// fill reads the next rows of a run out of the index.
func (r *eventReader) fill(ctx context.Context, one *run) error {
	want := min(one.next, r.limit)
	if r.status < 0 {
		// Every row counts, so this is short, and a context that the driver
		// watches would cost a goroutine for each of some thousand sets.
		ctx = context.Background()
	}
	one.rows = one.rows[:0]
	err := r.c.query(ctx, fillSQL,
		func(row []driver.Value) error {
			one.rows = append(one.rows, eventOf(row))
			return nil
		},
		one.set, r.from, one.below.ReceivedAt, one.below.Delivery, int64(one.below.Index), r.status, int64(want))
	if err != nil {
		return err
	}
	one.next = 2 * want
	if len(one.rows) < want {
		one.next = 0
	} else {
		one.below = one.rows[len(one.rows)-1].Cursor()
	}
	return nil
}

// tails reads what is not indexed yet, in order.
func (r *eventReader) tails(ctx context.Context, sets []int64) (out []storage.EventRow, err error) {
	all, err := tails(ctx, r.c)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	list := numberList(sets)
	for _, t := range all {
		err := r.c.query(ctx, `
			SELECT `+eventColumns+` FROM events e
			WHERE e.delivery > ?1 AND e.delivery <= ?2 AND e.received_at >= ?3
				AND (e.received_at, e.delivery, e.ord) < (?4, ?5, ?6) AND (?7 < 0 OR e.bits & 1 = ?7)
				AND +e.label_set IN (SELECT value FROM json_each(?8))
			ORDER BY e.received_at DESC, e.delivery DESC, e.ord DESC LIMIT ?9`,
			func(row []driver.Value) error {
				out = append(out, eventOf(row))
				return nil
			},
			t.after, t.upTo, r.from, r.below.ReceivedAt, r.below.Delivery, int64(r.below.Index), r.status, list, int64(r.limit))
		if err != nil {
			return nil, err
		}
	}
	sortNewestFirst(out)
	return out, nil
}
