package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage/fold"
)

// episodeMemory is an EpisodeBackend over a slice. It checks what SearchEpisodes
// promises a backend, and counts what it looks at by class.
type episodeMemory struct {
	memory
	episodes []EpisodeRow // newest first
	looked   int          // rows in the ranges that were asked for
}

func (m *episodeMemory) EpisodeSpan(context.Context) (oldest, newest int64, ok bool, err error) {
	if len(m.episodes) == 0 {
		return 0, 0, false, nil
	}
	return m.episodes[len(m.episodes)-1].Episode.StartsAt.Micros, m.episodes[0].Episode.StartsAt.Micros, true, nil
}

func (m *episodeMemory) EpisodesBefore(_ context.Context, w EpisodeWindow, dst []EpisodeRow) ([]EpisodeRow, error) {
	m.inRange(w.From, w.To)
	if w.Ending != nil {
		m.inRange(*w.Ending)
	}
	if w.Limit < 1 {
		m.t.Errorf("limit %d", w.Limit)
	}
	begin := len(dst)
	for i := range m.episodes {
		e := &m.episodes[i].Episode
		from := w.From
		if w.Classes != nil {
			class := fold.ClassOf(e.StartsAt, e.Until())
			if !slices.Contains(w.Classes, class) {
				continue
			}
			if w.Ending != nil {
				from = max(from, Earliest(class, *w.Ending))
			}
		}
		if e.StartsAt.Micros < from || e.StartsAt.Micros > w.To || w.Before != nil && compareEpisodes(e.Cursor(), *w.Before) >= 0 || len(dst)-begin == w.Limit {
			continue
		}
		m.looked++
		if until := e.Until(); w.Ending != nil && !until.IsNone() && until.Micros < *w.Ending {
			continue
		}
		if (w.LabelSets == nil || slices.Contains(w.LabelSets, m.episodes[i].LabelSet)) && (w.Status == nil || *w.Status == e.Status) &&
			(w.Source == nil || *w.Source == e.Source) && (w.Receiver == nil || slices.Contains(e.Receivers, *w.Receiver)) {
			dst = append(dst, m.episodes[i])
		}
	}
	m.answered(len(dst) - begin)
	return dst, nil
}

func compareEpisodes(a, b alert.EpisodeCursor) int {
	return cmp.Or(cmp.Compare(a.StartsAt, b.StartsAt), cmp.Compare(a.Number, b.Number))
}

// randomEpisodes has crowded instants, ends before beginnings, and durations from
// nothing to months.
func randomEpisodes(t *testing.T, r *rand.Rand, n int) *episodeMemory {
	m := &episodeMemory{memory: *randomMemory(t, r, 1)}
	now := int64(0)
	for number := range int64(n) {
		if r.IntN(3) > 0 {
			now += r.Int64N(1 << r.IntN(40))
		}
		e := alert.Episode{
			Number: 1 + number, Source: fmt.Sprint(r.IntN(3)), Status: alert.Status(r.IntN(2)), Receivers: []string{fmt.Sprint(r.IntN(3))},
			StartsAt: alert.Time{Micros: now, Nanos: uint16(r.IntN(2))}, EndsAt: alert.NoTime, Superseded: alert.NoTime,
		}
		end := alert.Time{Micros: now + r.Int64N(1<<r.IntN(43)) - r.Int64N(3), Nanos: uint16(r.IntN(2))}
		if e.Status == alert.Resolved {
			e.EndsAt = end
		} else if r.IntN(2) == 0 {
			e.Superseded = end
		}
		m.episodes = append(m.episodes, EpisodeRow{Episode: e, LabelSet: 1 + r.Int64N(12), Details: 1 + r.Int64N(30), Envelope: 1 + r.Int64N(12)})
	}
	slices.SortFunc(m.episodes, func(a, b EpisodeRow) int { return compareEpisodes(b.Episode.Cursor(), a.Episode.Cursor()) })
	return m
}

// nanos is an instant in nanoseconds, for tests that stay within 292 years of 1970.
func nanos(t alert.Time) int64 { return t.Micros*1000 + int64(t.Nanos) }

// naiveEpisodes answers q by what the words of alert.EpisodeQuery say.
func (m *episodeMemory) naiveEpisodes(q *alert.EpisodeQuery) (answer []int64) {
	bound := func(micros int64) int64 { return min(max(micros, math.MinInt64/1000), math.MaxInt64/1000) * 1000 }
	for i := range m.episodes {
		e, set := &m.episodes[i].Episode, m.sets[m.episodes[i].LabelSet]
		begin, end := nanos(e.StartsAt), int64(math.MaxInt64)
		if until := e.Until(); !until.IsNone() {
			end = nanos(until)
		}
		// What ends before it begins belongs to what holds both.
		holds := end <= begin && begin >= bound(q.From) && end >= bound(q.From)
		overlaps := q.From < q.To && begin < bound(q.To) && (end > bound(q.From) || holds)
		if overlaps && (q.At == nil || begin <= bound(*q.At) && bound(*q.At) < end) && (!q.Open || e.Open()) &&
			(q.Status == nil || *q.Status == e.Status) && (q.Source == nil || *q.Source == e.Source) &&
			(q.Receiver == nil || slices.Contains(e.Receivers, *q.Receiver)) &&
			(q.Fingerprint == nil || *q.Fingerprint == set.Fingerprint) && alert.MatchAll(q.Matchers, set.Labels) &&
			(q.After == nil || compareEpisodes(e.Cursor(), *q.After) < 0) && (q.Limit == 0 || len(answer) < q.Limit) {
			answer = append(answer, e.Number)
		}
	}
	return answer
}

func randomEpisodeQuery(r *rand.Rand, m *episodeMemory) *alert.EpisodeQuery {
	plain := randomQuery(m.t, r, &m.memory)
	q := &alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64, Matchers: plain.Matchers, Fingerprint: plain.Fingerprint, Limit: plain.Limit}
	maybe := func() bool { return r.IntN(4) == 0 }
	some := func() int64 {
		e := &m.episodes[r.IntN(len(m.episodes))].Episode
		at := e.StartsAt
		if until := e.Until(); !until.IsNone() && maybe() {
			at = until
		}
		return at.Micros + r.Int64N(3) - 1
	}
	if r.IntN(2) == 0 {
		q.From = some()
	}
	if maybe() {
		q.To = some()
	}
	if maybe() {
		q.At = new(some())
	}
	if maybe() {
		q.Status = new(alert.Status(r.IntN(2)))
	}
	if maybe() {
		q.Source = new(fmt.Sprint(r.IntN(4)))
	}
	if maybe() {
		q.Receiver = new(fmt.Sprint(r.IntN(4)))
	}
	if maybe() {
		c := m.episodes[r.IntN(len(m.episodes))].Episode.Cursor()
		c.Number += r.Int64N(3) - 1
		q.After = &c
	}
	q.Open, q.Bare = r.IntN(6) == 0, maybe()
	return q
}

// TestEpisodesAgainstNaive goes every way with steps so small that every border is
// crossed many times.
func TestEpisodesAgainstNaive(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(11, 12))
	found := 0
	for round := range 1200 {
		m := randomEpisodes(t, r, 1+r.IntN(80))
		if len(m.events) == 0 {
			m.events = []EventRow{{}} // randomQuery takes cursors from them
		}
		z := sizes{sets: r.IntN(12), candidates: 1 + r.IntN(5), events: 1 + r.IntN(20), group: 1 + r.IntN(10), verdicts: r.IntN(5), span: 1 + r.Int64N(1e12), shelf: r.IntN(3000)}
		q := randomEpisodeQuery(r, m)
		var got []int64
		err := newEpisodeSearch(m, q, func(e *alert.Episode) error {
			got = append(got, e.Number)
			if e.Labels == nil || (e.Details == nil) != q.Bare || (e.Envelope == nil) != q.Bare {
				t.Errorf("labels, details or envelope: %v", e)
			}
			return nil
		}, z).run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want := m.naiveEpisodes(q); !slices.Equal(got, want) {
			t.Fatalf("round %d: %+v %v with %+v:\n%v\nwant\n%v", round, *q, q.Matchers, z, got, want)
		}
		m.checkCounts(q, z)
		if most := max(z.events, z.candidates); m.largest > most {
			t.Fatalf("round %d: an answer of %d rows, with %+v", round, m.largest, z)
		}
		found += len(got)
	}
	if found < 1200 {
		t.Errorf("%d episodes in all: the questions find too little to tell anything", found)
	}
}

// checkCounts compares counts with the episodes that they are of.
func (m *episodeMemory) checkCounts(q *alert.EpisodeQuery, z sizes) {
	m.t.Helper()
	all := *q
	all.Limit, all.After = 0, nil
	type counted struct {
		source string
		labels *alert.LabelSet
	}
	want, got := map[counted]alert.EpisodeCount{}, map[counted]alert.EpisodeCount{}
	for _, number := range m.naiveEpisodes(&all) {
		row := &m.episodes[slices.IndexFunc(m.episodes, func(r EpisodeRow) bool { return r.Episode.Number == number })]
		key := counted{row.Episode.Source, m.sets[row.LabelSet]}
		c := want[key]
		c.Source, c.Labels = key.source, key.labels
		c.Add(&row.Episode)
		want[key] = c
	}
	err := countEpisodes(m.t.Context(), m, q, func(c *alert.EpisodeCount) error {
		got[counted{c.Source, c.Labels}] = *c
		return nil
	}, z)
	for _, counts := range []map[counted]alert.EpisodeCount{want, got} {
		for _, c := range counts {
			slices.Sort(c.Lengths)
		}
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		m.t.Fatalf("%v: %+v %v with %+v:\n%v\nwant\n%v", err, *q, q.Matchers, z, got, want)
	}
}

// TestEpisodesLeaveHistoryAlone asks for a moment behind a long history of short
// episodes.
func TestEpisodesLeaveHistoryAlone(t *testing.T) {
	t.Parallel()
	m := &episodeMemory{memory: *randomMemory(t, rand.New(rand.NewPCG(13, 14)), 1)}
	const n, every, lasts = 20_000, 60_000_000, 90_000_000
	for i := range int64(n) {
		e := alert.Episode{Number: n - i, Status: alert.Resolved, StartsAt: alert.Time{Micros: (n - i) * every}, Superseded: alert.NoTime}
		e.EndsAt = alert.Time{Micros: e.StartsAt.Micros + lasts}
		m.episodes = append(m.episodes, EpisodeRow{Episode: e, LabelSet: 1, Details: 1, Envelope: 1})
	}
	f := func(q *alert.EpisodeQuery, want int) {
		t.Helper()
		m.looked = 0
		got := 0
		if err := SearchEpisodes(t.Context(), m, q, func(*alert.Episode) error { got++; return nil }); err != nil {
			t.Fatal(err)
		}
		if got != want || m.looked > 4*want+10 {
			t.Errorf("%d episodes, want %d; looked at %d", got, want, m.looked)
		}
	}
	middle := int64(n / 2 * every)
	f(&alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64, At: &middle}, 2)
	f(&alert.EpisodeQuery{From: middle, To: middle + 10*every}, 11)
	f(&alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64, Limit: 50}, 50)
	f(&alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64, Open: true}, 0)
}

// TestEpisodesSurviveAnyBounds asks with cursors and times that no episode has.
func TestEpisodesSurviveAnyBounds(t *testing.T) {
	t.Parallel()
	m := randomEpisodes(t, rand.New(rand.NewPCG(15, 16)), 50)
	ends := []int64{math.MinInt64, math.MinInt64 + 1, FirstTime - 1, FirstTime, -1, 0, 1, LastTime, LastTime + 1, math.MaxInt64 - 1, math.MaxInt64}
	for _, from := range ends {
		for _, to := range ends {
			for _, at := range ends {
				for _, q := range []*alert.EpisodeQuery{
					{From: from, To: to, After: &alert.EpisodeCursor{StartsAt: at, Number: at}},
					{From: from, To: to, At: &at},
				} {
					var got []int64
					err := SearchEpisodes(t.Context(), m, q, func(e *alert.Episode) error {
						got = append(got, e.Number)
						return nil
					})
					if want := m.naiveEpisodes(q); err != nil || !slices.Equal(got, want) {
						t.Fatalf("from %d to %d, %d: %v, %d episodes, want %d", from, to, at, err, len(got), len(want))
					}
				}
			}
		}
	}
}

func TestEpisodesReturnYieldsError(t *testing.T) {
	t.Parallel()
	m := randomEpisodes(t, rand.New(rand.NewPCG(17, 18)), 50)
	enough := errors.New("enough")
	q := &alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64}
	if err := SearchEpisodes(t.Context(), m, q, func(*alert.Episode) error { return enough }); err != enough {
		t.Errorf("got %v", err)
	}
}

func TestLabelAnswer(t *testing.T) {
	t.Parallel()
	f := func(q alert.LabelQuery, want ...string) {
		t.Helper()
		c := NewLabelAnswer(&q)
		c.Add([]alert.Pair{{Name: "a", Value: "x"}, {Name: "ab", Value: "y"}})
		c.Add([]alert.Pair{{Name: "a", Value: "w"}, {Name: "b", Value: ""}})
		if got := c.Words(); !slices.Equal(got, want) {
			t.Errorf("%+v: %q, want %q", q, got, want)
		}
	}
	f(alert.LabelQuery{}, "a", "ab")
	f(alert.LabelQuery{Prefix: "a"}, "a", "ab")
	f(alert.LabelQuery{Limit: 2}, "a", "ab")
	f(alert.LabelQuery{Name: "a"}, "w", "x")
	f(alert.LabelQuery{Name: "a", Prefix: "x"}, "x")
	f(alert.LabelQuery{Name: "b"})
	f(alert.LabelQuery{Name: "absent"})
}
