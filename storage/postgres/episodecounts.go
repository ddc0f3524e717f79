package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// EpisodeCounts implements storage.EpisodeReader.
func (s *Store) EpisodeCounts(ctx context.Context, q *alert.EpisodeQuery, yield func(*alert.EpisodeCount) error) error {
	if err := s.migrate(ctx); err != nil {
		return err
	}
	return storage.CountEpisodes(ctx, s.episodeReader(), q, yield)
}

var _ storage.EpisodeCounter = (*episodeReader)(nil)

// countFields are what is counted of an alert's episodes. One is resolved and has
// an end, or is superseded, or is open: never two of them, so that no row need be
// tested. The lengths are one value, an interval of 16 bytes each.
const countFields = `e.label_set, e.source, count(*), sum(e.receipts)::int8, count(e.superseded_at), string_agg(interval_send(e.ends_at - e.starts_at), ''::bytea)`

// countMemory is for the groups of the statement: with the 4 MB that servers
// have by default, those of 100 000 lengths go to the disk and back.
const countMemory = `SELECT set_config('work_mem', '32MB', true)`

// CountEpisodes implements storage.EpisodeCounter. The server adds up, so that a row
// comes for each alert and not for each episode.
func (r *episodeReader) CountEpisodes(ctx context.Context, w storage.EpisodeWindow, q *alert.EpisodeQuery, add func(int64, *alert.EpisodeCount)) error {
	var a arguments
	sql := `SELECT ` + countFields + ` FROM episodes e WHERE ` + counted(&a, &w) + r.within(&a, &w) + exactly(&a, &w, q) + ` GROUP BY e.label_set, e.source`
	type group struct {
		labelSet int64
		source   int32
		count    *alert.EpisodeCount
	}
	var groups []group
	var sources []int32
	err := r.inOneTransaction(ctx, countMemory, sql, a, func(v row) error {
		lengths, err := lengthsOf(v, 5)
		c := &alert.EpisodeCount{Episodes: v.int8(2), Receipts: v.int8(3), Unresolved: v.int8(4), Lengths: lengths}
		c.Open = c.Episodes - c.Unresolved - int64(len(lengths))
		groups = append(groups, group{v.int8(0), v.int4(1), c})
		sources = append(sources, v.int4(1))
		return err
	})
	if err == nil {
		err = r.name(ctx, sources)
	}
	if err != nil {
		return err
	}
	for _, g := range groups {
		g.count.Source = r.names[g.source]
		add(g.labelSet, g.count)
	}
	return nil
}

// inOneTransaction runs a statement behind one that prepares for it, in one round
// trip. What is sent together is a transaction, and what is set for it ends with it.
func (r reader) inOneTransaction(ctx context.Context, before, sql string, a arguments, f func(row) error) error {
	c, release, err := r.pool.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	batch := &pgconn.Batch{}
	batch.ExecParams(before, nil, nil, nil, nil)
	batch.ExecParams(sql, a.values, a.oids, allBinary(), allBinary())
	rr := c.ExecBatch(ctx, batch)
	for i := 0; err == nil && rr.NextResult(); i++ {
		err = readRows(rr.ResultReader(), func(v row) error {
			if i == 0 {
				return nil
			}
			return f(v)
		})
	}
	if closeErr := rr.Close(); closeErr != nil {
		return closeErr
	}
	return err
}

// lengthsOf reads intervals one behind the other: microseconds, days and months,
// of which a difference of times has none. A clock that was set back must not make
// a time to resolve negative.
func lengthsOf(v row, i int) ([]int64, error) {
	if v.null(i) {
		return nil, nil
	}
	const size = 16
	b := v[i]
	if len(b)%size != 0 {
		return nil, fmt.Errorf("%d bytes of intervals of %d", len(b), size)
	}
	lengths := make([]int64, 0, len(b)/size)
	for ; len(b) > 0; b = b[size:] {
		micros, days := int64(binary.BigEndian.Uint64(b)), int64(int32(binary.BigEndian.Uint32(b[8:])))
		lengths = append(lengths, max(0, micros+days*microsPerDay))
	}
	return lengths, nil
}

// counted is what leads to the rows of a window. Of classes each has its own range of
// an index; there is no order that could lead the planner elsewhere.
func counted(a *arguments, w *storage.EpisodeWindow) string {
	var ranges []string
	for _, class := range w.Classes {
		from := w.From
		if w.Ending != nil {
			from = max(from, storage.Earliest(class, *w.Ending))
		}
		ranges = append(ranges, `e.class = `+strconv.Itoa(class)+` AND e.starts_at >= `+a.time(from))
	}
	sql := `true`
	if len(ranges) > 0 {
		sql = `(` + strings.Join(ranges, ` OR `) + `)`
	}
	if len(w.LabelSets) > 0 {
		sql += ` AND e.label_set = ANY (` + a.int8s(w.LabelSets) + `)`
	}
	return sql
}

// exactly is what alert.EpisodeQuery.WantsTimes asks for beyond the window: that
// goes by the microsecond, so it is about rows with a time in that of a bound.
func exactly(a *arguments, w *storage.EpisodeWindow, q *alert.EpisodeQuery) (sql string) {
	const (
		until       = `CASE e.bits & 1 WHEN 1 THEN e.ends_at ELSE e.superseded_at END`
		startsNanos = `(e.bits >> 1 & 1023)`
		untilNanos  = `(CASE e.bits & 1 WHEN 1 THEN e.bits >> 11 ELSE e.bits >> 21 END & 1023)`
	)
	unless := func(column string, t alert.Time, condition string) {
		if t.Micros >= storage.FirstTime && t.Micros <= storage.LastTime {
			sql += ` AND (` + column + ` = ` + a.time(t.Micros) + ` AND ` + condition + `) IS NOT TRUE`
		}
	}
	if ends := q.Ends(); ends.Nanos > 0 && w.To >= ends.Micros {
		unless(`e.starts_at`, ends, startsNanos+` >= `+nanos(ends))
	}
	begins := q.Begins()
	if begins.Micros >= storage.FirstTime && begins.Micros <= storage.LastTime {
		unless(until, begins, `(`+untilNanos+` < `+nanos(begins)+` OR `+untilNanos+` = `+nanos(begins)+` AND (e.starts_at < `+a.time(begins.Micros)+
			` OR e.starts_at = `+a.time(begins.Micros)+` AND `+startsNanos+` < `+nanos(begins)+`))`)
	}
	if q.At != nil {
		unless(`e.starts_at`, q.Moment(), startsNanos+` > `+nanos(q.Moment()))
		unless(until, q.Moment(), untilNanos+` <= `+nanos(q.Moment()))
	}
	return sql
}

func nanos(t alert.Time) string { return strconv.Itoa(int(t.Nanos)) }
