package alert

// Batch is what the pipeline hands to a store: whole deliveries in the order
// of their journal, and every dictionary entry that they refer to. One that two
// segments of the journal define may be there twice: a store gives both one
// number, and need look only at those that it does not know. The caller owns it; a store reads it until Write returns and keeps nothing.
type Batch struct {
	Journal ID
	From    uint64 // the position that the store must have before
	To      uint64 // the position that it has after; the last delivery's, or beyond

	Entries    []Entry // referred to by index, below
	Deliveries []Delivery
	Events     []Event // in the order of their deliveries

	// Recorded came by the recorder's endpoint. They are of no Delivery, and one may
	// be there twice, or be stored already: a store keeps the first.
	Recorded []Recorded
}

// Entry is a dictionary entry: a store that knows a number for ID never asks
// for the content.
type Entry interface {
	Kind() EntryKind
	ID() ID
	// Content returns the canonical encoding, for DecodeLabelSet and its
	// siblings. It may read the disk. Valid until Write returns.
	Content() ([]byte, error)
}

// Delivery is one request that was answered with 2xx.
type Delivery struct {
	Seq             uint64 // its position in the journal, from 1
	ReceivedAt      int64  // microseconds since 1970, never decreasing in a journal
	Source          string
	RequestID       string
	Envelope        int32 // index in Batch.Entries
	TruncatedAlerts uint64
}

// Event is one alert of one delivery.
type Event struct {
	Delivery int32 // index in Batch.Deliveries
	Index    int32 // in the array that was sent; rejected elements leave gaps
	Status   Status
	Labels   int32 // index in Batch.Entries
	Details  int32 // index in Batch.Entries
	StartsAt Time
	EndsAt   Time // NoTime when open
}
