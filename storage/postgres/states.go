package postgres

import (
	"cmp"
	"context"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/internal/alert"
	"stormdrain/storage"
	"stormdrain/storage/fold"
)

// touched is an alert that something is folded into.
type touched struct {
	alert  *fold.Alert
	source int32
	states []fold.State
}

const stateFields = `e.number, e.starts_at, e.ends_at, e.superseded_at, e.bits, e.unfired, e.first_received_at, e.last_received_at,
	e.resolved_at, e.receipts, e.details, e.envelope`

// stateColumns is how many these are.
const stateColumns = 12

func stateOf(v row) (s fold.State) {
	bits := v.int4(4)
	var starts, ends uint16
	s.Status, starts, ends = storage.UnpackBits(bits)
	s.Number = v.int8(0)
	s.StartsAt = alert.Time{Micros: v.time(1), Nanos: starts}
	s.EndsAt = v.timeOrNone(2, ends)
	s.Superseded = v.timeOrNone(3, uint16(bits>>21&1023))
	s.Unfired = v.bool(5)
	s.FirstAt, s.LastAt = v.time(6), v.time(7)
	if !v.null(8) {
		s.ResolvedAt = v.time(8)
	}
	s.Receipts, s.Details, s.Envelope = v.int8(9), v.int8(10), v.int8(11)
	return s
}

// loadOpen loads the open episodes of all alerts. In a storm that is all: the
// receipts are of their beginnings.
func (f *folding) loadOpen(ctx context.Context) error {
	alerts := f.p.Alerts()
	f.alerts = make([]touched, len(alerts))
	sets, sources := newInt8s(), newInt4s()
	for i, a := range alerts {
		f.alerts[i] = touched{alert: a, source: f.sources[a.Source]}
		sets.int8(a.Set)
		sources.int4(f.sources[a.Source])
	}
	var args arguments
	sql := `SELECT k.n, ` + stateFields + ` FROM unnest(` + args.columns(&sets, &sources) + `) WITH ORDINALITY AS k (label_set, source, n)
		CROSS JOIN LATERAL (SELECT * FROM episodes e WHERE e.label_set = k.label_set AND e.source = k.source AND e.class = 63 OFFSET 0) e`
	return query(ctx, f.c, sql, args, func(v row) error {
		f.alerts[v.int8(0)-1].add(stateOf(v[1:]))
		return nil
	})
}

// add adds a state unless it is there, and returns its place.
func (t *touched) add(s fold.State) int {
	for i := range t.states {
		if t.states[i].Number == s.Number {
			return i
		}
	}
	t.states = append(t.states, s)
	return len(t.states) - 1
}

// loadNamed loads the episodes that have had a beginning which a receipt names.
func (f *folding) loadNamed(ctx context.Context) error {
	places, sets, sources, times := newInt8s(), newInt8s(), newInt4s(), newTimes()
	var starts []alert.Time
	for i := range f.alerts {
		t := &f.alerts[i]
		starts = f.p.Starts(starts[:0], t.alert)
		slices.SortFunc(starts, compareTimes)
		for _, at := range slices.Compact(starts) {
			if slices.ContainsFunc(t.states, func(s fold.State) bool { return s.StartsAt == at }) {
				continue
			}
			places.int8(int64(i))
			sets.int8(t.alert.Set)
			sources.int4(t.source)
			times.time(at.Micros)
		}
	}
	if places.n == 0 {
		return nil
	}
	var args arguments
	keys := `unnest(` + args.columns(&places, &sets, &sources, &times) + `) AS k (n, label_set, source, starts_at)`
	batch := &pgconn.Batch{}
	batch.ExecParams(`SELECT k.n, `+stateFields+` FROM `+keys+`
		CROSS JOIN LATERAL (SELECT * FROM episodes e
			WHERE e.label_set = k.label_set AND e.starts_at = k.starts_at AND e.source = k.source OFFSET 0) e`,
		args.values, args.oids, allBinary(), allBinary())
	batch.ExecParams(`SELECT k.n, `+stateFields+`, b.starts_at, b.nanos FROM `+keys+`
		CROSS JOIN LATERAL (SELECT * FROM episode_beginnings b
			WHERE b.label_set = k.label_set AND b.starts_at = k.starts_at AND b.source = k.source OFFSET 0) b
		CROSS JOIN LATERAL (SELECT * FROM episodes e WHERE e.number = b.episode OFFSET 0) e`,
		args.values, args.oids, allBinary(), allBinary())
	return f.answers(ctx, batch, func(statement int, v row) error {
		t := &f.alerts[v.int8(0)]
		at := t.add(stateOf(v[1:]))
		if statement == 1 {
			v = v[1+stateColumns:]
			s := &t.states[at]
			s.Had = append(s.Had, alert.Time{Micros: v.time(0), Nanos: uint16(v.int2(1))})
		}
		return nil
	})
}

func compareTimes(a, b alert.Time) int {
	if a.Micros != b.Micros {
		return cmp.Compare(a.Micros, b.Micros)
	}
	return cmp.Compare(a.Nanos, b.Nanos)
}

func (f *folding) applyRules(context.Context) error {
	for i := range f.alerts {
		t := &f.alerts[i]
		t.states = f.p.Fold(t.alert, t.states)
	}
	return nil
}
