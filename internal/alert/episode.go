package alert

// Episode is one firing of one alert: every receipt of the same source and label
// set that belongs to the same beginning, folded together. A receipt belongs to
//
//  1. the episode that has had its startsAt; else
//  2. if it is earlier, the alert's open episode, which from then on begins there:
//     Alertmanager moves startsAt back when it merges; else
//  3. a new episode. The open one before it, if there is one, is superseded.
//
// Receipts are folded in the order of their journal; between journals, in the order
// in which their processes fold. Retries, HA twins and repeats count, and change
// nothing else. A resolve ends the episode, wherever in the order it comes: a firing
// receipt of the same beginning leaves it ended, for it may be a flush that was
// retried, unless it was received more than StaleAfter after the last resolve: then
// Alertmanager itself had taken the alert for resolved, and it goes on.
type Episode struct {
	Number int64 // the store's; breaks ties in the order of an EpisodeQuery

	Source   string
	StartsAt Time // the earliest
	EndsAt   Time // the latest that a resolve named; NoTime while none has come
	Status   Status
	// Superseded is the beginning of the next episode where that came without a
	// resolve of this one, so that nobody knows when this one ended. NoTime
	// otherwise, and again when the resolve comes after all.
	Superseded Time

	FirstReceivedAt int64 // microseconds since 1970
	LastReceivedAt  int64
	Receipts        int64
	Unfired         bool // only resolves came

	Receivers []string // every receiver that it came by, sorted

	Labels   *LabelSet
	Details  *Details  // of the last receipt
	Envelope *Envelope // of the last receipt
}

// StaleAfter is how long after a resolve a firing receipt of the same beginning is
// taken for one that was on its way: longer than the default group_interval, which
// bounds how long Alertmanager retries a flush, and its peers' timeouts. In
// microseconds.
const StaleAfter = 10 * 60 * 1_000_000

// Open reports whether e is firing, as far as anybody knows.
func (e *Episode) Open() bool { return e.Status == Firing && e.Superseded.IsNone() }

// Until returns when e ended: EndsAt, or else Superseded; NoTime when it is open.
func (e *Episode) Until() Time {
	if e.Status == Resolved {
		return e.EndsAt
	}
	return e.Superseded
}

// Cursor returns the place of e.
func (e *Episode) Cursor() EpisodeCursor {
	return EpisodeCursor{StartsAt: e.StartsAt.Micros, Number: e.Number}
}

// EpisodeQuery asks for episodes, newest first: by (StartsAt in microseconds,
// Number), descending. Times are microseconds since 1970, and nanoseconds beyond
// them, for episodes have theirs to the nanosecond.
type EpisodeQuery struct {
	// From and To: episodes that overlap [From, To). One that begins and ends at
	// the same instant overlaps what holds the instant. math.MinInt64 and
	// math.MaxInt64 for no bound.
	From, To int64
	At       *int64 // firing at that moment: StartsAt <= At < Until; nil: any
	Open     bool   // only those that are Open
	Matchers []*Matcher

	FromNanos, ToNanos, AtNanos uint16 // beyond the microseconds, 0 to 999

	// nil: any
	Status      *Status
	Receiver    *string // among Receivers
	Source      *string
	Fingerprint *uint64

	Limit int            // 0: no limit
	After *EpisodeCursor // only what comes after this one in the order above

	// Bare leaves Details, Envelope and Receivers nil, for who counts.
	Bare bool
}

// Begins returns From, Ends To, and Moment At to the nanosecond.
func (q *EpisodeQuery) Begins() Time { return Time{q.From, q.FromNanos} }
func (q *EpisodeQuery) Ends() Time   { return Time{q.To, q.ToNanos} }
func (q *EpisodeQuery) Moment() Time { return Time{*q.At, q.AtNanos} }

// WantsTimes reports whether q asks for e by its times: From, To, At and Open. What
// ends before it begins is on at no moment, and belongs to the ranges that hold both.
func (q *EpisodeQuery) WantsTimes(e *Episode) bool {
	until, from := e.Until(), q.Begins()
	if q.Open && !e.Open() || !e.StartsAt.Before(q.Ends()) {
		return false
	}
	if !until.IsNone() && (until.Before(from) || until == from && e.StartsAt.Before(from)) {
		return false
	}
	if q.At == nil {
		return true
	}
	at := q.Moment()
	return !at.Before(e.StartsAt) && (until.IsNone() || at.Before(until))
}

// EpisodeCount is what is counted of the episodes of one alert: of a source and a
// label set.
type EpisodeCount struct {
	Source string
	Labels *LabelSet

	Episodes   int64
	Receipts   int64
	Open       int64
	Unresolved int64   // superseded
	Lengths    []int64 // of the resolved ones, in microseconds, in no order
}

// Add counts an episode.
func (c *EpisodeCount) Add(e *Episode) {
	c.Episodes++
	c.Receipts += e.Receipts
	switch {
	case e.Open():
		c.Open++
	case e.Status == Firing:
		c.Unresolved++
	case !e.EndsAt.IsNone():
		// A clock that was set back must not make a time to resolve negative.
		c.Lengths = append(c.Lengths, max(0, e.EndsAt.Micros-e.StartsAt.Micros))
	}
}

// EpisodeCursor is the place of an episode in the order of an EpisodeQuery.
type EpisodeCursor struct {
	StartsAt int64 // microseconds since 1970
	Number   int64
}

// Source is what is known of a sending cluster, kept with the episodes.
type Source struct {
	Name       string
	FirstAt    int64 // received, microseconds since 1970
	LastAt     int64
	Deliveries int64
	Truncated  uint64 // alerts that its Alertmanagers left out, see max_alerts
	// Rhythm is the longest usual pause between two deliveries, in microseconds: a
	// longer one counts at once, and fades by a tenth with each delivery. 0: unknown.
	Rhythm int64
}

// Minute counts the events received in one minute with one severity.
type Minute struct {
	At       int64 // its beginning, microseconds since 1970
	Severity string
	Firing   int64
	Resolved int64
}

// LabelQuery asks for what a person may go on typing: names of labels, or the
// values of one.
type LabelQuery struct {
	Name   string // of the label whose values are wanted; empty: names
	Prefix string
	Limit  int
}

// Truncated is a delivery that said it leaves alerts out, because there were more
// than Alertmanager's max_alerts.
type Truncated struct {
	ReceivedAt int64 // microseconds since 1970
	Source     string
	Alerts     uint64 // that were left out
}

// TruncatedQuery asks for such deliveries, newest first.
type TruncatedQuery struct {
	From, To int64 // received in [From, To), microseconds since 1970
	Limit    int   // above 0
}
