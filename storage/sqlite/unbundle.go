package sqlite

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

var errNoBundle = errors.New("stored text is not that of a bundle")

// unbundled is what a row of bundles holds. Its slices are used again for the
// next row.
type unbundled struct {
	deliveries []storage.DeliveryRow
	bases      []int64 // of the deliveries
	events     []storage.EventRow
}

// readDeliveries takes the deliveries of a row apart. Sources and request IDs
// share text; they are left out unless wanted.
func (u *unbundled) readDeliveries(id, firstAt int64, text string, strings bool) error {
	u.deliveries, u.bases = u.deliveries[:0], u.bases[:0]
	s := scanner{text: text}
	for s.element() {
		s.expect('[')
		d := storage.DeliveryRow{Number: id + s.number(), ReceivedAt: firstAt + s.second()}
		d.Envelope, d.TruncatedAlerts, d.Events = s.second(), uint64(s.second()), s.second()
		u.bases = append(u.bases, s.second())
		s.expect(',')
		d.Source = s.string(strings)
		s.expect(',')
		d.RequestID = s.string(strings)
		s.expect(']')
		u.deliveries = append(u.deliveries, d)
	}
	return s.err(id)
}

// readEvents takes the events of a row apart, after its deliveries. Those of
// other label sets than sets are left out; nil stands for all.
func (u *unbundled) readEvents(id, firstAt int64, text string, sets []int64) error {
	u.events = u.events[:0]
	s := scanner{text: text}
	for place := int64(0); s.element(); place++ {
		s.expect('[')
		k, set := s.number(), s.second()
		if sets != nil && !has(sets, set) {
			s.skip()
			continue
		}
		if s.bad || k < 0 || k >= int64(len(u.deliveries)) {
			return fmt.Errorf("bundle %d: %w", id, errNoBundle)
		}
		d := &u.deliveries[k]
		e := storage.EventRow{
			ReceivedAt: d.ReceivedAt, Delivery: d.Number, Index: int32(place - u.bases[k]),
			LabelSet: set, Details: s.second(), StartsAt: alert.Time{Micros: firstAt + s.second()}, EndsAt: alert.NoTime,
		}
		if s.accept(',') {
			var endNanos uint16
			e.Status, e.StartsAt.Nanos, endNanos = storage.UnpackBits(int32(s.number()))
			if s.accept(',') && !s.null() {
				e.EndsAt = alert.Time{Micros: firstAt + s.number(), Nanos: endNanos}
			}
			if s.accept(',') {
				e.Index = int32(s.number())
			}
		}
		s.expect(']')
		u.events = append(u.events, e)
	}
	return s.err(id)
}

// labelSetsOf calls each with the label set of every event of a row.
func labelSetsOf(id int64, text string, each func(set int64)) error {
	s := scanner{text: text}
	for s.element() {
		s.expect('[')
		s.number()
		each(s.second())
		s.skip()
	}
	return s.err(id)
}

// numbersOf calls each with the label set and the details of every event of a row.
func numbersOf(id int64, text string, each func(set, details int64)) error {
	s := scanner{text: text}
	for s.element() {
		s.expect('[')
		s.number()
		set := s.second()
		each(set, s.second())
		s.skip()
	}
	return s.err(id)
}

// has reports whether set is in sets, which are in order.
func has(sets []int64, set int64) bool {
	if len(sets) == 1 {
		return sets[0] == set
	}
	_, found := slices.BinarySearch(sets, set)
	return found
}

// scanner reads JSON arrays as bundle writes them: without blanks. It stays at
// the first mistake.
type scanner struct {
	text string
	at   int
	bad  bool
}

// element goes to the next element of the outer array and reports whether there
// is one.
func (s *scanner) element() bool {
	if s.bad {
		return false
	}
	if s.at == 0 {
		s.expect('[')
		return !s.accept(']')
	}
	if s.accept(',') {
		return true
	}
	s.expect(']')
	return false
}

func (s *scanner) accept(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) expect(c byte) {
	if !s.accept(c) {
		s.bad = true
	}
}

func (s *scanner) number() (n int64) {
	negative := s.accept('-')
	begin := s.at
	for s.at < len(s.text) && s.text[s.at]-'0' <= 9 {
		n = 10*n + int64(s.text[s.at]-'0')
		s.at++
	}
	if s.at == begin {
		s.bad = true
	}
	if negative {
		return -n
	}
	return n
}

// second reads a number that follows another.
func (s *scanner) second() int64 {
	s.expect(',')
	return s.number()
}

func (s *scanner) null() bool {
	if strings.HasPrefix(s.text[s.at:], "null") {
		s.at += len("null")
		return true
	}
	return false
}

// skip goes behind the end of an inner array, in which nothing but numbers is left.
func (s *scanner) skip() {
	n := strings.IndexByte(s.text[s.at:], ']')
	if n < 0 {
		s.bad = true
		return
	}
	s.at += n + 1
}

// string reads a string, or goes behind one that is not wanted.
func (s *scanner) string(wanted bool) string {
	if !wanted {
		s.expect('"')
		for s.at < len(s.text) && s.text[s.at] != '"' {
			if s.text[s.at] == '\\' {
				s.at++
			}
			s.at++
		}
		s.at = min(s.at, len(s.text))
		s.expect('"')
		return ""
	}
	text, behind, ok := storage.CutString(s.text[s.at:])
	s.bad = s.bad || !ok
	s.at = len(s.text) - len(behind)
	return text
}

func (s *scanner) err(id int64) error {
	if s.bad || s.at != len(s.text) {
		return fmt.Errorf("bundle %d: %w", id, errNoBundle)
	}
	return nil
}
