package storagetest

import (
	"cmp"
	"slices"

	"stormdrain/internal/alert"
)

// Model is a store in the plainest form: a slice of all events, filtered and
// sorted for each question. Stores are compared with it.
type Model struct {
	events []*alert.Stored
}

// Add appends the events of a delivery. number is the store's number for it.
func (m *Model) Add(d *Delivery, number int64) {
	for i := range d.Alerts {
		a := &d.Alerts[i]
		m.events = append(m.events, &alert.Stored{
			Delivery: number, Index: a.Index, ReceivedAt: d.ReceivedAt,
			Source: d.Source, RequestID: d.RequestID, TruncatedAlerts: d.TruncatedAlerts,
			Status: a.Status, StartsAt: a.StartsAt, EndsAt: a.EndsAt,
			Labels: &a.Labels, Details: &a.Details, Envelope: &d.Envelope,
		})
	}
}

// Events answers q.
func (m *Model) Events(q *alert.Query) (answer []*alert.Stored) {
	for _, e := range m.events {
		if wanted(q, e) {
			answer = append(answer, e)
		}
	}
	slices.SortFunc(answer, func(a, b *alert.Stored) int { return compare(b.Cursor(), a.Cursor()) })
	if q.Limit > 0 && len(answer) > q.Limit {
		answer = answer[:q.Limit]
	}
	return answer
}

func wanted(q *alert.Query, e *alert.Stored) bool {
	return e.ReceivedAt >= q.From && e.ReceivedAt < q.To &&
		(q.Status == nil || *q.Status == e.Status) &&
		(q.Receiver == nil || *q.Receiver == e.Envelope.Receiver) &&
		(q.Source == nil || *q.Source == e.Source) &&
		(q.Fingerprint == nil || *q.Fingerprint == e.Labels.Fingerprint) &&
		(q.After == nil || compare(e.Cursor(), *q.After) < 0) &&
		alert.MatchAll(q.Matchers, e.Labels.Labels)
}

func compare(a, b alert.Cursor) int {
	return cmp.Or(cmp.Compare(a.ReceivedAt, b.ReceivedAt), cmp.Compare(a.Delivery, b.Delivery), cmp.Compare(a.Index, b.Index))
}
