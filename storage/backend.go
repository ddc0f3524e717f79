package storage

import (
	"context"

	"stormdrain/internal/alert"
)

// Backend is what a store offers to Search: small reads of its tables, each
// finished when it returns, with no transaction left open. Strings are the
// original ones: a backend applies Unescape to what it reads and Escape to what
// it compares. Times are microseconds since 1970 within FirstTime and LastTime.
//
// A backend decides nothing about the order or the plan; Search decides nothing
// about SQL. Search calls from one goroutine.
type Backend interface {
	// Span returns when the oldest and the newest delivery were received; ok is
	// false when there is none.
	Span(ctx context.Context) (oldest, newest int64, ok bool, err error)

	Dictionary

	// DeliveriesBefore returns deliveries newest first, by (ReceivedAt, Number)
	// descending, through the index on them.
	DeliveriesBefore(ctx context.Context, w DeliveryWindow) ([]DeliveryRow, error)

	// EventsBefore appends events to dst newest first, by (ReceivedAt,
	// Delivery, Index) descending.
	EventsBefore(ctx context.Context, w EventWindow, dst []EventRow) ([]EventRow, error)

	// Deliveries returns what it finds of what is asked for; each key occurs once.
	Deliveries(ctx context.Context, keys []DeliveryKey) (map[DeliveryKey]DeliveryRow, error)
}

// Dictionary is what events and episodes refer to by numbers.
type Dictionary interface {
	// Candidates returns up to limit label sets with a number above after, by
	// number, ascending. It leaves out those that n excludes where an index
	// tells, and may return more than n asks for: the search tests each.
	Candidates(ctx context.Context, n Narrowing, after int64, limit int) ([]Candidate, error)

	// The rest returns what it finds of what is asked for; each number occurs once.
	LabelSets(ctx context.Context, numbers []int64) (map[int64]*alert.LabelSet, error)
	Details(ctx context.Context, numbers []int64) (map[int64]*alert.Details, error)
	Envelopes(ctx context.Context, numbers []int64) (map[int64]*alert.Envelope, error)
}

// The first and the last microsecond of the years 0 to 9999. Search asks for
// nothing outside, so a backend can convert every time.
const (
	FirstTime = -62167219200_000000
	LastTime  = 253402300799_999999
)

// Narrowing is what an index can tell about label sets.
type Narrowing struct {
	Equal       []alert.Pair // labels that must be there with this value, which is not empty; a name may come twice
	Fingerprint *uint64      // nil: any
}

// Candidate is a label set with its number in the dictionary.
type Candidate struct {
	Number int64
	Set    *alert.LabelSet
}

// DeliveryKey is the place of a delivery in the order of Search.
type DeliveryKey struct{ ReceivedAt, Number int64 }

// DeliveryWindow asks for deliveries.
type DeliveryWindow struct {
	From     int64       // received at or after
	Until    DeliveryKey // (ReceivedAt, Number) at or before
	Source   *string     // nil: any
	Receiver *string     // the envelope's; nil: any
	// Truncated leaves out those with all of their alerts.
	Truncated bool
	Limit     int
}

// DeliveryRow is a delivery as it is stored.
type DeliveryRow struct {
	ReceivedAt      int64
	Number          int64 // alert.DeliveryNumber
	Envelope        int64 // its number in the dictionary
	Events          int64 // how many events came with it: Search sizes its pages by it
	TruncatedAlerts uint64
	Source          string
	RequestID       string
}

// Key returns the place of d.
func (d *DeliveryRow) Key() DeliveryKey { return DeliveryKey{d.ReceivedAt, d.Number} }

// EventWindow asks for events: of some label sets through the index on
// (label set, received at), or of some deliveries through what bounds the
// times. Exactly one of LabelSets and Deliveries is given.
type EventWindow struct {
	From, To   int64         // received at, both included
	Before     *alert.Cursor // (ReceivedAt, Delivery, Index) below; nil: no bound but To
	LabelSets  []int64       // numbers, ascending, up to some thousands
	Deliveries []int64       // numbers, descending in the order of Search, up to some thousands
	Status     *alert.Status // nil: any
	Limit      int
}

// EventRow is an event as it is stored.
type EventRow struct {
	ReceivedAt int64
	Delivery   int64
	Index      int32
	Status     alert.Status
	StartsAt   alert.Time
	EndsAt     alert.Time // NoTime when open
	LabelSet   int64      // numbers in the dictionaries
	Details    int64
}

// Key returns the delivery that e came with.
func (e *EventRow) Key() DeliveryKey { return DeliveryKey{e.ReceivedAt, e.Delivery} }

// Cursor returns the place of e.
func (e *EventRow) Cursor() alert.Cursor {
	return alert.Cursor{ReceivedAt: e.ReceivedAt, Delivery: e.Delivery, Index: e.Index}
}
