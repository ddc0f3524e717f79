package postgres

import (
	"context"
	"strconv"
	"strings"

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

// CountEpisodes implements storage.EpisodeCounter, by one statement whose rows come as
// they are found. The server could add them up: that takes as long where all lengths fit
// into its work_mem, half as long again where they do not, and it would have to know the
// rules to the nanosecond.
func (r *episodeReader) CountEpisodes(ctx context.Context, w storage.EpisodeWindow, wants func(*alert.Episode) bool, add func(int64, *alert.EpisodeCount)) error {
	type key struct {
		labelSet int64
		source   int32
	}
	var a arguments
	sql := `SELECT e.label_set, e.source, e.starts_at, e.ends_at, e.superseded_at, e.bits, e.receipts FROM episodes e WHERE ` +
		counted(&a, &w) + r.within(&a, &w)
	counts := map[key]*alert.EpisodeCount{}
	var sources []int32
	var e alert.Episode
	err := r.query(ctx, sql, a, func(v row) error {
		e.Receipts = v.int8(6)
		episodeTimes(&e, v[2:])
		if !wants(&e) {
			return nil
		}
		k := key{v.int8(0), v.int4(1)}
		c := counts[k]
		if c == nil {
			c = new(alert.EpisodeCount)
			counts[k] = c
			sources = append(sources, k.source)
		}
		c.Add(&e)
		return nil
	})
	if err == nil {
		err = r.name(ctx, sources)
	}
	if err != nil {
		return err
	}
	for k, c := range counts {
		c.Source = r.names[k.source]
		add(k.labelSet, c)
	}
	return nil
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
