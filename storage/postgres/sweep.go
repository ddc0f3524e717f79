package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// sweep removes dictionary rows that nothing refers to any more, in the order of
// its fields: it reads all that refers to any and marks the numbers, then it goes
// through the dictionaries and removes, some rows at a time, what is not marked.
// Numbers are of one sequence, so that one set of marks is enough for all kinds.
type sweep struct {
	epoch    int64
	below    int64 // rows with these numbers; younger ones are not looked at
	removals int64 // before it
	marks    *storage.Marks

	scans []scan // what is still to be read

	tables []string // still to be swept
	after  int64    // number of the last row of the first that was looked at
	doomed []int64  // rows of it that go next, unless they are marked by then
	uses   int64    // the last row of retention_uses that was read
	atOnce int      // how many rows go in one transaction
	labels bool     // label sets were among them
}

// scan reads some of what refers to dictionary rows, a page at a time: it marks,
// and returns false when there is no more.
type scan interface {
	page(ctx context.Context, c *pgconn.PgConn, mark func(number int64)) (more bool, err error)
}

// references returns everything that refers to dictionary rows. What is written
// later is in retention_uses. Episodes come last: what a fold takes over from a
// partition that is dropped meanwhile is committed before that.
func references(ctx context.Context, c *pgconn.PgConn) (scans []scan, err error) {
	var a arguments
	err = query(ctx, c, daysBetween(&a, storage.FirstTime, storage.LastTime), a, func(v row) error {
		scans = append(scans, &dayScan{partition: v.text(0)})
		return nil
	})
	return append(scans, &episodeScan{}), err
}

// errTakenOver says that another process has begun a sweep.
var errTakenOver = errors.New("another process sweeps")

// abandoned is after how long without a step a sweep counts as given up.
const abandoned = `interval '10 minutes'`

// beginSweep begins an epoch. It returns nil when nothing has been removed since
// the last sweep, or another process sweeps.
func beginSweep(ctx context.Context, c *pgconn.PgConn) (*sweep, error) {
	const due = `removals > swept AND (below = 0 OR touched < clock_timestamp() - ` + abandoned + `)`
	is := false
	err := query(ctx, c, `SELECT 1 FROM retention WHERE `+due, arguments{}, func(row) error { is = true; return nil })
	if err != nil || !is {
		return nil, err
	}
	results, err := c.Exec(ctx, beginImpatient+takeDictionary+`;
		UPDATE retention SET epoch = epoch + 1, touched = clock_timestamp(),
			below = (SELECT (last_value + 1) * `+strconv.Itoa(blockNumbers)+` FROM dictionary_blocks)
			WHERE `+due+` RETURNING epoch, below, removals;
		DELETE FROM retention_uses; COMMIT`).ReadAll()
	if err != nil {
		return nil, impatient(err)
	}
	w := &sweep{marks: storage.NewMarks(), tables: []string{"label_sets", "details", "envelopes"}, atOnce: leastAtOnce}
	for _, r := range results {
		for _, values := range r.Rows {
			if len(values) == 3 {
				_, err = fmt.Sscan(string(values[0])+" "+string(values[1])+" "+string(values[2]), &w.epoch, &w.below, &w.removals)
			}
		}
	}
	if err != nil || w.epoch == 0 {
		return nil, err // or another process was faster
	}
	w.scans, err = references(ctx, c)
	return w, err
}

// takeDictionary is the first rule's lock of epoch.go, for who removes rows.
var takeDictionary = fmt.Sprintf(`SELECT FROM pg_advisory_xact_lock(%d)`, lockDictionary)

func (w *sweep) step(ctx context.Context, c *pgconn.PgConn) (removed int64, more bool, err error) {
	if len(w.scans) > 0 {
		return 0, true, w.read(ctx, c)
	}
	if len(w.tables) == 0 {
		return 0, false, w.end(ctx, c)
	}
	if len(w.doomed) == 0 {
		if err := w.choose(ctx, c); err != nil || len(w.doomed) == 0 {
			return 0, true, err
		}
	}
	removed, err = w.remove(ctx, c)
	return removed, true, err
}

// read marks what some pages refer to.
func (w *sweep) read(ctx context.Context, c *pgconn.PgConn) error {
	for begun := time.Now(); len(w.scans) > 0 && time.Since(begun) < readFor; {
		more, err := w.scans[0].page(ctx, c, w.marks.Add)
		if err != nil {
			return err
		}
		if !more {
			w.scans = w.scans[1:]
		}
	}
	return w.touch(ctx, c)
}

// touch shows that the sweep goes on.
func (w *sweep) touch(ctx context.Context, c *pgconn.PgConn) error {
	ours := false
	var a arguments
	err := query(ctx, c, w.touchSQL(), a, func(row) error { ours = true; return nil })
	if err == nil && !ours {
		err = errTakenOver
	}
	return err
}

func (w *sweep) touchSQL() string {
	return fmt.Sprintf(`UPDATE retention SET touched = clock_timestamp() WHERE epoch = %d AND below > 0 RETURNING epoch`, w.epoch)
}

// pageNumbers is how many rows of a dictionary are looked at together.
const pageNumbers = 1 << 14

// choose looks for rows of the first table that are not marked.
func (w *sweep) choose(ctx context.Context, c *pgconn.PgConn) error {
	for begun := time.Now(); len(w.doomed) == 0 && time.Since(begun) < readFor; {
		n := 0
		var a arguments
		sql := `SELECT id FROM ` + w.tables[0] + ` WHERE id > ` + a.int8(w.after) + ` AND id < ` + a.int8(w.below) +
			` ORDER BY id LIMIT ` + strconv.Itoa(pageNumbers)
		err := query(ctx, c, sql, a, func(v row) error {
			n++
			w.after = v.int8(0)
			if !w.marks.Has(w.after) {
				w.doomed = append(w.doomed, w.after)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if n < pageNumbers {
			if len(w.doomed) == 0 {
				w.tables, w.after = w.tables[1:], 0
			}
			return w.touch(ctx, c)
		}
	}
	return w.touch(ctx, c)
}

// Bounds of atOnce, and how long a transaction that removes may take.
const (
	leastAtOnce = 64
	mostAtOnce  = 4096
	removeFor   = 20 * time.Millisecond
)

// remove removes some of the doomed rows that no transaction has learned the
// number of since.
func (w *sweep) remove(ctx context.Context, c *pgconn.PgConn) (removed int64, err error) {
	results, err := c.Exec(ctx, beginImpatient+takeDictionary+`; `+w.touchSQL()+`;
		SELECT id, unnest(numbers) FROM retention_uses WHERE id > `+strconv.FormatInt(w.uses, 10)+` ORDER BY id`).ReadAll()
	if err != nil {
		return 0, impatient(err)
	}
	begun := time.Now()
	ours := false
	for _, r := range results {
		for _, values := range r.Rows {
			ours = ours || len(values) == 1
			if len(values) == 2 {
				if err := w.learned(values); err != nil {
					return 0, err
				}
			}
		}
	}
	if !ours {
		rollback(ctx, c)
		return 0, errTakenOver
	}
	n := min(w.atOnce, len(w.doomed))
	goes := make([]int64, 0, n)
	for _, number := range w.doomed[:n] {
		if !w.marks.Has(number) {
			goes = append(goes, number)
		}
	}
	if err := w.delete(ctx, c, goes); err != nil {
		return 0, err
	}
	w.doomed = w.doomed[n:]
	if time.Since(begun) < removeFor/2 {
		w.atOnce = min(2*w.atOnce, mostAtOnce)
	} else if time.Since(begun) > removeFor {
		w.atOnce = max(w.atOnce/2, leastAtOnce)
	}
	return int64(len(goes)), nil
}

// learned marks a number out of retention_uses.
func (w *sweep) learned(values [][]byte) error {
	id, err := strconv.ParseInt(string(values[0]), 10, 64)
	if err != nil {
		return err
	}
	number, err := strconv.ParseInt(string(values[1]), 10, 64)
	if err != nil {
		return err
	}
	w.uses = id
	w.marks.Add(number)
	return nil
}

// delete removes rows of the first table, ends the transaction, and does both in
// one round trip.
func (w *sweep) delete(ctx context.Context, c *pgconn.PgConn, goes []int64) error {
	batch := &pgconn.Batch{}
	if len(goes) > 0 {
		var a arguments
		batch.ExecParams(`DELETE FROM `+w.tables[0]+` WHERE id = ANY (`+a.int8s(goes)+`)`, a.values, a.oids, allBinary(), nil)
		w.labels = w.labels || w.tables[0] == tableOf(alert.KindLabelSet)
	}
	batch.ExecParams(`COMMIT`, nil, nil, nil, nil)
	_, err := c.ExecBatch(ctx, batch).ReadAll()
	return err
}

// end says that the sweep is over: writers need not write down any more what they
// learn.
func (w *sweep) end(ctx context.Context, c *pgconn.PgConn) error {
	return c.Exec(ctx, fmt.Sprintf(`UPDATE retention SET below = 0, swept = %d WHERE epoch = %d AND below > 0; DELETE FROM retention_uses WHERE epoch = %[2]d`,
		w.removals, w.epoch)).Close()
}

// episodeScan reads the episodes.
type episodeScan struct{ last int64 }

func (e *episodeScan) page(ctx context.Context, c *pgconn.PgConn, mark func(int64)) (more bool, err error) {
	var a arguments
	sql := `SELECT number, label_set, details, envelope FROM episodes WHERE number > ` + a.int8(e.last) + ` ORDER BY number LIMIT ` + strconv.Itoa(pageParts)
	n := 0
	err = query(ctx, c, sql, a, func(v row) error {
		n++
		e.last = v.int8(0)
		for i := 1; i < len(v); i++ {
			mark(v.int8(i))
		}
		return nil
	})
	return n == pageParts, err
}

// dayScan reads the partition of a day.
type dayScan struct {
	partition string
	last      partKey
	any       bool // there was a page before, which ends at last
	numbers   [][]byte
}

// pageParts is how many rows a page has.
const pageParts = 2048

func (d *dayScan) page(ctx context.Context, c *pgconn.PgConn, mark func(int64)) (more bool, err error) {
	var a arguments
	sql := `SELECT received_at, id, part, envelope, label_sets, details FROM ` + d.partition
	if d.any {
		sql += ` WHERE (received_at, id, part) > (` + a.time(d.last.receivedAt) + `, ` + a.int8(d.last.delivery) + `, ` + a.int8(int64(d.last.part)) + `)`
	}
	n := 0
	err = query(ctx, c, sql+` ORDER BY received_at, id, part LIMIT `+strconv.Itoa(pageParts), a, func(v row) error {
		n++
		d.last, d.any = partKey{v.time(0), v.int8(1), v.int4(2)}, true
		mark(v.int8(3))
		d.numbers = v.array(5, v.array(4, d.numbers[:0]))
		for i := range d.numbers {
			mark(row(d.numbers).int8(i))
		}
		return nil
	})
	if isGone(err) {
		return false, nil // it was removed, or is none of ours
	}
	return n == pageParts, err
}
