package fold

import (
	"math"

	"stormdrain/internal/alert"
)

// Source is what came of a source.
type Source struct {
	Name            string
	firstAt, lastAt int64
	deliveries      int64
	truncated       uint64
	rhythm          int64 // of these deliveries alone
}

func (s *Source) deliver(at int64, truncated uint64) {
	if s.deliveries == 0 {
		s.firstAt, s.lastAt = at, at
	} else {
		s.rhythm = max(max(at-s.lastAt, 0), faded(s.rhythm))
		s.firstAt, s.lastAt = min(s.firstAt, at), max(s.lastAt, at)
	}
	s.deliveries++
	s.truncated = sum(s.truncated, truncated)
}

// sum stops where the columns of the tables end: what is summed is a sender's choice.
func sum(a, b uint64) uint64 {
	const most = math.MaxInt64
	if a > most || b > most-a {
		return most
	}
	return a + b
}

// faded is a rhythm after one more delivery.
func faded(rhythm int64) int64 { return rhythm - rhythm/10 }

// Onto adds s to what was known of the source; nil: nothing.
//
// A delivery makes max(pause, faded) of a rhythm. faded never decreases, so it can be
// taken through max, and a row of deliveries makes of a rhythm the larger of two: what
// it makes of none, and the rhythm faded as often.
func (s *Source) Onto(known *alert.Source) alert.Source {
	out := alert.Source{Name: s.Name, FirstAt: s.firstAt, LastAt: s.lastAt, Deliveries: s.deliveries, Truncated: s.truncated, Rhythm: s.rhythm}
	if known == nil {
		return out
	}
	rhythm := max(max(s.firstAt-known.LastAt, 0), faded(known.Rhythm))
	for n := s.deliveries - 1; n > 0 && faded(rhythm) < rhythm; n-- {
		rhythm = faded(rhythm)
	}
	out.FirstAt, out.LastAt = min(out.FirstAt, known.FirstAt), max(out.LastAt, known.LastAt)
	out.Deliveries += known.Deliveries
	out.Truncated = sum(out.Truncated, known.Truncated)
	out.Rhythm = max(out.Rhythm, rhythm)
	return out
}
