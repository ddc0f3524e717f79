package storage

import (
	"context"
	"math"

	"stormdrain/internal/alert"
)

// Search answers q from b as Store.Events promises. Matchers are evaluated
// here, over the dictionary of label sets. There are two plans:
//
//   - Few label sets match: read the events of exactly those, through their
//     index, in windows of time that grow while little is found.
//   - Many match, or q asks for no labels: walk the deliveries newest first and
//     read the events that came with them, testing each label set once.
//
// Both read bounded pages by key, so memory does not depend on the answer.
func Search(ctx context.Context, b Backend, q *alert.Query, yield func(*alert.Stored) error) error {
	return newSearch(b, q, yield, defaultSizes).run(ctx)
}

// sizes bound the steps of a search; tests make them tiny.
type sizes struct {
	sets       int   // more matching label sets than these: walk the deliveries
	candidates int   // label sets a page
	events     int   // events a page
	deliveries int   // deliveries a page
	group      int   // events whose contents are loaded together
	verdicts   int   // label sets remembered as tested
	span       int64 // microseconds of the first window of time
	gap        int64 // microseconds without a wanted delivery that are not read through
	shelf      int   // bytes of contents held, each kind
}

// 2 000 label sets are 2 000 descents of an index a page, some 10 ms.
var defaultSizes = sizes{
	sets: 2000, candidates: 1000, events: 4096, deliveries: 4096, group: 512, verdicts: 1 << 16,
	span: 3600e6, gap: 1e6, shelf: 8 << 20,
}

// search is one run of Search; it belongs to the goroutine that called it.
type search struct {
	b     Backend
	q     *alert.Query
	yield func(*alert.Stored) error
	test  labelTest
	sizes sizes

	from   int64         // received at or after
	until  DeliveryKey   // not after this delivery
	before *alert.Cursor // and in that one, only what comes before this; nil: all
	left   int           // how many events may still be yielded, if q.Limit is set
	tested bool          // the plan reads only label sets that match
	rows   []EventRow    // the page at hand

	out *emitter
}

func newSearch(b Backend, q *alert.Query, yield func(*alert.Stored) error, z sizes) *search {
	s := &search{b: b, q: q, yield: yield, test: labelTest{q.Matchers, q.Fingerprint}, sizes: z, left: q.Limit}
	s.out = newEmitter(s)
	return s
}

func (s *search) run(ctx context.Context) error {
	if !s.bound() {
		return nil
	}
	sets, few, err := s.test.candidates(ctx, s.b, s.sizes)
	switch {
	case err != nil:
		return err
	case !few:
		return s.walkDeliveries(ctx)
	case len(sets) == 0:
		return nil
	default:
		s.tested = true
		return s.readSets(ctx, sets)
	}
}

// bound works out the range of the search out of the query's range and cursor,
// which may hold anything. It returns false when nothing can be in it.
func (s *search) bound() bool {
	if s.q.To <= FirstTime || s.q.From > LastTime {
		return false
	}
	s.from = max(s.q.From, FirstTime)
	s.until = DeliveryKey{min(s.q.To, LastTime+1) - 1, math.MaxInt64}
	if c := s.q.After; c != nil && c.ReceivedAt <= s.until.ReceivedAt {
		s.until = DeliveryKey{c.ReceivedAt, c.Delivery}
		s.before = c
	}
	return s.from <= s.until.ReceivedAt
}

// page returns how many events to ask for: no more than can be yielded, when
// no row of the answer will be dropped.
func (s *search) page() int {
	all := s.q.Source == nil && s.q.Receiver == nil && (s.tested || s.test.all())
	if s.q.Limit > 0 && all {
		return min(s.sizes.events, s.left)
	}
	return s.sizes.events
}

// readSets reads the events of some label sets, in windows of time.
func (s *search) readSets(ctx context.Context, sets []int64) error {
	oldest, newest, ok, err := s.b.Span(ctx)
	if err != nil || !ok {
		return err
	}
	from, span := max(s.from, oldest), s.sizes.span
	w := EventWindow{To: s.until.ReceivedAt, Before: s.before, LabelSets: sets, Status: s.q.Status}
	if newest < w.To {
		w.To, w.Before = newest, nil
	}
	for w.To >= from {
		w.From, w.Limit = max(from, w.To-span+1), s.page()
		if s.rows, err = s.b.EventsBefore(ctx, w, s.rows[:0]); err != nil {
			return err
		}
		if more, err := s.out.emit(ctx, s.rows); !more || err != nil {
			return err
		}
		if len(s.rows) < w.Limit {
			span = widen(span, len(s.rows), w.Limit)
			w.To, w.Before = w.From-1, nil
			continue
		}
		// A full page: what the window still holds comes next, and its width
		// follows from what the page covered.
		last := s.rows[len(s.rows)-1].Cursor()
		span = max(w.To-last.ReceivedAt, 1)
		w.To, w.Before = last.ReceivedAt, &last
	}
	return nil
}

// widen returns a span in which half a page may be expected, going by the rows
// found in the last one, and at most eight times as wide: a burst may be next.
func widen(span int64, rows, page int) int64 {
	factor := int64(8)
	if rows > 0 {
		factor = min(factor, max(1, int64(page/2/rows)))
	}
	return min(span*factor, LastTime-FirstTime)
}

// walkDeliveries reads the events of all wanted deliveries, newest first.
func (s *search) walkDeliveries(ctx context.Context) error {
	w := DeliveryWindow{From: s.from, Until: s.until, Source: s.q.Source, Receiver: s.q.Receiver, Limit: s.sizes.deliveries}
	if s.q.Limit > 0 {
		w.Limit = min(w.Limit, max(s.q.Limit, 16))
	}
	for {
		page, err := s.b.DeliveriesBefore(ctx, w)
		if err != nil {
			return err
		}
		s.out.know(page)
		for rest := page; len(rest) > 0; {
			n := s.chunk(rest)
			if more, err := s.readDeliveries(ctx, rest[:n]); !more || err != nil {
				return err
			}
			rest = rest[n:]
		}
		if len(page) < w.Limit {
			return nil
		}
		last := page[len(page)-1].Key()
		w.Until = DeliveryKey{last.ReceivedAt, last.Number - 1}
		w.Limit = min(w.Limit*4, s.sizes.deliveries)
	}
}

// chunk returns how many of the next deliveries to read together: as many as
// make a page of events, but one at least. Where the query drops deliveries, a
// chunk ends at a gap, for the events in the gap are those of others.
func (s *search) chunk(rest []DeliveryRow) int {
	page, events := int64(s.page()), rest[0].Events
	sparse := s.q.Source != nil || s.q.Receiver != nil
	for i := 1; i < len(rest); i++ {
		events += rest[i].Events
		if events >= page || sparse && rest[i-1].ReceivedAt-rest[i].ReceivedAt > s.sizes.gap {
			return i
		}
	}
	return len(rest)
}

// readDeliveries reads the events of neighbouring deliveries, page by page,
// for a single delivery may hold more than a page.
func (s *search) readDeliveries(ctx context.Context, chunk []DeliveryRow) (more bool, err error) {
	w := EventWindow{
		From: chunk[len(chunk)-1].ReceivedAt, To: chunk[0].ReceivedAt,
		Before: s.before, Deliveries: make([]int64, len(chunk)), Status: s.q.Status,
	}
	s.before = nil // the cursor is in the first delivery of all, if anywhere
	for i := range chunk {
		w.Deliveries[i] = chunk[i].Number
	}
	for {
		w.Limit = s.page()
		if s.rows, err = s.b.EventsBefore(ctx, w, s.rows[:0]); err != nil {
			return false, err
		}
		if more, err := s.out.emit(ctx, s.rows); !more || err != nil {
			return false, err
		}
		if len(s.rows) < w.Limit {
			return true, nil
		}
		last := s.rows[len(s.rows)-1].Cursor()
		w.To, w.Before = last.ReceivedAt, &last
	}
}
