package alert

// Query asks for stored events, newest first: by (ReceivedAt, Delivery, Index),
// descending. Times are microseconds since 1970.
type Query struct {
	From     int64 // received at or after; math.MinInt64 for no bound
	To       int64 // received before; math.MaxInt64 for no bound
	Matchers []*Matcher

	// nil: any
	Status      *Status
	Receiver    *string
	Source      *string
	Fingerprint *uint64

	Limit int     // 0: no limit
	After *Cursor // only events that come after this one in the order above
}

// Cursor is the place of one event in the order of a Query.
type Cursor struct {
	ReceivedAt int64
	Delivery   int64
	Index      int32
}

// Stored is an event as it is read back. All slices and strings belong to the
// reader of the query; stores share them between events, so they are read-only.
type Stored struct {
	Delivery   int64 // the store's number for the delivery, see DeliveryNumber
	Index      int32
	ReceivedAt int64 // microseconds since 1970

	Source          string
	RequestID       string
	TruncatedAlerts uint64
	Status          Status
	StartsAt        Time
	EndsAt          Time // NoTime when open

	Labels   *LabelSet
	Details  *Details
	Envelope *Envelope
}

// Cursor returns the place of s.
func (s *Stored) Cursor() Cursor {
	return Cursor{ReceivedAt: s.ReceivedAt, Delivery: s.Delivery, Index: s.Index}
}

// seqBits leaves 2^15 journals to a store and 2^48 deliveries to a journal:
// two centuries at 40 000 a second.
const seqBits = 48

// DeliveryNumber makes the number by which a store knows a delivery out of its
// number for the journal (from 1) and the position in it. It follows from the
// journal alone, so a delivery stored twice would show.
func DeliveryNumber(journal int32, seq uint64) int64 {
	return int64(journal)<<seqBits | int64(seq)
}

// SplitDelivery is the inverse of DeliveryNumber.
func SplitDelivery(n int64) (journal int32, seq uint64) {
	return int32(n >> seqBits), uint64(n) & (1<<seqBits - 1)
}
