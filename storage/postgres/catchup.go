package postgres

import (
	"context"
	"fmt"
	"strconv"

	"stormdrain/internal/alert"
	"stormdrain/storage/fold"
)

// steps bound what one fold reads again; tests make them tiny.
type steps struct {
	events int64 // before it commits: some tenths of a second
	ahead  int   // rows of deliveries, of whichever journal, that are looked through for those of one
	page   int   // rows a statement
}

var defaultSteps = steps{events: 1 << 16, ahead: 1 << 15, page: 1 << 9}

// catchUp folds events of a journal that are stored and not pending any more: what a
// process had put aside when it ended, what Pending let go of, or everything.
//
// Deliveries are found by when they were received, for that never decreases in a
// journal: from folded_at on, among those of other journals. So that many of those
// cannot make a step long, a step ends at a certain row, and folded_at moves even
// if none was of this journal.
func (f *folding) catchUp(ctx context.Context, j *unfolded, upTo uint64) (more bool, err error) {
	if f.behind == nil {
		f.behind = fold.NewPending(fold.Limit)
	}
	f.p = f.behind
	f.p.Begin(j.id, j.folded)
	r := &rereader{
		folding: f, from: j.foldedAt, to: noTime,
		first: alert.DeliveryNumber(j.number, j.folded) + 1, last: alert.DeliveryNumber(j.number, upTo),
		at: j.foldedAt,
	}
	done, err := r.read(ctx)
	if err != nil {
		return false, fmt.Errorf("read the events again: %w", err)
	}
	if done {
		r.reached = r.last // what is not there was refused
	}
	to := j.folded
	if r.reached > 0 {
		_, to = alert.SplitDelivery(r.reached)
		f.p.Reach(to)
		if err := f.apply(ctx); err != nil {
			return false, err
		}
	}
	if err := f.finish(ctx, j, to, r.at); err != nil {
		return false, err
	}
	f.p.Reset()
	return to < j.position, nil
}

// rereader reads deliveries of a journal, in its order, into folding.p.
type rereader struct {
	*folding
	from, to    int64 // received at: from or later, and not after to; noTime: no bound
	first, last int64 // numbers of deliveries, both included

	at      int64 // what comes behind was not received before
	reached int64 // number of the last delivery that was read whole; 0: none
	events  int64
	missing int32 // events of the last delivery that were not read yet

	key partKey // of the last row
	any bool    // there was one
	partArrays
}

// read reads a chunk, and ends behind a whole delivery. done is true when there are
// no more deliveries.
func (r *rereader) read(ctx context.Context) (done bool, err error) {
	end, bounded, err := r.ahead(ctx)
	if err != nil {
		return false, err
	}
	if bounded {
		r.to = end
	}
	for {
		n := 0
		sql, a := r.statement()
		err := query(ctx, r.c, sql, a, func(v row) error {
			n++
			return r.take(v)
		})
		switch {
		case err != nil:
			return false, err
		case n < r.steps.page && bounded:
			r.at = end + 1 // all of this microsecond was read
			return false, nil
		case n < r.steps.page:
			return true, nil
		case r.missing == 0 && (r.events >= r.steps.events || r.p.Filled() >= 0.5):
			r.at = r.key.receivedAt
			return false, nil
		}
	}
}

// ahead returns when the row was received that many rows ahead at which the step ends.
func (r *rereader) ahead(ctx context.Context) (end int64, ok bool, err error) {
	var a arguments
	sql := `SELECT received_at FROM deliveries`
	if r.from != noTime {
		sql += ` WHERE received_at >= ` + a.time(r.from)
	}
	sql += ` ORDER BY received_at, id, part OFFSET ` + strconv.Itoa(r.steps.ahead) + ` LIMIT 1`
	err = query(ctx, r.c, sql, a, func(v row) error {
		end, ok = v.time(0), true
		return nil
	})
	return end, ok, err
}

func (r *rereader) statement() (sql string, a arguments) {
	sql = `SELECT received_at, id, part, envelope, truncated_alerts, events, source, ` + partArrayFields + ` FROM deliveries
		WHERE id BETWEEN ` + a.int8(r.first) + ` AND ` + a.int8(r.last)
	switch {
	case r.any:
		at := a.time(r.key.receivedAt)
		sql += ` AND received_at >= ` + at + ` AND (received_at, id, part) > (` + at + `, ` + a.int8(r.key.delivery) + `, ` + a.int8(int64(r.key.part)) + `)`
	case r.from != noTime:
		sql += ` AND received_at >= ` + a.time(r.from)
	}
	if r.to != noTime {
		sql += ` AND received_at <= ` + a.time(r.to)
	}
	return sql + ` ORDER BY received_at, id, part LIMIT ` + strconv.Itoa(r.steps.page), a
}

// take gives the events of a row on.
func (r *rereader) take(v row) error {
	r.key, r.any = partKey{v.time(0), v.int8(1), v.int4(2)}, true
	if r.key.part == 0 {
		r.p.Deliver(v.text(6), r.key.receivedAt, v.int8(3), uint64(v.int8(4)))
		r.missing = v.int4(5)
	}
	n, err := r.load(v, 7)
	if err != nil {
		return fmt.Errorf("delivery %d, part %d: %w", r.key.delivery, r.key.part, err)
	}
	for i := range n {
		e := r.event(i)
		r.p.Receive(e.LabelSet, e.Details, e.Status, e.StartsAt, e.EndsAt)
	}
	r.events += int64(n)
	if r.missing -= int32(n); r.missing == 0 {
		r.reached = r.key.delivery
	}
	return nil
}
