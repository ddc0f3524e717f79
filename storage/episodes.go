package storage

import (
	"context"
	"math"

	"stormdrain/internal/alert"
	"stormdrain/storage/fold"
)

// SearchEpisodes answers q from b as EpisodeReader.Episodes promises. What the
// question says of time cuts the episodes in two:
//
//   - Those that begin at or after the instant at which all of the answer is still
//     going on (the later of From and At) are read through the index on starts at,
//     or through that on label sets where few match.
//   - Those that begin before and go on beyond it are read class by class.
//
// Open episodes are a class. All is read in bounded pages by key, so memory does not
// depend on the answer. An episode whose beginning moves meanwhile may come twice.
func SearchEpisodes(ctx context.Context, b EpisodeBackend, q *alert.EpisodeQuery, yield func(*alert.Episode) error) error {
	return newEpisodeSearch(b, q, yield, defaultSizes).run(ctx)
}

// episodeSearch is one run of SearchEpisodes; it belongs to the goroutine that
// called it.
type episodeSearch struct {
	b     EpisodeBackend
	q     *alert.EpisodeQuery
	yield func(*alert.Episode) error
	test  labelTest
	sizes sizes

	until  int64                // began at or before
	before *alert.EpisodeCursor // and before this one in the order of the answer; nil: any
	ending *int64               // has not ended before; nil: any
	sets   []int64              // the label sets that match, if they are few
	tested bool                 // they are
	left   int                  // how many episodes may still be yielded, if q.Limit is set
	rows   []EpisodeRow         // the page at hand
	counts episodeCounts        // nil: yield; else what is found is counted

	out *episodeEmitter
}

func newEpisodeSearch(b EpisodeBackend, q *alert.EpisodeQuery, yield func(*alert.Episode) error, z sizes) *episodeSearch {
	s := &episodeSearch{b: b, q: q, yield: yield, test: labelTest{q.Matchers, q.Fingerprint}, sizes: z, left: q.Limit}
	s.out = newEpisodeEmitter(s)
	return s
}

func (s *episodeSearch) run(ctx context.Context) (err error) {
	if !s.bound() {
		return nil
	}
	if s.sets, s.tested, err = s.test.candidates(ctx, s.b, s.sizes); err != nil || s.tested && len(s.sets) == 0 {
		return err
	}
	oldest, newest, ok, err := s.b.EpisodeSpan(ctx)
	if err != nil || !ok || oldest > s.until {
		return err
	}
	w := EpisodeWindow{
		To: s.until, Before: s.before, Ending: s.ending, LabelSets: s.sets,
		Status: s.q.Status, Source: s.q.Source, Receiver: s.q.Receiver, Bare: s.q.Bare,
	}
	if newest < w.To {
		w.To, w.Before = newest, nil
	}
	if s.q.Open {
		_, err = s.read(ctx, w, oldest, []int{fold.OpenClass})
		return err
	}
	// All but what ends before it begins has not ended before when it begins later.
	later := oldest
	if s.ending != nil {
		later = max(later, *s.ending)
	}
	if later <= w.To {
		if more, err := s.read(ctx, w, later, nil); !more || err != nil {
			return err
		}
		w.To, w.Before = later-1, nil
	}
	if w.To < oldest {
		return nil
	}
	w.Ending = s.ending
	_, err = s.read(ctx, w, oldest, allClasses())
	return err
}

// bound works out the range of the search, out of what may hold anything. It
// returns false when nothing can be in it.
func (s *episodeSearch) bound() bool {
	q := s.q
	if !q.Begins().Before(q.Ends()) || q.To < FirstTime {
		return false
	}
	s.until = min(q.To, LastTime+1)
	if q.ToNanos == 0 || s.until < q.To {
		s.until-- // nothing in that microsecond is earlier
	}
	ending := int64(math.MinInt64)
	if q.From > FirstTime {
		ending = q.From
	}
	if q.At != nil {
		s.until = min(s.until, *q.At)
		ending = max(ending, *q.At)
	}
	if c := q.After; c != nil && c.StartsAt <= s.until {
		s.until, s.before = c.StartsAt, c
	}
	if s.until < FirstTime {
		return false
	}
	if ending > math.MinInt64 {
		ending = min(max(ending, FirstTime), LastTime)
		s.ending = &ending
	}
	return true
}

// read yields what is wanted of w from a beginning at from on: of some classes, or
// of all episodes. more is false when there were as many as are wanted.
//
// One index has all episodes in order, so that one window takes all of them, page by
// page. Of classes and of label sets each has an order of its own, and what a
// window holds is put together by the store: windows begin wide for classes, for
// which Earliest is a bound as well, and narrow for label sets; then their width
// follows from what was found.
func (s *episodeSearch) read(ctx context.Context, w EpisodeWindow, from int64, classes []int) (more bool, err error) {
	if counter, ok := s.b.(EpisodeCounter); ok && s.counts != nil {
		w.From = from
		if w.Classes = s.reaching(w, classes); w.Classes == nil && classes != nil {
			return true, nil
		}
		return true, counter.CountEpisodes(ctx, w, s.q, s.counts.add)
	}
	const whole = LastTime - FirstTime
	ordered := classes == nil && !s.tested
	span := int64(whole)
	if classes == nil && s.tested {
		span = s.sizes.span
	}
	for w.To >= from {
		w.From, w.Limit = max(from, w.To-span+1), s.page()
		if w.Classes = s.reaching(w, classes); w.Classes == nil && classes != nil {
			return true, nil // and nothing older does
		}
		if s.rows, err = s.b.EpisodesBefore(ctx, w, s.rows[:0]); err != nil {
			return false, err
		}
		if more, err := s.out.emit(ctx, s.rows); !more || err != nil {
			return false, err
		}
		if len(s.rows) < w.Limit {
			span = widen(span, len(s.rows), w.Limit)
			w.To, w.Before = w.From-1, nil
			continue
		}
		last := s.rows[len(s.rows)-1].Episode.Cursor()
		if !ordered {
			span = max(w.To-last.StartsAt, 1)
		}
		w.To, w.Before = last.StartsAt, &last
	}
	return true, nil
}

// reaching returns those of the classes that can have what w asks for.
func (s *episodeSearch) reaching(w EpisodeWindow, classes []int) (reach []int) {
	for _, k := range classes {
		if w.Ending == nil || Earliest(k, *w.Ending) <= w.To {
			reach = append(reach, k)
		}
	}
	return reach
}

// page returns how many episodes to ask for: no more than can be yielded, when
// hardly a row will be dropped.
func (s *episodeSearch) page() int {
	if s.q.Limit > 0 && (s.tested || s.test.all()) {
		return min(s.sizes.events, s.left)
	}
	return s.sizes.events
}
