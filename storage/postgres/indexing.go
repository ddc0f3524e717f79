package postgres

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/storage/postgres/runs"
)

// indexOldSets indexes the label sets that an earlier schema has left. It is done in
// transactions of its own, some of the sets each, so that a start that is broken off is
// not in vain; nobody reads or writes before it is over.
func indexOldSets(ctx context.Context, c *pgconn.PgConn, z runSizes) error {
	for {
		more, err := indexSomeSets(ctx, c, z)
		if err != nil {
			rollback(ctx, c)
			return fmt.Errorf("index the label sets that are there: %w", err)
		}
		if !more {
			return nil
		}
	}
}

func indexSomeSets(ctx context.Context, c *pgconn.PgConn, z runSizes) (more bool, err error) {
	var behind int64
	if err := c.Exec(ctx, `BEGIN; `+lockRunsNow).Close(); err != nil {
		return false, err
	}
	err = query(ctx, c, `SELECT behind FROM label_indexing`, arguments{}, func(v row) error {
		behind, more = v.int8(0), true
		return nil
	})
	if err != nil || !more {
		rollback(ctx, c)
		return false, err
	}
	var a arguments
	t := transaction{c: c, index: z.builder()}
	n := 0
	sql := `SELECT id, fingerprint, labels FROM label_sets WHERE id > ` + a.int8(behind) + ` ORDER BY id LIMIT ` + strconv.Itoa(z.indexing)
	err = query(ctx, c, sql, a, func(v row) error {
		n++
		set, err := labelSet(v, 1)
		if err != nil {
			return fmt.Errorf("label set %d: %w", v.int8(0), err)
		}
		behind = v.int8(0)
		t.index.Set(behind)
		t.index.Key(runs.KeyOf(set.Fingerprint))
		for _, p := range set.Labels {
			t.index.Key(labelKey(p.Name, p.Value))
		}
		return nil
	})
	if err == nil {
		err = t.copyRuns(ctx)
	}
	if err == nil && n < z.indexing {
		err = t.exec(ctx, `DELETE FROM label_indexing`)
	} else if err == nil {
		err = t.exec(ctx, fmt.Sprintf(`UPDATE label_indexing SET behind = %d`, behind))
	}
	if err == nil {
		err = commitNow(ctx, c)
	}
	return n == z.indexing, err
}
