package fold

import (
	"strings"

	"stormdrain/internal/alert"
)

// Limit is the limit of a store's Pending. An alert that was never seen takes two
// of it, and some 170 bytes.
const Limit = 1 << 16

// Pending is what a store has committed and not folded, added up: consecutive
// receipts of an alert that say the same are one run, so a storm of the same alerts
// takes what one round of it takes. It covers consecutive positions of one journal.
//
// It belongs to one goroutine at a time. Its room is used again.
type Pending struct {
	limit int

	journal  alert.ID
	from, to uint64
	events   int64

	alerts  []Alert
	places  map[place]int32 // in alerts
	runs    []run
	others  []other
	tallies []Tally // of minutes that are over; that of the present one is with its alert
	sources []Source
	named   map[string]int32 // in sources

	// ---- the delivery at hand ----
	source     int32
	receivedAt int64
	minute     int64
	envelope   int64

	sorted  []*Alert // scratch
	minutes []Tally
}

// place is a key of numbers that we gave: nobody can choose ones that collide.
type place struct{ set, source int64 }

// Alert is one alert that has something pending.
type Alert struct {
	Set    int64 // number of its label set
	Source int   // place in Sources

	first, last int32 // of its runs
	tally       Tally
}

// run is some receipts in a row of one alert that say the same.
type run struct {
	status           alert.Status
	startsAt, endsAt alert.Time
	receipts         int64
	firstAt, lastAt  int64 // received
	details          int64 // of the last
	envelope         int64 // of the last
	others           int32 // envelopes before the last one, in Pending.others; -1: none
	next             int32 // run of the same alert; -1: none
}

// other is an envelope by which a run came, too.
type other struct {
	envelope int64
	next     int32
}

// Tally counts the events of one label set that were received in one minute.
type Tally struct {
	Minute   int64 // its beginning, microseconds since 1970
	Set      int64
	Firing   int64
	Resolved int64
}

// NewPending returns one that lets go at limit.
func NewPending(limit int) *Pending {
	return &Pending{limit: limit, places: map[place]int32{}, named: map[string]int32{}}
}

// Add takes a batch that is committed, with the number of each of its entries. Where
// it does not follow on what is pending, or is too much, Pending lets go of
// everything: then From is above the folded position, and the store reads the
// events between again. It keeps nothing of b.
func (p *Pending) Add(b *alert.Batch, numbers []int64) {
	if b.Journal != p.journal || b.From != p.to {
		p.Begin(b.Journal, b.From)
	}
	next := 0
	for i := range b.Deliveries {
		d := &b.Deliveries[i]
		p.Deliver(d.Source, d.ReceivedAt, numbers[d.Envelope], d.TruncatedAlerts)
		for ; next < len(b.Events) && int(b.Events[next].Delivery) == i; next++ {
			e := &b.Events[next]
			p.Receive(numbers[e.Labels], numbers[e.Details], e.Status, e.StartsAt, e.EndsAt)
		}
		if p.used() > p.limit {
			p.Begin(b.Journal, b.To)
			return
		}
	}
	p.to = b.To
}

// Begin forgets everything, and goes on behind a position.
func (p *Pending) Begin(journal alert.ID, from uint64) {
	if p.used() > 0 { // else nothing tells what room is needed
		p.Reset()
	}
	p.journal, p.from, p.to = journal, from, from
}

// Deliver begins a delivery.
func (p *Pending) Deliver(source string, receivedAt, envelope int64, truncated uint64) {
	p.receivedAt, p.envelope = receivedAt, envelope
	p.minute = minuteOf(receivedAt)
	if n := int(p.source); n >= len(p.sources) || p.sources[n].Name != source {
		at, ok := p.named[source]
		if !ok {
			at = int32(len(p.sources))
			source = strings.Clone(source)
			p.sources = append(p.sources, Source{Name: source})
			p.named[source] = at
		}
		p.source = at
	}
	p.sources[p.source].deliver(receivedAt, truncated)
}

// Receive takes an event of the delivery that was begun last.
func (p *Pending) Receive(set, details int64, status alert.Status, startsAt, endsAt alert.Time) {
	p.events++
	key := place{set, int64(p.source)}
	at, ok := p.places[key]
	if !ok {
		at = int32(len(p.alerts))
		p.alerts = append(p.alerts, Alert{Set: set, Source: int(p.source), first: -1, last: -1, tally: Tally{Minute: p.minute, Set: set}})
		p.places[key] = at
	}
	a := &p.alerts[at]
	p.count(a, status)
	if a.last >= 0 {
		if r := &p.runs[a.last]; r.status == status && r.startsAt == startsAt && r.endsAt == endsAt {
			p.repeat(r, details)
			return
		}
	}
	n := int32(len(p.runs))
	p.runs = append(p.runs, run{
		status: status, startsAt: startsAt, endsAt: endsAt, receipts: 1, firstAt: p.receivedAt, lastAt: p.receivedAt,
		details: details, envelope: p.envelope, others: -1, next: -1,
	})
	if a.last < 0 {
		a.first = n
	} else {
		p.runs[a.last].next = n
	}
	a.last = n
}

func (p *Pending) count(a *Alert, status alert.Status) {
	if a.tally.Minute != p.minute {
		p.tallies = append(p.tallies, a.tally)
		a.tally = Tally{Minute: p.minute, Set: a.Set}
	}
	if status == alert.Resolved {
		a.tally.Resolved++
	} else {
		a.tally.Firing++
	}
}

func (p *Pending) repeat(r *run, details int64) {
	r.receipts++
	r.firstAt, r.lastAt = min(r.firstAt, p.receivedAt), max(r.lastAt, p.receivedAt)
	r.details = details
	if r.envelope == p.envelope {
		return
	}
	// The list is looked at for as many as one alert has twins and receivers. A
	// sender with an envelope of its own for each delivery makes it long, and
	// has it folded the sooner.
	last, enough := r.envelope, 8
	r.envelope = p.envelope
	for n := r.others; n >= 0 && enough > 0; n = p.others[n].next {
		if p.others[n].envelope == last {
			return
		}
		enough--
	}
	p.others = append(p.others, other{last, r.others})
	r.others = int32(len(p.others) - 1)
}

// Reach says that everything up to a position was given.
func (p *Pending) Reach(to uint64) { p.to = to }

// Journal, From and To say what is pending: the positions in (From, To].
func (p *Pending) Journal() alert.ID { return p.journal }

// From is the position before what is pending.
func (p *Pending) From() uint64 { return p.from }

// To is the last position that is pending.
func (p *Pending) To() uint64 { return p.to }

// Events returns how many are pending.
func (p *Pending) Events() int64 { return p.events }

// Filled returns how much of the limit is used.
func (p *Pending) Filled() float64 { return float64(p.used()) / float64(p.limit) }

func (p *Pending) used() int {
	return len(p.alerts) + len(p.runs) + len(p.others) + len(p.tallies) + len(p.sources)
}

// Behind says up to which position events must be read from the tables before what
// is pending can be folded, when a journal is folded and stored up to these
// positions: folded itself when nothing must. It lets go of what others have folded.
func (p *Pending) Behind(journal alert.ID, folded, stored uint64) (upTo uint64) {
	if journal != p.journal {
		return stored
	}
	if p.from < folded {
		p.Begin(journal, p.to)
	}
	if p.to <= folded {
		return stored
	}
	return min(p.from, stored)
}

// keptRoom is how much of the room for runs and the like is always kept.
const keptRoom = 1 << 12

// Reset forgets what is pending, which is folded now, and goes on behind it. Room that
// is much more than was needed this time is given back.
func (p *Pending) Reset() {
	if cap(p.runs) > keptRoom && len(p.runs) < cap(p.runs)/8 || cap(p.others)+cap(p.tallies) > p.limit {
		*p = Pending{limit: p.limit, journal: p.journal, to: p.to, places: map[place]int32{}, named: map[string]int32{}}
	}
	clear(p.places)
	clear(p.named)
	clear(p.sources)
	clear(p.sorted)
	p.alerts, p.runs, p.others, p.tallies, p.sources = p.alerts[:0], p.runs[:0], p.others[:0], p.tallies[:0], p.sources[:0]
	p.sorted, p.minutes = p.sorted[:0], p.minutes[:0]
	p.from, p.events, p.source = p.to, 0, 0
}

const minute = 60_000_000 // microseconds

// minuteOf returns the beginning of the minute, also before 1970.
func minuteOf(at int64) int64 {
	rest := at % minute
	if rest < 0 {
		rest += minute
	}
	return at - rest
}
