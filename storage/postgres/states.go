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
	known  bool // its label set has episodes
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

// loadNewest loads the newest episode of each label set. In a storm that is all:
// it is the open one, and the receipts are of its beginning. Of a label set that has
// none, nothing else need be looked for; and one with a higher number than all that
// have some is new, and not looked for at all.
func (f *folding) loadNewest(ctx context.Context) error {
	alerts := f.p.Alerts()
	f.alerts = make([]touched, len(alerts))
	room := make([]fold.State, len(alerts)) // in a storm each has one
	sets := newInt8s()
	for i, a := range alerts {
		f.alerts[i] = touched{alert: a, source: f.sources[a.Source], states: room[i : i : i+1]}
		sets.int8(a.Set)
	}
	var args arguments
	sql := `SELECT k.n, ` + stateFields + `, e.source FROM unnest(` + args.columns(&sets) + `) WITH ORDINALITY AS k (label_set, n)
		CROSS JOIN LATERAL (SELECT * FROM episodes e WHERE e.label_set = k.label_set ORDER BY e.starts_at DESC, e.number DESC LIMIT 1) e
		WHERE k.label_set <= (SELECT max(label_set) FROM episodes)`
	return query(ctx, f.c, sql, args, func(v row) error {
		t := &f.alerts[v.int8(0)-1]
		t.known = true
		if v = v[1:]; v.int4(stateColumns) == t.source {
			t.add(stateOf(v))
		}
		return nil
	})
}

// loadOpen loads the open episodes where the newest ones are not.
func (f *folding) loadOpen(ctx context.Context) error {
	places, sets, sources := newInt8s(), newInt8s(), newInt4s()
	for i := range f.alerts {
		if t := &f.alerts[i]; t.known && (len(t.states) == 0 || !t.states[0].Open()) {
			places.int8(int64(i))
			sets.int8(t.alert.Set)
			sources.int4(t.source)
		}
	}
	if places.n == 0 {
		return nil
	}
	var args arguments
	sql := `SELECT k.n, ` + stateFields + ` FROM unnest(` + args.columns(&places, &sets, &sources) + `) AS k (n, label_set, source)
		CROSS JOIN LATERAL (SELECT * FROM episodes e WHERE e.label_set = k.label_set AND e.source = k.source AND e.class = 63 OFFSET 0) e`
	return query(ctx, f.c, sql, args, func(v row) error {
		f.alerts[v.int8(0)].add(stateOf(v[1:]))
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
		if !t.known {
			continue
		}
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
		f.begun += fold.BegunResolved(t.states)
	}
	return nil
}
