package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"fmt"
	"math"
	"slices"
	"strings"

	"stormdrain/internal/alert"
	"stormdrain/storage"
	"stormdrain/storage/fold"
)

var (
	_ storage.EpisodeReader  = (*Store)(nil)
	_ storage.EpisodeBackend = backend{}
)

// Episodes implements storage.EpisodeReader.
func (s *Store) Episodes(ctx context.Context, q *alert.EpisodeQuery, yield func(*alert.Episode) error) error {
	return storage.SearchEpisodes(ctx, backend{s}, q, yield)
}

// EpisodeCounts implements storage.EpisodeReader.
func (s *Store) EpisodeCounts(ctx context.Context, q *alert.EpisodeQuery, yield func(*alert.EpisodeCount) error) error {
	return storage.CountEpisodes(ctx, backend{s}, q, yield)
}

// EpisodeSpan implements storage.EpisodeBackend.
func (b backend) EpisodeSpan(ctx context.Context) (oldest, newest int64, ok bool, err error) {
	err = b.query(ctx, episodeSpanSQL, func(row []driver.Value) error {
		if oldest, ok = row[0].(int64); ok {
			newest = row[1].(int64)
		}
		return nil
	}, numberList(classes))
	return oldest, newest, ok, err
}

const episodeSpanSQL = `SELECT
	min((SELECT e.starts_at FROM episodes e WHERE e.class = j.value ORDER BY e.starts_at LIMIT 1)),
	max((SELECT e.starts_at FROM episodes e WHERE e.class = j.value ORDER BY e.starts_at DESC LIMIT 1)) FROM json_each(?) j`

// classes are those that there may be.
var classes = func() (all []int64) {
	for class := range int64(fold.ClassOf(alert.Time{Micros: storage.FirstTime}, alert.Time{Micros: storage.LastTime})) + 1 {
		all = append(all, class)
	}
	return append(all, fold.OpenClass)
}()

// EpisodesBefore implements storage.EpisodeBackend.
func (b backend) EpisodesBefore(ctx context.Context, w storage.EpisodeWindow, dst []storage.EpisodeRow) ([]storage.EpisodeRow, error) {
	had := len(dst)
	err := b.s.reading(ctx, func(c *conn) error {
		return c.snapshot(ctx, func() error {
			r := episodeReader{c: c, w: w, sources: map[int64]string{}, found: dst}
			err := r.read(ctx)
			dst = r.found
			return err
		})
	})
	if err != nil {
		return dst, fmt.Errorf("sqlite: read episodes: %w", err)
	}
	slices.SortFunc(dst[had:], func(a, b storage.EpisodeRow) int {
		return cmp.Or(cmp.Compare(b.Episode.StartsAt.Micros, a.Episode.StartsAt.Micros), cmp.Compare(b.Episode.Number, a.Episode.Number))
	})
	return dst[:min(len(dst), had+w.Limit)], nil
}

// episodeReader reads the episodes of one window, inside a snapshot.
type episodeReader struct {
	c       *conn
	w       storage.EpisodeWindow
	sources map[int64]string // names by number
	found   []storage.EpisodeRow
}

// read appends what the window asks for: no more than its limit of each class.
func (r *episodeReader) read(ctx context.Context) error {
	w := &r.w
	below := alert.EpisodeCursor{StartsAt: w.To, Number: math.MaxInt64}
	if w.Before != nil && w.Before.StartsAt <= w.To {
		below = *w.Before
	}
	args := []driver.Value{w.From, below.StartsAt, below.Number, int64(w.Limit)}
	bind := func(value driver.Value) string {
		args = append(args, value)
		return fmt.Sprintf(`?%d`, len(args))
	}
	where := ` e.starts_at >= ?1 AND (e.starts_at, e.number) < (?2, ?3)`
	if w.Ending != nil {
		where += ` AND (e.until IS NULL OR e.until >= ` + bind(*w.Ending) + `)`
	}
	if w.Status != nil {
		where += ` AND e.bits & 1 = ` + bind(int64(*w.Status))
	}
	if w.Source != nil {
		id := sourceID(*w.Source)
		where += ` AND e.source = (SELECT number FROM sources WHERE id = ` + bind(id[:]) + `)`
	}
	if w.Receiver != nil {
		where += ` AND EXISTS (SELECT 1 FROM json_each(e.receivers) r WHERE r.value = ` + bind(storage.Escape(*w.Receiver)) + `)`
	}
	const order = ` ORDER BY e.starts_at DESC, e.number DESC LIMIT ?4`
	sql := `SELECT ` + episodeColumns + `, (SELECT name FROM sources WHERE number = e.source) FROM `
	switch {
	case w.Classes != nil:
		if w.LabelSets != nil {
			where += ` AND e.label_set IN (SELECT value FROM json_each(` + bind(numberList(w.LabelSets)) + `))`
		}
		sql += `episodes e INDEXED BY episodes_class WHERE e.class = ` + bind(int64(0)) + ` AND` + where + order
		for _, class := range w.Classes {
			args[0], args[len(args)-1] = w.From, int64(class)
			if w.Ending != nil {
				args[0] = max(w.From, storage.Earliest(class, *w.Ending))
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := r.c.query(context.Background(), sql, r.take, args...); err != nil {
				return err
			}
		}
		return nil
	case w.LabelSets != nil:
		sql += `json_each(` + bind(numberList(w.LabelSets)) + `) j CROSS JOIN episodes e INDEXED BY episodes_alert
			ON e.label_set = j.value AND (e.class = 63) IN (0, 1) WHERE` + where + order
	default:
		sql += `(` + inOrder(where) + `) m CROSS JOIN episodes e ON e.number = m.number` + ` ORDER BY m.starts_at DESC, m.number DESC`
	}
	return r.c.query(ctx, sql, r.take, args...)
}

// inOrder selects the numbers and beginnings of the newest ?4 episodes of a condition.
// Each class is in order, and SQLite merges them, reading of each as far as it needs.
func inOrder(where string) string {
	var sql strings.Builder
	for i, class := range classes {
		if i > 0 {
			sql.WriteString(` UNION ALL `)
		}
		fmt.Fprintf(&sql, `SELECT e.number, e.starts_at FROM episodes e INDEXED BY episodes_class WHERE e.class = %d AND`, class)
		sql.WriteString(where)
	}
	sql.WriteString(` ORDER BY 2 DESC, 1 DESC LIMIT ?4`)
	return sql.String()
}

// take appends a row of episodeColumns.
func (r *episodeReader) take(row []driver.Value) error {
	s := stateOf(row)
	e := storage.EpisodeRow{LabelSet: row[1].(int64), Details: s.Details, Envelope: s.Envelope, Episode: alert.Episode{
		Number: s.Number, StartsAt: s.StartsAt, EndsAt: s.EndsAt, Status: s.Status, Superseded: s.Superseded,
		FirstReceivedAt: s.FirstAt, LastReceivedAt: s.LastAt, Receipts: s.Receipts, Unfired: s.Unfired,
	}}
	if !r.w.Bare {
		names, err := parseReceivers(row[12].(string))
		if err != nil {
			return fmt.Errorf("episode %d: %w", s.Number, err)
		}
		e.Episode.Receivers = names
	}
	source, ok := r.sources[row[2].(int64)]
	if !ok {
		source = storage.Unescape(row[13].(string))
		r.sources[row[2].(int64)] = source // one string for all of its episodes
	}
	e.Episode.Source = source
	r.found = append(r.found, e)
	return nil
}

// Sources implements storage.EpisodeReader.
func (s *Store) Sources(ctx context.Context) (all []alert.Source, err error) {
	err = backend{s}.query(ctx, `SELECT name, first_at, last_at, deliveries, truncated, rhythm FROM sources`, func(row []driver.Value) error {
		all = append(all, alert.Source{
			Name: storage.Unescape(row[0].(string)), FirstAt: row[1].(int64), LastAt: row[2].(int64),
			Deliveries: row[3].(int64), Truncated: uint64(row[4].(int64)), Rhythm: row[5].(int64),
		})
		return nil
	})
	slices.SortFunc(all, func(a, b alert.Source) int { return strings.Compare(a.Name, b.Name) })
	return all, err
}

// minutesPage is how many rows of minutes are read at once, and the rest of the last one.
const minutesPage = 1000

// Minutes implements storage.EpisodeReader.
func (s *Store) Minutes(ctx context.Context, from, to int64, yield func(alert.Minute) error) error {
	for from < to {
		last := to - 1
		b := backend{s}
		err := b.query(ctx, `SELECT at FROM minutes WHERE at >= ? AND at < ? ORDER BY at LIMIT 1 OFFSET ?`, func(row []driver.Value) error {
			last = row[0].(int64)
			return nil
		}, from, to, int64(minutesPage))
		if err != nil {
			return err
		}
		var page []alert.Minute
		err = b.query(ctx, `SELECT at, severity, firing, resolved FROM minutes WHERE at >= ? AND at <= ?`, func(row []driver.Value) error {
			page = append(page, alert.Minute{At: row[0].(int64), Severity: storage.Unescape(row[1].(string)), Firing: row[2].(int64), Resolved: row[3].(int64)})
			return nil
		}, from, last)
		if err != nil {
			return err
		}
		slices.SortFunc(page, func(a, b alert.Minute) int {
			return cmp.Or(cmp.Compare(a.At, b.At), strings.Compare(a.Severity, b.Severity))
		})
		for _, m := range page {
			if err := yield(m); err != nil {
				return err
			}
		}
		from = last + 1
	}
	return nil
}
