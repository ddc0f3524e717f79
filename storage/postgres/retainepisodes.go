package postgres

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/internal/alert"
)

// pass removes, once for a moment, what is no delivery and was over before it.
type pass struct {
	before int64
	done   int // how many of the steps below are

	// Episodes that began before the moment are gone through, the oldest first. Those
	// that were not over by then are few: the open ones, and what lasted until after it.
	at, number int64 // where the last step ended: (starts_at, number)
}

func (p *pass) step(ctx context.Context, c *pgconn.PgConn, before int64) (removed alert.Removed, more bool, err error) {
	if p.before != before {
		*p = pass{before: before}
	}
	steps := [...]func(context.Context, *pgconn.PgConn) (episodes int64, more bool, err error){p.recorded, p.minutes, p.episodes}
	if p.done == len(steps) {
		return removed, false, nil
	}
	removed.Episodes, more, err = steps[p.done](ctx, c)
	if err == nil && !more {
		p.done++
	}
	return removed, true, err
}

func (p *pass) recorded(ctx context.Context, c *pgconn.PgConn) (_ int64, more bool, err error) {
	more, err = forgetRecorded(ctx, c, p.before)
	return 0, more, err
}

// beginFolding opens a transaction under the lock of folds: they write back what
// they have read.
func beginFolding(ctx context.Context, c *pgconn.PgConn) error {
	_, err := c.Exec(ctx, beginImpatient+fmt.Sprintf(`SELECT FROM pg_advisory_xact_lock(%d)`, lockFold)).ReadAll()
	return impatient(err)
}

// minutes removes the counts of minutes that began before the moment.
func (p *pass) minutes(ctx context.Context, c *pgconn.PgConn) (_ int64, more bool, err error) {
	const atOnce = 1000
	if err := beginFolding(ctx, c); err != nil {
		return 0, false, fmt.Errorf("forget minutes: %w", err)
	}
	var a arguments
	sql := `WITH gone AS (DELETE FROM minutes WHERE (at, identity) IN
			(SELECT at, identity FROM minutes WHERE at < ` + a.time(p.before) + ` ORDER BY at, identity LIMIT ` + strconv.Itoa(atOnce) + `) RETURNING 1)
		SELECT count(*) FROM gone`
	err = query(ctx, c, sql, a, func(v row) error {
		more = v.int8(0) == atOnce
		return nil
	})
	if err == nil {
		err = commitNow(ctx, c)
	}
	if err != nil {
		return 0, false, fmt.Errorf("forget minutes: %w", err)
	}
	return 0, more, nil
}

// episodesAtOnce is how many a step looks at.
const episodesAtOnce = 1000

func (p *pass) episodes(ctx context.Context, c *pgconn.PgConn) (removed int64, more bool, err error) {
	if err := beginFolding(ctx, c); err != nil {
		return 0, false, fmt.Errorf("forget episodes: %w", err)
	}
	var a arguments
	moment, behind := a.time(p.before), ``
	if p.number > 0 {
		behind = ` AND (starts_at, number) > (` + a.time(p.at) + `, ` + a.int8(p.number) + `)`
	}
	sql := `WITH page AS MATERIALIZED (SELECT number, starts_at, class <> 63 AND last_received_at < ` + moment + ` AND coalesce(ends_at, superseded_at) < ` + moment + ` AS over
			FROM episodes WHERE starts_at < ` + moment + behind + ` ORDER BY starts_at, number LIMIT ` + strconv.Itoa(episodesAtOnce) + `),
		gone AS (DELETE FROM episodes WHERE number = ANY (ARRAY(SELECT number FROM page WHERE over)) RETURNING number),
		beginnings AS (DELETE FROM episode_beginnings WHERE episode = ANY (ARRAY(SELECT number FROM page WHERE over))),
		noted AS (UPDATE retention SET removals = removals + 1 WHERE EXISTS (SELECT FROM gone))
		SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM page), starts_at, number FROM page ORDER BY starts_at DESC, number DESC LIMIT 1`
	seen, at, number := int64(0), p.at, p.number
	err = query(ctx, c, sql, a, func(v row) error {
		removed, seen, at, number = v.int8(0), v.int8(1), v.time(2), v.int8(3)
		return nil
	})
	if err == nil {
		err = commitNow(ctx, c)
	}
	if err != nil {
		return 0, false, fmt.Errorf("forget episodes: %w", err)
	}
	p.at, p.number = at, number
	return removed, seen == episodesAtOnce, nil
}
