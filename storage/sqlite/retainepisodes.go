package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"math"

	"stormdrain/storage/fold"
)

// pass goes through the episodes that began before a moment and have an end, class by
// class, the oldest of each first, and removes those that were over by then. Those that
// were not are few: what lasted until after that moment.
type pass struct {
	before     int64
	begun      bool
	done       bool
	class      int // where the last step ended, in classes
	at, number int64
}

// episodesAtOnce is how many a step looks at: some milliseconds.
const episodesAtOnce = 500

// oldEpisodesSQL leaves out the highest number, so that it is not given out again.
const oldEpisodesSQL = `SELECT number, starts_at, label_set, last_at < ?1 AND coalesce(until, ?1) < ?1 AND number < (SELECT max(number) FROM episodes)
	FROM episodes e WHERE class = ?5 AND starts_at < ?1 AND starts_at >= ?2 AND (starts_at > ?2 OR number > ?3) ORDER BY starts_at, number LIMIT ?4`

func (p *pass) step(ctx context.Context, s *Store, before int64) (removed int64, more bool, err error) {
	if !p.begun || p.before != before {
		*p = pass{before: before, begun: true, at: math.MinInt64}
	}
	if p.done {
		return 0, false, nil
	}
	next := *p
	err = s.writing(ctx, func(c *conn) error {
		return c.transaction(ctx, true, func() error {
			var old, sets []int64
			for room := episodesAtOnce; room > 0 && !next.done; {
				seen := 0
				err := c.query(ctx, oldEpisodesSQL, func(row []driver.Value) error {
					seen++
					next.number, next.at = row[0].(int64), row[1].(int64)
					if row[3].(int64) != 0 {
						old, sets = append(old, next.number), append(sets, row[2].(int64))
					}
					return nil
				}, before, next.at, next.number, int64(room), classes[next.class])
				if err != nil {
					return err
				}
				if room -= seen; room > 0 {
					next.class, next.at, next.number = next.class+1, math.MinInt64, 0
					next.done = classes[next.class] == fold.OpenClass
				}
			}
			for i := range old {
				if _, err := c.exec(context.Background(), `DELETE FROM beginnings WHERE label_set = ? AND episode = ?`, sets[i], old[i]); err != nil {
					return err
				}
			}
			if len(old) == 0 {
				return nil
			}
			var err error
			removed, err = deleted(ctx, c, `DELETE FROM episodes WHERE number IN (SELECT value FROM json_each(?))`, numberList(old))
			if err == nil {
				_, err = c.exec(ctx, `UPDATE retention SET removals = removals + 1`)
			}
			return err
		})
	})
	if err != nil {
		return 0, false, fmt.Errorf("forget episodes: %w", err)
	}
	*p = next
	return removed, true, nil
}
