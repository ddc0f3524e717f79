package alert

// Recorded is one event of Alertmanager's event recorder (0.33 and later): what
// happened to an alert inside it, from its creation to its resolve.
type Recorded struct {
	// ID is the content: a sender tries again after an unclear failure, and the same
	// instance, time and content are the same event.
	ID         ID
	ReceivedAt int64  // microseconds since 1970
	Source     string // from the path or empty
	At         Time   // "@timestamp"
	Instance   string
	Kind       string // the key below "data": alertCreated, silenceMutedAlert and so on
	// Fingerprints are those of the alerts that it is about, sorted, each once. What
	// inhibits an alert is in Body only: a node that is down would have the story of
	// all its pods in its own.
	Fingerprints []uint64
	Silence      string // the silence's id; empty for none
	Body         []byte // the event as it was sent, JSON
}

// RecordedQuery asks for recorded events, newest first: by (At, Number) descending.
type RecordedQuery struct {
	From, To    int64 // At in [From, To), microseconds since 1970
	Fingerprint *uint64
	Kinds       []string // empty: any
	Instance    *string
	Silence     *string
	Limit       int // 0: no limit
	After       *RecordedCursor
}

// RecordedCursor is the place of an event in the order of a RecordedQuery.
type RecordedCursor struct {
	At     int64 // microseconds since 1970
	Number int64
}

// StoredRecorded is an event as it is read back, with the store's number for it.
type StoredRecorded struct {
	Number int64
	Recorded
}

// Cursor returns the place of r.
func (r *StoredRecorded) Cursor() RecordedCursor {
	return RecordedCursor{At: r.At.Micros, Number: r.Number}
}
