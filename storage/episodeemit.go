package storage

import (
	"context"

	"stormdrain/internal/alert"
)

// episodeEmitter turns rows into whole episodes, as emitter does for events.
type episodeEmitter struct {
	s     *episodeSearch
	group int // episodes whose contents are loaded together; follows their size

	sets      *shelf[int64, *alert.LabelSet]
	details   *shelf[int64, *alert.Details]
	envelopes *shelf[int64, *alert.Envelope]
	verdicts  map[int64]bool // of label sets by number; bounded

	kept    []*EpisodeRow // scratch
	numbers []int64
}

func newEpisodeEmitter(s *episodeSearch) *episodeEmitter {
	z := s.sizes
	return &episodeEmitter{
		s: s, group: min(64, z.group), verdicts: map[int64]bool{},
		sets:      newShelf(s.b.LabelSets, sizeOfSet, z.shelf),
		details:   newShelf(s.b.Details, sizeOfDetails, z.shelf),
		envelopes: newShelf(s.b.Envelopes, sizeOfEnvelope, z.shelf),
	}
}

// emit yields the episodes of rows that the query asks for. more is false when it
// has had as many as it wants.
func (e *episodeEmitter) emit(ctx context.Context, rows []EpisodeRow) (more bool, err error) {
	for len(rows) > 0 {
		n := min(len(rows), e.group)
		if more, err := e.emitGroup(ctx, rows[:n]); !more || err != nil {
			return false, err
		}
		rows = rows[n:]
	}
	return true, nil
}

func (e *episodeEmitter) emitGroup(ctx context.Context, rows []EpisodeRow) (more bool, err error) {
	e.kept = e.kept[:0]
	for i := range rows {
		if e.s.q.WantsTimes(&rows[i].Episode) { // windows are by the microsecond
			e.kept = append(e.kept, &rows[i])
		}
	}
	if e.s.counts != nil {
		for _, r := range e.kept {
			e.s.counts.of(r.Episode.Source, r.LabelSet).Add(&r.Episode)
		}
		return true, nil
	}
	if err := e.byLabels(ctx); err != nil {
		return false, err
	}
	if e.s.q.Limit > 0 && len(e.kept) > e.s.left {
		e.kept = e.kept[:e.s.left]
	}
	if err := e.contents(ctx); err != nil {
		return false, err
	}
	for _, r := range e.kept {
		episode, ok := e.whole(r)
		if !ok {
			continue // retention removed it while we read
		}
		if err := e.s.yield(episode); err != nil {
			return false, err
		}
		e.s.left--
	}
	return e.s.q.Limit == 0 || e.s.left > 0, nil
}

// byLabels drops what the matchers refuse, testing each label set once.
func (e *episodeEmitter) byLabels(ctx context.Context) error {
	if e.s.tested || e.s.test.all() {
		return nil
	}
	if len(e.verdicts) > e.s.sizes.verdicts {
		clear(e.verdicts)
	}
	e.numbers = e.numbers[:0]
	for _, r := range e.kept {
		if _, ok := e.verdicts[r.LabelSet]; !ok {
			e.numbers = append(e.numbers, r.LabelSet)
		}
	}
	if _, err := e.sets.need(ctx, e.numbers); err != nil {
		return err
	}
	for _, n := range e.numbers {
		if set, ok := e.sets.get(n); ok {
			e.verdicts[n] = e.s.test.matches(set)
		}
	}
	n := 0
	for _, r := range e.kept {
		if e.verdicts[r.LabelSet] {
			e.kept[n] = r
			n++
		}
	}
	e.kept = e.kept[:n]
	return nil
}

// contents loads what the rows refer to and adapts the group to its size.
func (e *episodeEmitter) contents(ctx context.Context) error {
	loaded, err := e.need(ctx, e.sets.need, func(r *EpisodeRow) int64 { return r.LabelSet })
	if err == nil && !e.s.q.Bare {
		var details, envelopes int
		details, err = e.need(ctx, e.details.need, func(r *EpisodeRow) int64 { return r.Details })
		if err == nil {
			envelopes, err = e.need(ctx, e.envelopes.need, func(r *EpisodeRow) int64 { return r.Envelope })
		}
		loaded += details + envelopes
	}
	e.group = e.s.sizes.regroup(e.group, loaded)
	return err
}

func (e *episodeEmitter) need(ctx context.Context, load func(context.Context, []int64) (int, error), of func(*EpisodeRow) int64) (int, error) {
	e.numbers = e.numbers[:0]
	for _, r := range e.kept {
		e.numbers = append(e.numbers, of(r))
	}
	return load(ctx, e.numbers)
}

// whole returns a copy of the row with what it refers to.
func (e *episodeEmitter) whole(r *EpisodeRow) (*alert.Episode, bool) {
	episode, ok := r.Episode, false
	if episode.Labels, ok = e.sets.get(r.LabelSet); !ok || e.s.q.Bare {
		return &episode, ok
	}
	if episode.Details, ok = e.details.get(r.Details); !ok {
		return nil, false
	}
	episode.Envelope, ok = e.envelopes.get(r.Envelope)
	return &episode, ok
}
