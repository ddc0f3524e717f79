package history

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"stormdrain/internal/alert"
	"stormdrain/server/events"
)

const (
	mostSteps      = 300    // where the step is worked out
	mostAskedSteps = 11_000 // where it is given; as many as Prometheus answers with

	mostSeries     = 10
	mostSeverities = 1000 // while counting; a severity is what a sender makes it

	restOfSeries = "…"

	minute = 60_000_000 // microseconds
)

// ReceivedQuery asks what came in per step.
type ReceivedQuery struct {
	From, To int64 // microseconds since 1970; whole minutes where no episodes are asked for
	Step     int64 // microseconds
	// Episodes are those to count, by their beginning, where the question is for
	// some alerts only. nil: all that was received counts, by the minute.
	Episodes *alert.EpisodeQuery
}

// Received returns the question for what came in: in the last hour, in steps
// that make up to 300.
func (p *Params) Received() (*ReceivedQuery, error) {
	q, _, err := p.Episodes()
	if err != nil {
		return nil, err
	}
	p.since(q, time.Hour)
	r := &ReceivedQuery{From: q.From, To: events.RoundUp(q.Ends()), Step: p.step.Microseconds()}
	if p.Has("filter") || p.Has("source") || p.Has("receiver") || p.Has("fingerprint") {
		q.Limit, q.Bare = 0, true
		r.Episodes = q
	} else {
		r.From = floor(r.From, minute)
	}
	if r.Step == 0 {
		r.Step = stepFor(r.To - r.From)
	}
	if steps := (r.To - r.From) / r.Step; steps > mostAskedSteps {
		return nil, &events.ParamError{Name: "step", Value: p.step.String(),
			Want: "a longer one: the range is " + strconv.FormatInt(steps, 10) + " of them, at most 11000 are told"}
	}
	return r, nil
}

// AppendJSON appends the answer to q.
func (q *ReceivedQuery) AppendJSON(dst []byte, series *Series) []byte {
	counts := "received"
	if q.Episodes != nil {
		counts = "episodes"
	}
	dst = appendRange(append(dst, '{'), q.From, q.To)
	dst = append(dst, `,"step":`...)
	dst = strconv.AppendInt(dst, q.Step/1_000_000, 10)
	dst = events.AppendMember(dst, "counts", counts)
	dst = append(dst, `,"series":`...)
	return append(series.appendJSON(dst), '}')
}

// stepFor returns the shortest of the steps that people think in with which a
// range is at most 300 of them; over a day, whole days.
func stepFor(length int64) int64 {
	for _, minutes := range []int64{1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720} {
		if length/(minutes*minute) < mostSteps {
			return minutes * minute
		}
	}
	const day = 1440 * minute
	return (length/mostSteps/day + 1) * day
}

// floor is the last multiple of step that is not after at.
func floor(at, step int64) int64 {
	r := at % step
	if r < 0 {
		r += step
	}
	return at - r
}

// Series counts what came in, by severity and step.
type Series struct {
	step   int64
	counts map[string]map[int64]int64
}

// NewSeries returns series without points.
func NewSeries(step int64) *Series {
	return &Series{step: step, counts: make(map[string]map[int64]int64)}
}

// Add counts n at a moment. What shares a step begins at the same multiple of it,
// whatever the range: who asks again gets the same steps.
func (s *Series) Add(severity string, at, n int64) {
	points := s.counts[severity]
	if points == nil {
		if len(s.counts) >= mostSeverities {
			s.keep(mostSeverities / 2)
		}
		points = make(map[int64]int64)
		s.counts[strings.Clone(severity)] = points
	}
	points[floor(at, s.step)] += n
}

// keep makes one series of all but the n that count most.
func (s *Series) keep(n int) {
	totals := make(map[string]int64, len(s.counts))
	for severity, points := range s.counts {
		for _, count := range points {
			totals[severity] += count
		}
	}
	rest := s.counts[restOfSeries]
	if rest == nil {
		rest = make(map[int64]int64)
	}
	delete(totals, restOfSeries) // it is the rest, however much that is
	byTotal := slices.SortedFunc(maps.Keys(totals), func(a, b string) int {
		return cmp.Or(cmp.Compare(totals[b], totals[a]), cmp.Compare(a, b))
	})
	for _, severity := range byTotal[min(n, len(byTotal)):] {
		for at, count := range s.counts[severity] {
			rest[at] += count
		}
		delete(s.counts, severity)
	}
	s.counts[restOfSeries] = rest
}

// appendJSON appends the series as an array, in the order of their severities. Of
// many, the nine that count most stay, and the others become one.
func (s *Series) appendJSON(dst []byte) []byte {
	if len(s.counts) > mostSeries {
		s.keep(mostSeries - 1)
	}
	names := slices.Sorted(maps.Keys(s.counts))
	if i := slices.Index(names, restOfSeries); i >= 0 {
		names = append(slices.Delete(names, i, i+1), restOfSeries) // always the last
	}
	dst = append(dst, '[')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"severity":`...)
		dst = events.AppendString(dst, name)
		dst = append(dst, `,"points":[`...)
		points := s.counts[name]
		for j, at := range slices.Sorted(maps.Keys(points)) {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendInt(append(dst, '['), at/1_000_000, 10)
			dst = strconv.AppendInt(append(dst, ','), points[at], 10)
			dst = append(dst, ']')
		}
		dst = append(dst, "]}"...)
	}
	return append(dst, ']')
}
