package live

import (
	"sync"
	"sync/atomic"

	"stormdrain/internal/alert"
)

// Reader is one who listens. Ready, Take and Close are for one goroutine.
type Reader struct {
	hub      *Hub
	query    alert.Query
	maxBytes atomic.Int64

	// ---- of the batch at hand; under hub.mu ----
	verdicts []verdict // of its entries
	missed   uint64    // its events that are lost

	ready chan struct{} // one message: there may be something to take

	mu     sync.Mutex
	queue  []waiting
	first  int // queue[:first] has been taken
	bytes  int // of what waits
	losing bool
	lost   uint64 // since the last of queue
}

type waiting struct {
	event *alert.Stored
	size  int
	lost  uint64 // before it
}

// Line is what a reader is told: an event, or how many it has lost since the
// line before.
type Line struct {
	Event *alert.Stored // shared with other readers, so read-only; nil: Lost
	Lost  uint64
}

// Ready yields when there may be something to take.
func (r *Reader) Ready() <-chan struct{} { return r.ready }

// Take returns the next line, in the order in which events were stored; false
// when there is none yet.
func (r *Reader) Take() (Line, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.first == len(r.queue) {
		lost := r.lost
		r.lost = 0
		return Line{Lost: lost}, lost > 0
	}
	w := &r.queue[r.first]
	if lost := w.lost; lost > 0 {
		w.lost = 0
		return Line{Lost: lost}, true
	}
	line := Line{Event: w.event}
	r.bytes -= w.size
	*w = waiting{}
	if r.first++; r.first == len(r.queue) {
		r.queue, r.first = r.queue[:0], 0
	}
	return line, true
}

// Close ends listening. It may be called twice.
func (r *Reader) Close() { r.hub.forget(r) }

// verdict is what the query says of one label set or envelope.
type verdict uint8

const (
	unknown verdict = iota
	wanted
	unwanted
)

func verdictOf(ok bool) verdict {
	if ok {
		return wanted
	}
	return unwanted
}

// wants reports whether e is what r asks for. What cannot be decoded is: then
// it is counted as lost.
func (r *Reader) wants(d *decoder, b *alert.Batch, e *alert.Event) bool {
	q := &r.query
	if q.Status != nil && *q.Status != e.Status {
		return false
	}
	delivery := &b.Deliveries[e.Delivery]
	if q.Source != nil && *q.Source != delivery.Source {
		return false
	}
	if q.Receiver != nil && !r.wantsEntry(delivery.Envelope, func() bool {
		v, ok := d.envelope(delivery.Envelope)
		return !ok || v.Receiver == *q.Receiver
	}) {
		return false
	}
	return len(q.Matchers) == 0 && q.Fingerprint == nil || r.wantsEntry(e.Labels, func() bool {
		set, ok := d.labels(e.Labels)
		return !ok || (q.Fingerprint == nil || *q.Fingerprint == set.Fingerprint) && alert.MatchAll(q.Matchers, set.Labels)
	})
}

// wantsEntry asks once a batch.
func (r *Reader) wantsEntry(entry int32, ask func() bool) bool {
	if r.verdicts[entry] == unknown {
		r.verdicts[entry] = verdictOf(ask())
	}
	return r.verdicts[entry] == wanted
}

// hasRoom reports whether one more event may wait. Who has lost one loses more
// until half of the room is free, or events and losses would come by turns.
func (r *Reader) hasRoom() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	events, bytes := maxEvents, int(r.maxBytes.Load())
	if r.losing {
		events, bytes = events/2, bytes/2
	}
	// One is let in whatever its size, when nothing else waits.
	waiting := len(r.queue) - r.first
	r.losing = waiting > 0 && (waiting >= events || r.bytes >= bytes)
	return !r.losing
}

func (r *Reader) put(e *alert.Stored, size int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == cap(r.queue) && r.first >= len(r.queue)/2 {
		n := copy(r.queue, r.queue[r.first:])
		clear(r.queue[n:])
		r.queue, r.first = r.queue[:n], 0
	}
	r.queue = append(r.queue, waiting{event: e, size: size, lost: r.lost})
	r.bytes += size
	r.lost = 0
}

// wake tells the reader, when there is something to tell. The message stays
// until it is taken, so that a second one is not needed.
func (r *Reader) wake() {
	r.mu.Lock()
	r.lost += r.missed
	r.hub.lost.Add(r.missed)
	r.missed = 0
	some := r.first < len(r.queue) || r.lost > 0
	r.mu.Unlock()
	if !some {
		return
	}
	select {
	case r.ready <- struct{}{}:
	default:
	}
}
