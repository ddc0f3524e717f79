package postgres

import (
	"context"
	"strconv"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

var _ storage.EpisodeReader = (*Store)(nil)

// Episodes implements storage.EpisodeReader.
func (s *Store) Episodes(ctx context.Context, q *alert.EpisodeQuery, yield func(*alert.Episode) error) error {
	if err := s.migrate(ctx); err != nil {
		return err
	}
	return storage.SearchEpisodes(ctx, s.episodeReader(), q, yield)
}

func (s *Store) episodeReader() *episodeReader {
	return &episodeReader{reader: reader{s.pool, s.probeParts}, names: map[int32]string{}}
}

// episodeReader is a storage.EpisodeBackend for one search.
type episodeReader struct {
	reader
	names map[int32]string // of sources, which are few; bounded
}

var _ storage.EpisodeBackend = (*episodeReader)(nil)

// maxNames bounds the names of sources that are in memory.
const maxNames = 1 << 12

func (r *episodeReader) EpisodeSpan(ctx context.Context) (oldest, newest int64, ok bool, err error) {
	err = r.query(ctx, `SELECT min(starts_at), max(starts_at) FROM episodes`, arguments{}, func(v row) error {
		if ok = !v.null(0); ok {
			oldest, newest = v.time(0), v.time(1)
		}
		return nil
	})
	return oldest, newest, ok, err
}

// EpisodesBefore implements storage.EpisodeBackend. Each way to read is a statement
// that one index answers, for each class or label set in turn: left the choice,
// the planner takes an index in the order of time and reads it to the end.
func (r *episodeReader) EpisodesBefore(ctx context.Context, w storage.EpisodeWindow, dst []storage.EpisodeRow) ([]storage.EpisodeRow, error) {
	var a arguments
	sql := r.statement(&a, &w)
	var sources []int32
	begin := len(dst)
	err := r.query(ctx, sql, a, func(v row) error {
		sources = append(sources, v.int4(0))
		dst = append(dst, episodeRow(v[1:], w.Bare))
		return nil
	})
	if err == nil {
		err = r.name(ctx, sources)
	}
	for i := range sources {
		dst[begin+i].Episode.Source = r.names[sources[i]]
	}
	return dst, err
}

func (r *episodeReader) statement(a *arguments, w *storage.EpisodeWindow) string {
	fields := `e.source, e.label_set, e.number, e.starts_at, e.ends_at, e.superseded_at, e.bits, e.unfired,
		e.first_received_at, e.last_received_at, e.receipts`
	if !w.Bare {
		fields += `, e.details, e.envelope, e.receivers`
	}
	within := r.within(a, w)
	order := ` ORDER BY e.starts_at DESC, e.number DESC LIMIT ` + strconv.Itoa(w.Limit)
	switch {
	case len(w.Classes) > 0:
		classes, earliest := newInt4s(), newTimes()
		for _, class := range w.Classes {
			from := w.From
			if w.Ending != nil {
				from = max(from, storage.Earliest(class, *w.Ending))
			}
			classes.int4(int32(class))
			earliest.time(from)
		}
		if len(w.LabelSets) > 0 {
			within += ` AND e.label_set = ANY (` + a.int8s(w.LabelSets) + `)`
		}
		return `SELECT e.* FROM unnest(` + a.columns(&classes, &earliest) + `) AS k (class, earliest)
			CROSS JOIN LATERAL (SELECT ` + fields + ` FROM episodes e WHERE e.class = k.class AND e.starts_at >= k.earliest` + within + order + `) e` + order
	case len(w.LabelSets) > 0:
		return `SELECT e.* FROM unnest(` + a.int8s(w.LabelSets) + `) AS k (label_set)
			CROSS JOIN LATERAL (SELECT ` + fields + ` FROM episodes e WHERE e.label_set = k.label_set` + within + order + `) e` + order
	}
	return `SELECT ` + fields + ` FROM episodes e WHERE true` + within + order
}

// within says what the window asks for of any episode.
func (r *episodeReader) within(a *arguments, w *storage.EpisodeWindow) (sql string) {
	sql = ` AND e.starts_at >= ` + a.time(w.From) + ` AND e.starts_at <= ` + a.time(w.To)
	if c := w.Before; c != nil {
		sql += ` AND (e.starts_at, e.number) < (` + a.time(c.StartsAt) + `, ` + a.int8(c.Number) + `)`
	}
	if w.Ending != nil {
		sql += ` AND (e.class = 63 OR CASE e.bits & 1 WHEN 1 THEN e.ends_at ELSE e.superseded_at END >= ` + a.time(*w.Ending) + `)`
	}
	if w.Status != nil {
		sql += ` AND e.bits & 1 = ` + a.int8(int64(*w.Status))
	}
	if w.Source != nil {
		sql += ` AND e.source = (SELECT s.number FROM sources s WHERE s.identity = ` + a.uuid(nameID(*w.Source)) + `)`
	}
	if w.Receiver != nil {
		sql += ` AND ` + a.text(*w.Receiver) + ` = ANY (e.receivers)`
	}
	return sql
}

// episodeRow reads the columns that statement asks for, but the source.
func episodeRow(v row, bare bool) (r storage.EpisodeRow) {
	e := &r.Episode
	r.LabelSet, e.Number = v.int8(0), v.int8(1)
	episodeTimes(e, v[2:])
	e.Unfired = v.bool(6)
	e.FirstReceivedAt, e.LastReceivedAt, e.Receipts = v.time(7), v.time(8), v.int8(9)
	if !bare {
		r.Details, r.Envelope, e.Receivers = v.int8(10), v.int8(11), v.texts(12)
	}
	return r
}

// episodeTimes reads starts_at, ends_at, superseded_at and bits.
func episodeTimes(e *alert.Episode, v row) {
	bits := v.int4(3)
	status, starts, ends := storage.UnpackBits(bits)
	e.Status = status
	e.StartsAt = alert.Time{Micros: v.time(0), Nanos: starts}
	e.EndsAt = v.timeOrNone(1, ends)
	e.Superseded = v.timeOrNone(2, uint16(bits>>21&1023))
}

// name loads the names of sources that are not known yet.
func (r *episodeReader) name(ctx context.Context, sources []int32) error {
	if len(r.names) > maxNames {
		clear(r.names)
	}
	missing := newInt4s()
	for _, n := range sources {
		if _, ok := r.names[n]; !ok {
			r.names[n] = ""
			missing.int4(n)
		}
	}
	if missing.n == 0 {
		return nil
	}
	var a arguments
	return r.query(ctx, `SELECT number, name FROM sources WHERE number = ANY (`+a.columns(&missing)+`)`, a, func(v row) error {
		r.names[v.int4(0)] = v.text(1)
		return nil
	})
}
