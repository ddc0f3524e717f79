package storage

import (
	"context"

	"stormdrain/internal/alert"
)

// emitter turns rows into whole events: it loads what they refer to, drops
// what the query does not ask for, and yields the rest.
type emitter struct {
	s     *search
	group int // events whose contents are loaded together; follows their size

	deliveries *shelf[DeliveryKey, DeliveryRow]
	sets       *shelf[int64, *alert.LabelSet]
	details    *shelf[int64, *alert.Details]
	envelopes  *shelf[int64, *alert.Envelope]
	verdicts   map[int64]bool // of label sets by number; bounded

	kept    []EventRow // scratch
	keys    []DeliveryKey
	numbers []int64
}

func newEmitter(s *search) *emitter {
	z := s.sizes
	return &emitter{
		s: s, group: min(64, z.group), verdicts: map[int64]bool{},
		deliveries: newShelf(s.b.Deliveries, sizeOfDelivery, z.shelf),
		sets:       newShelf(s.b.LabelSets, sizeOfSet, z.shelf),
		details:    newShelf(s.b.Details, sizeOfDetails, z.shelf),
		envelopes:  newShelf(s.b.Envelopes, sizeOfEnvelope, z.shelf),
	}
}

// know saves loading deliveries that the plan has read already.
func (e *emitter) know(rows []DeliveryRow) {
	for i := range rows {
		e.deliveries.put(rows[i].Key(), rows[i])
	}
}

// emit yields the events of rows that the query asks for. more is false when
// it has had as many as it wants.
func (e *emitter) emit(ctx context.Context, rows []EventRow) (more bool, err error) {
	for len(rows) > 0 {
		n := min(len(rows), e.group)
		if more, err := e.emitGroup(ctx, rows[:n]); !more || err != nil {
			return false, err
		}
		rows = rows[n:]
	}
	return true, nil
}

func (e *emitter) emitGroup(ctx context.Context, rows []EventRow) (more bool, err error) {
	e.kept = append(e.kept[:0], rows...)
	for _, step := range []func(context.Context) error{e.bySource, e.byReceiver, e.byLabels} {
		if err := step(ctx); err != nil {
			return false, err
		}
	}
	if e.s.q.Limit > 0 && len(e.kept) > e.s.left {
		e.kept = e.kept[:e.s.left]
	}
	if err := e.contents(ctx); err != nil {
		return false, err
	}
	for i := range e.kept {
		stored, ok := e.whole(&e.kept[i])
		if !ok {
			continue // retention removed it while we read
		}
		if err := e.s.yield(stored); err != nil {
			return false, err
		}
		e.s.left--
	}
	return e.s.q.Limit == 0 || e.s.left > 0, nil
}

// keep drops the rows that ok refuses, in place.
func (e *emitter) keep(ok func(*EventRow) bool) {
	n := 0
	for i := range e.kept {
		if ok(&e.kept[i]) {
			e.kept[n] = e.kept[i]
			n++
		}
	}
	e.kept = e.kept[:n]
}

// bySource loads the deliveries and drops those of other sources.
func (e *emitter) bySource(ctx context.Context) error {
	e.keys = e.keys[:0]
	for i := range e.kept {
		e.keys = append(e.keys, e.kept[i].Key())
	}
	if _, err := e.deliveries.need(ctx, e.keys); err != nil {
		return err
	}
	source := e.s.q.Source
	e.keep(func(r *EventRow) bool {
		d, ok := e.deliveries.get(r.Key())
		return ok && (source == nil || d.Source == *source)
	})
	return nil
}

// byReceiver loads the envelopes and drops those of other receivers.
func (e *emitter) byReceiver(ctx context.Context) error {
	e.numbers = e.numbers[:0]
	for i := range e.kept {
		d, _ := e.deliveries.get(e.kept[i].Key())
		e.numbers = append(e.numbers, d.Envelope)
	}
	if _, err := e.envelopes.need(ctx, e.numbers); err != nil {
		return err
	}
	receiver := e.s.q.Receiver
	e.keep(func(r *EventRow) bool {
		d, _ := e.deliveries.get(r.Key())
		env, ok := e.envelopes.get(d.Envelope)
		return ok && (receiver == nil || env.Receiver == *receiver)
	})
	return nil
}

// byLabels drops what the matchers refuse, unless the plan has seen to that.
// Each label set is tested once, as long as the memory of it lasts.
func (e *emitter) byLabels(ctx context.Context) error {
	if e.s.tested || e.s.test.all() {
		return nil
	}
	if len(e.verdicts) > e.s.sizes.verdicts {
		clear(e.verdicts)
	}
	e.numbers = e.numbers[:0]
	for i := range e.kept {
		if _, ok := e.verdicts[e.kept[i].LabelSet]; !ok {
			e.numbers = append(e.numbers, e.kept[i].LabelSet)
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
	e.keep(func(r *EventRow) bool { return e.verdicts[r.LabelSet] })
	return nil
}

// contents loads the label sets and details of the rows that are left, and
// adapts the group to their size: a thousand annotations of a megabyte must not
// be in memory at once.
func (e *emitter) contents(ctx context.Context) error {
	e.numbers = e.numbers[:0]
	for i := range e.kept {
		e.numbers = append(e.numbers, e.kept[i].LabelSet)
	}
	loaded, err := e.sets.need(ctx, e.numbers)
	if err != nil {
		return err
	}
	e.numbers = e.numbers[:0]
	for i := range e.kept {
		e.numbers = append(e.numbers, e.kept[i].Details)
	}
	more, err := e.details.need(ctx, e.numbers)
	if err != nil {
		return err
	}
	e.group = e.s.sizes.regroup(e.group, loaded+more)
	return nil
}

// regroup returns how large the next group should be when one of this size loaded
// so many bytes.
func (z *sizes) regroup(group, loaded int) int {
	switch {
	case loaded > z.shelf:
		return max(1, group/8)
	case loaded < z.shelf/8:
		return min(z.group, group*2)
	}
	return group
}

func (e *emitter) whole(r *EventRow) (*alert.Stored, bool) {
	d, ok1 := e.deliveries.get(r.Key())
	set, ok2 := e.sets.get(r.LabelSet)
	details, ok3 := e.details.get(r.Details)
	envelope, ok4 := e.envelopes.get(d.Envelope)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return nil, false
	}
	return &alert.Stored{
		Delivery: r.Delivery, Index: r.Index, ReceivedAt: r.ReceivedAt,
		Source: d.Source, RequestID: d.RequestID, TruncatedAlerts: d.TruncatedAlerts,
		Status: r.Status, StartsAt: r.StartsAt, EndsAt: r.EndsAt,
		Labels: set, Details: details, Envelope: envelope,
	}, true
}

const overhead = 128 // of a row in a shelf: headers, the map's share

func sizeOfDelivery(d DeliveryRow) int { return overhead + len(d.Source) + len(d.RequestID) }

func sizeOfSet(s *alert.LabelSet) int { return overhead + sizeOfPairs(s.Labels) }

func sizeOfDetails(d *alert.Details) int {
	return overhead + sizeOfPairs(d.Annotations) + len(d.GeneratorURL) + len(d.Extra)
}

func sizeOfEnvelope(v *alert.Envelope) int {
	return overhead + sizeOfPairs(v.GroupLabels) + len(v.Receiver) + len(v.GroupKey) + len(v.ExternalURL) + len(v.Extra)
}

func sizeOfPairs(pairs []alert.Pair) (n int) {
	for i := range pairs {
		n += 32 + len(pairs[i].Name) + len(pairs[i].Value)
	}
	return n
}
