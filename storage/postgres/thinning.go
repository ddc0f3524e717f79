package postgres

import (
	"context"
	"slices"
	"strconv"

	"stormdrain/storage"
	"stormdrain/storage/postgres/runs"
)

// Label sets that retention has removed stay in the index: who finds one there finds
// no row. When a sweep is over, runs that have lost half of their sets are
// written anew without them; those that have lost all go. Numbers are never given
// out twice, so a set that is gone stays so.

// thinOut looks at each run, in a transaction of its own.
func (m *merger) thinOut(ctx context.Context) error {
	var seen []int64
	for more := true; more; {
		err := m.transaction(ctx, func(t *mergeTransaction, all []labelRun) error {
			i := slices.IndexFunc(all, func(r labelRun) bool { return !slices.Contains(seen, r.number) })
			if i < 0 {
				more = false
				return nil
			}
			seen = append(seen, all[i].number)
			if err := t.thinOut(ctx, all[i]); err != nil {
				return err
			}
			seen = append(seen, t.run.number)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// thinOut writes a run anew if it has lost half of its sets.
func (t *mergeTransaction) thinOut(ctx context.Context, r labelRun) error {
	there, err := t.marks(ctx, r.First, r.Last)
	if err != nil {
		return err
	}
	left := int64(0)
	for s := t.source(ctx, r); ; {
		e, ok, err := s.Next()
		if err != nil {
			return err
		}
		if !ok || e.Key != runs.All {
			break
		}
		for n := e.First; n <= e.Last; n++ {
			if there.Has(n) {
				left++
			}
		}
	}
	switch {
	case left == 0:
		return t.remove(ctx, []labelRun{r})
	case left <= r.Sets/2:
		return t.merge(ctx, []labelRun{r}, there.Has)
	}
	return nil
}

// marks returns the label sets between two that are there.
func (t *mergeTransaction) marks(ctx context.Context, first, last int64) (*storage.Marks, error) {
	marks := storage.NewMarks()
	for n := pageNumbers; n == pageNumbers; {
		n = 0
		var a arguments
		sql := `SELECT id FROM label_sets WHERE id BETWEEN ` + a.int8(first) + ` AND ` + a.int8(last) + ` ORDER BY id LIMIT ` + strconv.Itoa(pageNumbers)
		err := query(ctx, t.c, sql, a, func(v row) error {
			n++
			marks.Add(v.int8(0))
			first = v.int8(0) + 1
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return marks, nil
}
