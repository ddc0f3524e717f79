package storage

import (
	"context"
	"math"

	"stormdrain/internal/alert"
)

// Truncater finds deliveries that left alerts out.
type Truncater interface {
	// Truncated returns them newest first. It looks through every delivery of the
	// range until it has enough: an index would be written a million times for
	// each time that it is read, since few senders ever leave anything out.
	Truncated(ctx context.Context, q *alert.TruncatedQuery) ([]alert.Truncated, error)
}

// truncatedStep is how much of a range is looked through with one read, in
// microseconds: a longer one would keep a snapshot for too long.
const truncatedStep = 3600e6

// FindTruncated answers q from b as Truncated promises.
func FindTruncated(ctx context.Context, b Backend, q *alert.TruncatedQuery) (out []alert.Truncated, err error) {
	oldest, newest, ok, err := b.Span(ctx)
	if err != nil || !ok || q.From >= q.To || q.To <= oldest {
		return nil, err
	}
	from, last := max(q.From, oldest), min(q.To-1, newest)
	for from <= last && len(out) < q.Limit {
		begin := max(from, last-truncatedStep+1)
		found, err := b.DeliveriesBefore(ctx, DeliveryWindow{
			From: begin, Until: DeliveryKey{last, math.MaxInt64}, Limit: q.Limit - len(out), Truncated: true,
		})
		if err != nil {
			return nil, err
		}
		for i := range found {
			d := &found[i]
			out = append(out, alert.Truncated{ReceivedAt: d.ReceivedAt, Source: d.Source, Alerts: d.TruncatedAlerts})
		}
		last = begin - 1
	}
	return out, nil
}
