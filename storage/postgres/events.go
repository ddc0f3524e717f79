package postgres

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"stormdrain/storage"
)

const (
	// probeParts is, by default, how many of the newest rows of a window are read in the order
	// of time before the index by label set is asked. What fires all the time is
	// found among them, and its index entries, which are many, are left alone.
	probeParts = 2048

	// furtherProbes times as many rows are read on when that is likely to be enough: a
	// row that is read in order costs a tenth of one that the index leads to.
	furtherProbes = 8

	// fewSets is how many label sets the server compares with every row that it
	// reads in the order of time; more are looked up here.
	fewSets = 8
)

// EventsBefore implements storage.Backend.
func (r reader) EventsBefore(ctx context.Context, w storage.EventWindow, dst []storage.EventRow) ([]storage.EventRow, error) {
	p := &partReader{reader: r, w: w, events: dst, full: len(dst) + w.Limit}
	if len(w.LabelSets) == 0 {
		err := p.read(ctx, nil)
		return p.events, err
	}
	for rows := p.probeParts; rows > 0; {
		split, more, err := p.probe(ctx, rows)
		if err != nil {
			return dst, err
		}
		if more {
			p.w.From = split
		}
		before := len(p.events)
		if err := p.read(ctx, nil); err != nil || !more || len(p.events) == p.full {
			return p.events, err
		}
		p.w.From, p.w.To = w.From, split-1
		rows = p.further(rows, len(p.events)-before)
	}
	err := p.readByLabelSet(ctx)
	return p.events, err
}

// further returns how many more rows to read in the order of time when the last so
// many had some of the events: as many as are likely to have the rest. 0: none had
// any, or it would take too many, and the index is faster.
func (p *partReader) further(rows, found int) int {
	if found == 0 {
		return 0
	}
	rows = (rows*(p.full-len(p.events))/found + 1) * 5 / 4
	if rows > furtherProbes*p.probeParts {
		return 0
	}
	return rows
}

// partReader collects the events of a window, row by row.
type partReader struct {
	reader
	w      storage.EventWindow
	events []storage.EventRow
	full   int // length of events at which no more are wanted

	last partKey // of the last row read
	any  bool    // there was one

	partArrays // of the row at hand
}

type partKey struct {
	receivedAt, delivery int64
	part                 int32
}

// within says which rows may hold events of the window that were not read yet.
func (p *partReader) within(a *arguments) string {
	sql := ` WHERE received_at >= ` + a.time(p.w.From) + ` AND received_at <= ` + a.time(p.w.To)
	if c := p.w.Before; c != nil {
		sql += ` AND (received_at, id) <= (` + a.time(c.ReceivedAt) + `, ` + a.int8(c.Delivery) + `)`
	}
	if p.any {
		sql += ` AND (received_at, id, part) < (` + a.time(p.last.receivedAt) + `, ` + a.int8(p.last.delivery) + `, ` + a.int8(int64(p.last.part)) + `)`
	}
	return sql
}

// probe returns when row number rows of what is left of the window was received;
// more is false when there are no more than that.
func (p *partReader) probe(ctx context.Context, rows int) (split int64, more bool, err error) {
	var a arguments
	sql := `SELECT received_at FROM deliveries` + p.within(&a) + ` ORDER BY received_at DESC, id DESC, part DESC OFFSET ` + strconv.Itoa(rows) + ` LIMIT 1`
	err = p.query(ctx, sql, a, func(v row) error {
		split, more = v.time(0), true
		return nil
	})
	return split, more, err
}

// readByLabelSet reads through the index on label_sets, day by day at first.
func (p *partReader) readByLabelSet(ctx context.Context) error {
	days, err := p.days(ctx)
	if err != nil {
		return err
	}
	for n := 1; len(days) > 0 && len(p.events) < p.full; n = min(2*n, 16) {
		n = min(n, len(days))
		err := p.read(ctx, days[:n])
		if isGone(err) { // dropped since we asked for names
			days, err = p.days(ctx)
		} else {
			days = days[n:]
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// days returns the partitions that the window touches, newest first.
func (p *partReader) days(ctx context.Context) (names []string, err error) {
	var a arguments
	sql := daysBetween(&a, p.w.From, p.w.To)
	err = p.query(ctx, sql, a, func(v row) error {
		names = append(names, v.text(0))
		return nil
	})
	return names, err
}

// daysBetween asks for the partitions of a time, newest first.
func daysBetween(a *arguments, from, to int64) string {
	return `SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'deliveries'::regclass
		AND c.relname BETWEEN ` + a.text(partitionName(dayOf(from))) + `::name AND ` + a.text(partitionName(dayOf(to))) + `::name
		ORDER BY c.relname DESC`
}

// read reads the window page by page until it is over or enough was found:
// through the primary key, or, in the partitions of some days, through the index
// on label_sets.
func (p *partReader) read(ctx context.Context, days []string) error {
	for {
		limit, n := p.full-len(p.events), 0
		sql, a := p.statement(days, limit)
		err := p.query(ctx, sql, a, func(v row) error {
			n++
			return p.take(v)
		})
		if err != nil || n < limit || len(p.events) == p.full {
			return err
		}
	}
}

// statement reads the next rows: never more than there are events wanted, for
// each holds one at least unless the query asks for a status.
func (p *partReader) statement(days []string, limit int) (sql string, a arguments) {
	sql = `SELECT received_at, id, part, first_event, ` + partArrayFields + ` FROM `
	if len(days) > 0 {
		sql += p.ofLabelSets(&a, days) + p.within(&a)
	} else {
		sql += `deliveries` + p.within(&a)
		if n := len(p.w.LabelSets); n > 0 && n <= fewSets {
			sql += ` AND label_sets && ` + a.int8s(p.w.LabelSets)
		}
		if len(p.w.Deliveries) > 0 {
			sql += ` AND id = ANY (` + a.int8s(p.w.Deliveries) + `)`
		}
	}
	return sql + ` ORDER BY received_at DESC, id DESC, part DESC LIMIT ` + strconv.Itoa(limit), a
}

// ofLabelSets is a subquery that can be answered by the index on label_sets
// only. Left the choice, a planner takes the primary key, which is read to the
// end for a rare label set: for its order, or because in a partition without
// statistics any range looks small. Hence partitions by name and nothing but the
// label sets before OFFSET 0.
func (p *partReader) ofLabelSets(a *arguments, days []string) string {
	sets := a.int8s(p.w.LabelSets)
	selects := make([]string, len(days))
	for i, day := range days {
		selects[i] = `SELECT * FROM ` + day + ` WHERE label_sets && ` + sets
	}
	return `(` + strings.Join(selects, ` UNION ALL `) + ` OFFSET 0) d`
}

// take appends the wanted events of one row, newest first.
func (p *partReader) take(v row) error {
	p.last, p.any = partKey{v.time(0), v.int8(1), v.int4(2)}, true
	first := v.int4(3)
	n, err := p.load(v, 4)
	if err != nil {
		return fmt.Errorf("delivery %d, part %d: %w", p.last.delivery, p.last.part, err)
	}
	for i := n - 1; i >= 0 && len(p.events) < p.full; i-- {
		e := p.event(i)
		e.ReceivedAt, e.Delivery, e.Index = p.last.receivedAt, p.last.delivery, first+int32(i)
		if p.wants(&e) {
			p.events = append(p.events, e)
		}
	}
	return nil
}

func (p *partReader) wants(e *storage.EventRow) bool {
	if p.w.Status != nil && e.Status != *p.w.Status {
		return false
	}
	if c := p.w.Before; c != nil && e.ReceivedAt == c.ReceivedAt && e.Delivery == c.Delivery && e.Index >= c.Index {
		return false // older deliveries only, and of this one what comes before
	}
	if len(p.w.LabelSets) == 0 {
		return true
	}
	_, found := slices.BinarySearch(p.w.LabelSets, e.LabelSet)
	return found
}
