package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/storage/fold"
)

// loadReceivers loads the receivers of the envelopes that came, and those that the
// rows have.
func (f *folding) loadReceivers(ctx context.Context, came []*fold.State) error {
	f.receivers, f.known = map[int64]string{}, map[int64][]string{}
	envelopes, numbers := newInt8s(), newInt8s()
	for _, s := range came {
		for _, n := range s.Seen {
			if _, ok := f.receivers[n]; !ok {
				f.receivers[n] = ""
				envelopes.int8(n)
			}
		}
		if s.Number != 0 {
			numbers.int8(s.Number)
		}
	}
	if envelopes.n == 0 {
		return nil
	}
	batch := &pgconn.Batch{}
	var a, b arguments
	sql := `SELECT id, receiver FROM envelopes WHERE id = ANY (` + a.columns(&envelopes) + `)`
	batch.ExecParams(sql, a.values, a.oids, allBinary(), allBinary())
	sql = `SELECT number, receivers FROM episodes WHERE number = ANY (` + b.columns(&numbers) + `)`
	batch.ExecParams(sql, b.values, b.oids, allBinary(), allBinary())
	return f.answers(ctx, batch, func(statement int, v row) error {
		if statement == 0 {
			f.receivers[v.int8(0)] = v.text(1)
		} else {
			f.known[v.int8(0)] = v.texts(1)
		}
		return nil
	})
}

// missingReceivers returns the receivers that rows are to have which have not all of
// those that came.
func (f *folding) missingReceivers(came []*fold.State) map[int64][]string {
	missing := map[int64][]string{}
	var seen []string
	for _, s := range came {
		known, there := f.known[s.Number]
		if !there {
			continue // new
		}
		seen = f.receiversOf(s, seen[:0])
		if all := union(known, seen); len(all) > len(known) {
			missing[s.Number] = all
		}
	}
	return missing
}

// union returns a with what only b has, sorted.
func union(a, b []string) []string {
	all := a
	for _, s := range b {
		if _, found := slices.BinarySearch(a, s); !found {
			all = append(all[:len(all):len(all)], s)
		}
	}
	if len(all) > len(a) {
		slices.Sort(all)
	}
	return all
}

// updateReceivers adds the statement that sets them.
func updateReceivers(batch *pgconn.Batch, rows map[int64][]string) {
	if len(rows) == 0 {
		return
	}
	numbers, places, names := newInt8s(), newInt4s(), newTexts()
	for number, list := range rows {
		for i, name := range list {
			numbers.int8(number)
			places.int4(int32(i))
			names.text(name)
		}
	}
	var a arguments
	sql := `UPDATE episodes e SET receivers = k.receivers
		FROM (SELECT number, array_agg(name ORDER BY place) AS receivers
			FROM unnest(` + a.columns(&numbers, &places, &names) + `) AS u (number, place, name) GROUP BY number) k WHERE e.number = k.number`
	batch.ExecParams(sql, a.values, a.oids, allBinary(), allBinary())
}
