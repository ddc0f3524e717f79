package postgres

import (
	"cmp"
	"context"
	"crypto/sha256"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/internal/alert"
)

// nameID is 128 bits of the hash of what a sender chose.
func nameID(name string) alert.ID {
	sum := sha256.Sum256([]byte(name))
	return alert.ID(sum[:16])
}

// loadSources finds the numbers of the sources, and makes those that are new: as if
// nothing had come from them yet.
func (f *folding) loadSources(ctx context.Context) error {
	sources := f.p.Sources()
	f.sources = make([]int32, len(sources))
	f.before = make([]*alert.Source, len(sources))
	if len(sources) == 0 {
		return nil
	}
	ids, names := newUUIDs(), newTexts()
	places := map[alert.ID]int{}
	for i := range sources {
		id := nameID(sources[i].Name)
		ids.uuid(id)
		names.text(sources[i].Name)
		places[id] = i
	}
	var a arguments
	keys := `unnest(` + a.columns(&ids, &names) + `) AS k (identity, name)`
	batch := &pgconn.Batch{}
	batch.ExecParams(`INSERT INTO sources (identity, name, first_at, last_at, deliveries, truncated_alerts, rhythm)
		SELECT k.identity, k.name, 'epoch', 'epoch', 0, 0, 0 FROM `+keys+`
		WHERE NOT EXISTS (SELECT FROM sources s WHERE s.identity = k.identity)`, a.values, a.oids, allBinary(), allBinary())
	batch.ExecParams(`SELECT s.identity, s.number, s.first_at, s.last_at, s.deliveries, s.truncated_alerts, s.rhythm FROM `+keys+`
		CROSS JOIN LATERAL (SELECT * FROM sources s WHERE s.identity = k.identity OFFSET 0) s`, a.values, a.oids, allBinary(), allBinary())
	return f.answers(ctx, batch, func(_ int, v row) error {
		i := places[v.uuid(0)]
		f.sources[i] = v.int4(1)
		if deliveries := v.int8(4); deliveries > 0 {
			f.before[i] = &alert.Source{FirstAt: v.time(2), LastAt: v.time(3), Deliveries: deliveries, Truncated: uint64(v.int8(5)), Rhythm: v.int8(6)}
		}
		return nil
	})
}

// writeTallies writes sources and minutes.
func (f *folding) writeTallies(ctx context.Context) error {
	minutes, err := f.minutes(ctx)
	if err != nil {
		return err
	}
	batch := &pgconn.Batch{}
	f.updateSources(batch)
	addMinutes(batch, minutes)
	return f.answers(ctx, batch, func(int, row) error { return nil })
}

func (f *folding) updateSources(batch *pgconn.Batch) {
	sources := f.p.Sources()
	if len(sources) == 0 {
		return
	}
	number, first, last, deliveries, truncated, rhythm := newInt4s(), newTimes(), newTimes(), newInt8s(), newInt8s(), newInt8s()
	for i := range sources {
		s := sources[i].Onto(f.before[i])
		number.int4(f.sources[i])
		first.time(s.FirstAt)
		last.time(s.LastAt)
		deliveries.int8(s.Deliveries)
		truncated.int8(int64(s.Truncated))
		rhythm.int8(s.Rhythm)
	}
	var a arguments
	sql := `UPDATE sources s SET first_at = k.first_at, last_at = k.last_at, deliveries = k.deliveries, truncated_alerts = k.truncated, rhythm = k.rhythm
		FROM unnest(` + a.columns(&number, &first, &last, &deliveries, &truncated, &rhythm) + `)
			AS k (number, first_at, last_at, deliveries, truncated, rhythm) WHERE s.number = k.number`
	batch.ExecParams(sql, a.values, a.oids, allBinary(), allBinary())
}

type minuteKey struct {
	at       int64
	severity string
}

// minutes adds up what was counted by label set.
func (f *folding) minutes(ctx context.Context) (map[minuteKey]alert.Minute, error) {
	tallies := f.p.Minutes()
	f.severities.bound()
	missing, asked := newInt8s(), map[int64]struct{}{}
	for _, t := range tallies {
		if _, ok := f.severity(t.Set); ok {
			continue
		}
		if _, ok := asked[t.Set]; !ok {
			asked[t.Set] = struct{}{}
			missing.int8(t.Set)
		}
	}
	if missing.n > 0 {
		var a arguments
		sql := `SELECT id, severity FROM label_sets WHERE id = ANY (` + a.columns(&missing) + `)`
		err := query(ctx, f.c, sql, a, func(v row) error {
			f.severities.put(v.int8(0), v.text(1))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	sums := map[minuteKey]alert.Minute{}
	for _, t := range tallies {
		severity, _ := f.severity(t.Set)
		key := minuteKey{t.Minute, severity}
		m := sums[key]
		m.Firing += t.Firing
		m.Resolved += t.Resolved
		sums[key] = m
	}
	return sums, nil
}

// addMinutes adds the statement that adds to the counts of minutes.
func addMinutes(batch *pgconn.Batch, minutes map[minuteKey]alert.Minute) {
	if len(minutes) == 0 {
		return
	}
	keys := slices.SortedFunc(maps.Keys(minutes), func(a, b minuteKey) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.severity, b.severity)) })
	at, ids, severities, firing, resolved := newTimes(), newUUIDs(), newTexts(), newInt8s(), newInt8s()
	for _, k := range keys {
		at.time(k.at)
		ids.uuid(nameID(k.severity))
		severities.text(k.severity)
		firing.int8(minutes[k].Firing)
		resolved.int8(minutes[k].Resolved)
	}
	var a arguments
	sql := `INSERT INTO minutes AS m (at, identity, severity, firing, resolved)
		SELECT * FROM unnest(` + a.columns(&at, &ids, &severities, &firing, &resolved) + `)
		ON CONFLICT (at, identity) DO UPDATE SET firing = m.firing + excluded.firing, resolved = m.resolved + excluded.resolved`
	batch.ExecParams(sql, a.values, a.oids, allBinary(), allBinary())
}
