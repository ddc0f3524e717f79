package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"slices"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// EventsBefore implements storage.Backend.
func (b backend) EventsBefore(ctx context.Context, w storage.EventWindow, dst []storage.EventRow) ([]storage.EventRow, error) {
	err := b.s.reading(ctx, func(c *conn) error {
		r := eventReader{c: c, from: w.From, below: boundOf(w), status: w.Status, limit: w.Limit, sets: w.LabelSets, found: dst, had: len(dst)}
		return c.snapshot(ctx, func() (err error) {
			if w.LabelSets != nil {
				err = r.ofLabelSets(ctx)
			} else {
				err = r.ofDeliveries(ctx, w.Deliveries)
			}
			dst = r.found
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
	status *alert.Status
	limit  int
	sets   []int64 // nil: all

	found []storage.EventRow // newest first between two sources; found[:had] is the caller's
	had   int
	row   unbundled
}

const bundleColumns = `b.id, b.first_at, b.last_at, b.deliveries, b.events`

// unbundle takes a row of bundleColumns apart.
func (r *eventReader) unbundle(u *unbundled, row []driver.Value) error {
	id, firstAt := row[0].(int64), row[1].(int64)
	if err := u.readDeliveries(id, firstAt, row[3].(string), false); err != nil {
		return err
	}
	return u.readEvents(id, firstAt, row[4].(string), r.sets)
}

func (r *eventReader) wants(e *storage.EventRow) bool {
	if r.status != nil && e.Status != *r.status || e.ReceivedAt < r.from {
		return false
	}
	return cmp.Or(cmp.Compare(e.ReceivedAt, r.below.ReceivedAt), cmp.Compare(e.Delivery, r.below.Delivery), cmp.Compare(e.Index, r.below.Index)) < 0
}

func (r *eventReader) full() bool { return len(r.found)-r.had >= r.limit }

// bundleAtSQL finds the bundle that holds each of some deliveries, if it is there.
const bundleAtSQL = `SELECT ` + bundleColumns + ` FROM bundles b ` + whereBundleAt

const whereBundleAt = `WHERE b.id IN (SELECT (SELECT max(id) FROM bundles WHERE id <= value) FROM json_each(?))`

// ofDeliveries reads one delivery after the other: they are given in order.
// Neighbours are mostly in the same bundle; where journals were written in turn,
// in one of a few.
func (r *eventReader) ofDeliveries(ctx context.Context, deliveries []int64) error {
	const journals = 8
	open := map[int32]*unbundled{}
	for _, number := range deliveries {
		if r.full() {
			return nil
		}
		journal, _ := alert.SplitDelivery(number)
		u := open[journal]
		if u == nil {
			if len(open) == journals {
				clear(open)
			}
			u = &unbundled{}
			open[journal] = u
		}
		if !u.holds(number) {
			if err := ctx.Err(); err != nil {
				return err
			}
			err := r.c.query(context.Background(), bundleAtSQL, func(row []driver.Value) error { return r.unbundle(u, row) },
				numberList([]int64{number}))
			if err != nil {
				return err
			}
		}
		for i := len(u.events) - 1; i >= 0 && !r.full(); i-- {
			if e := &u.events[i]; e.Delivery == number && r.wants(e) {
				r.found = append(r.found, *e)
			}
		}
	}
	return nil
}

// holds reports whether the delivery is within the bundle.
func (u *unbundled) holds(number int64) bool {
	n := len(u.deliveries)
	return n > 0 && u.deliveries[0].Number <= number && number <= u.deliveries[n-1].Number
}

// source is a tail or a run: bundles of one journal, so newer ones have higher
// ids.
type source struct {
	lastAt int64
	tail   tail
	run    int64 // 0: the tail
	first  int64 // bundle of the run
}

// ofLabelSets takes one source after the other, those that end last first, and
// keeps the newest events of all, until the next source can have none of them.
func (r *eventReader) ofLabelSets(ctx context.Context) error {
	sources, err := r.sources(ctx)
	for batch := 1; err == nil && len(sources) > 0 && !r.beyond(sources[0].lastAt); batch *= 2 {
		n := min(len(sources), batch, max(1, maxKeys/len(r.sets)))
		err = r.readSources(ctx, sources[:n])
		sources = sources[n:]
	}
	return err
}

// maxKeys bounds how many pairs of a run and a label set are looked up at once.
const maxKeys = 4096

// sources returns what may have events of the window, newest first.
func (r *eventReader) sources(ctx context.Context) (all []source, err error) {
	waiting, err := tails(ctx, r.c)
	if err != nil {
		return nil, err
	}
	for _, t := range waiting {
		all = append(all, source{lastAt: math.MaxInt64, tail: t})
	}
	err = r.c.query(ctx, runsSQL, func(row []driver.Value) error {
		all = append(all, source{run: row[0].(int64), first: row[1].(int64), lastAt: row[2].(int64)})
		return nil
	}, r.from, r.below.ReceivedAt)
	return all, err
}

const runsSQL = `SELECT number, first, last_at FROM runs WHERE last_at >= ? AND first_at <= ? ORDER BY last_at DESC`

// beyond reports whether the page is full of events that are newer than a moment.
func (r *eventReader) beyond(at int64) bool {
	return r.full() && r.found[len(r.found)-1].ReceivedAt > at
}

func (r *eventReader) readSources(ctx context.Context, sources []source) error {
	bundles, err := r.postings(ctx, sources)
	if err != nil {
		return err
	}
	for i := range sources {
		s := &sources[i]
		if r.beyond(s.lastAt) {
			return nil
		}
		begin := len(r.found)
		if s.run == 0 {
			err = r.readTail(ctx, s.tail, begin)
		} else {
			err = r.readBundles(ctx, bundles[s.run], begin)
		}
		if err != nil {
			return err
		}
		if begin > r.had && begin < len(r.found) && newestFirst(r.found[begin-1], r.found[begin]) > 0 {
			slices.SortFunc(r.found[r.had:], newestFirst)
		}
		r.found = r.found[:min(len(r.found), r.had+r.limit)]
	}
	return nil
}

const postingsSQL = `SELECT id, sets FROM postings
	WHERE id IN (SELECT (SELECT max(id) FROM postings WHERE id <= value) FROM json_each(?))`

// postings looks the label sets up in some runs, and returns the ids of their bundles.
func (r *eventReader) postings(ctx context.Context, sources []source) (map[int64][]int64, error) {
	var keys []int64
	firsts := map[int64]int64{}
	for i := range sources {
		if run := sources[i].run; run != 0 {
			firsts[run] = sources[i].first
			for _, set := range r.sets {
				keys = append(keys, run<<setBits|set)
			}
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	bundles := make(map[int64][]int64, len(firsts))
	err := r.c.query(ctx, postingsSQL, func(row []driver.Value) (err error) {
		id := row[0].(int64)
		run := id >> setBits
		if first, ok := firsts[run]; ok { // else it is the run before, which has no block for the label set
			bundles[run], err = bundlesOf(bundles[run], row[1].([]byte), id&(1<<setBits-1), first, r.sets)
		}
		return err
	}, numberList(keys))
	return bundles, err
}

// take adds the wanted events of a row of bundleColumns to those of the source at hand, which
// begin at r.found[begin]. It returns errEnough when there can be no more.
func (r *eventReader) take(row []driver.Value, begin int) error {
	if begin-r.had >= r.limit && r.found[r.had+r.limit-1].ReceivedAt > row[2].(int64) {
		return errEnough
	}
	if err := r.unbundle(&r.row, row); err != nil {
		return err
	}
	for i := len(r.row.events) - 1; i >= 0; i-- {
		if e := &r.row.events[i]; r.wants(e) {
			if r.found = append(r.found, *e); len(r.found)-begin == r.limit {
				return errEnough
			}
		}
	}
	return nil
}

var errEnough = errors.New("enough rows")

const tailSQL = `SELECT ` + bundleColumns + ` FROM bundles b
	WHERE b.id > ? AND b.id <= ? AND b.last_at >= ? AND b.first_at <= ? ORDER BY b.id DESC`

func (r *eventReader) readTail(ctx context.Context, t tail, begin int) error {
	err := r.c.query(ctx, tailSQL, func(row []driver.Value) error { return r.take(row, begin) },
		t.after, t.upTo, r.from, r.below.ReceivedAt)
	if err == errEnough {
		err = nil
	}
	return err
}

const bundlesSQL = `SELECT ` + bundleColumns + ` FROM bundles b
	WHERE b.id IN (SELECT value FROM json_each(?)) AND b.last_at >= ? AND b.first_at <= ? ORDER BY b.id DESC`

// readBundles reads bundles of a run, newest first, some at a time.
func (r *eventReader) readBundles(ctx context.Context, ids []int64, begin int) error {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	for batch := 8; len(ids) > 0; batch = min(4*batch, 256) {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := max(0, len(ids)-batch)
		err := r.c.query(context.Background(), bundlesSQL, func(row []driver.Value) error { return r.take(row, begin) },
			numberList(ids[n:]), r.from, r.below.ReceivedAt)
		if err == errEnough {
			return nil
		}
		if err != nil {
			return err
		}
		ids = ids[:n]
	}
	return nil
}

// newestFirst is the order of storage.Search.
func newestFirst(a, b storage.EventRow) int {
	return cmp.Or(
		cmp.Compare(b.ReceivedAt, a.ReceivedAt),
		cmp.Compare(b.Delivery, a.Delivery),
		cmp.Compare(b.Index, a.Index),
	)
}
