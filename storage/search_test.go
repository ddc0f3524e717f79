package storage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	"stormdrain/internal/alert"
)

// memory is a Backend over slices. It checks what Search promises a backend:
// bounded limits, times in range, keys asked for once.
type memory struct {
	t          *testing.T
	deliveries []DeliveryRow // newest first
	events     []EventRow    // newest first
	sets       map[int64]*alert.LabelSet
	envelopes  map[int64]*alert.Envelope

	largest int // rows of one answer
	calls   int
}

func (m *memory) answered(rows int) {
	m.calls++
	m.largest = max(m.largest, rows)
}

func (m *memory) Span(context.Context) (oldest, newest int64, ok bool, err error) {
	if len(m.deliveries) == 0 {
		return 0, 0, false, nil
	}
	return m.deliveries[len(m.deliveries)-1].ReceivedAt, m.deliveries[0].ReceivedAt, true, nil
}

func (m *memory) Candidates(_ context.Context, n Narrowing, after int64, limit int) (page []Candidate, err error) {
	for number, set := range m.sets {
		if number > after && (n.Fingerprint == nil || set.Fingerprint == *n.Fingerprint) {
			page = append(page, Candidate{number, set})
		}
	}
	slices.SortFunc(page, func(a, b Candidate) int { return cmp.Compare(a.Number, b.Number) })
	page = page[:min(limit, len(page))]
	m.answered(len(page))
	return page, nil
}

func (m *memory) DeliveriesBefore(_ context.Context, w DeliveryWindow) (page []DeliveryRow, err error) {
	m.inRange(w.From, w.Until.ReceivedAt)
	for _, d := range m.deliveries {
		if len(page) < w.Limit && d.ReceivedAt >= w.From && compareKeys(d.Key(), w.Until) <= 0 &&
			(w.Source == nil || d.Source == *w.Source) && (w.Receiver == nil || m.envelopes[d.Envelope].Receiver == *w.Receiver) {
			page = append(page, d)
		}
	}
	m.answered(len(page))
	return page, nil
}

func compareKeys(a, b DeliveryKey) int {
	return cmp.Or(cmp.Compare(a.ReceivedAt, b.ReceivedAt), cmp.Compare(a.Number, b.Number))
}

func (m *memory) EventsBefore(_ context.Context, w EventWindow, dst []EventRow) ([]EventRow, error) {
	m.inRange(w.From, w.To)
	if (len(w.LabelSets) == 0) == (len(w.Deliveries) == 0) {
		m.t.Errorf("%d label sets and %d deliveries", len(w.LabelSets), len(w.Deliveries))
	}
	start := len(dst)
	for _, e := range m.events {
		if len(dst)-start < w.Limit && e.ReceivedAt >= w.From && e.ReceivedAt <= w.To &&
			(w.Before == nil || compareKeys(e.Key(), DeliveryKey{w.Before.ReceivedAt, w.Before.Delivery}) < 0 ||
				e.Key() == DeliveryKey{w.Before.ReceivedAt, w.Before.Delivery} && e.Index < w.Before.Index) &&
			(w.LabelSets == nil || slices.Contains(w.LabelSets, e.LabelSet)) &&
			(w.Deliveries == nil || slices.Contains(w.Deliveries, e.Delivery)) &&
			(w.Status == nil || e.Status == *w.Status) {
			dst = append(dst, e)
		}
	}
	m.answered(len(dst) - start)
	return dst, nil
}

func (m *memory) inRange(times ...int64) {
	m.t.Helper()
	for _, at := range times {
		if at < FirstTime || at > LastTime {
			m.t.Errorf("asked for time %d", at)
		}
	}
}

func (m *memory) Deliveries(_ context.Context, keys []DeliveryKey) (map[DeliveryKey]DeliveryRow, error) {
	found := map[DeliveryKey]DeliveryRow{}
	for _, k := range keys {
		for _, d := range m.deliveries {
			if d.Key() == k {
				found[k] = d
			}
		}
	}
	return found, once(m.t, keys)
}

func (m *memory) LabelSets(_ context.Context, numbers []int64) (map[int64]*alert.LabelSet, error) {
	return m.sets, once(m.t, numbers)
}

func (m *memory) Details(_ context.Context, numbers []int64) (map[int64]*alert.Details, error) {
	found := map[int64]*alert.Details{}
	for _, n := range numbers {
		found[n] = &alert.Details{GeneratorURL: fmt.Sprint(n)}
	}
	return found, once(m.t, numbers)
}

func (m *memory) Envelopes(_ context.Context, numbers []int64) (map[int64]*alert.Envelope, error) {
	return m.envelopes, once(m.t, numbers)
}

func once[K comparable](t *testing.T, keys []K) error {
	t.Helper()
	seen := map[K]bool{}
	for _, k := range keys {
		if seen[k] {
			t.Errorf("%v asked for twice", k)
		}
		seen[k] = true
	}
	return nil
}
