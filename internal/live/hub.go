// Package live hands what has just been stored to those who listen, and waits
// for none of them: who is too slow loses events, and is told how many.
package live

import (
	"slices"
	"sync"
	"sync/atomic"

	"stormdrain/internal/alert"
)

// Hub stands between the goroutine that stores and the readers. As long as
// nobody listens it costs the former one atomic load a batch. The zero value is
// ready.
type Hub struct {
	listening atomic.Int32 // len(readers)
	lost      atomic.Uint64

	mu      sync.Mutex
	readers []*Reader
	decoder decoder // of the batch at hand
}

// Listening reports whether Publish would find anybody.
func (h *Hub) Listening() bool { return h.listening.Load() > 0 }

// Readers counts those who listen.
func (h *Hub) Readers() int { return int(h.listening.Load()) }

// Lost counts the events that readers were too slow for.
func (h *Hub) Lost() uint64 { return h.lost.Load() }

// Listen returns a reader of what is stored from now on and is what q asks for;
// its bounds of time, its limit and its cursor are not looked at.
func (h *Hub) Listen(q *alert.Query) *Reader {
	r := &Reader{hub: h, query: *q, ready: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.readers = append(h.readers, r)
	h.share()
	return r
}

func (h *Hub) forget(r *Reader) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := slices.Index(h.readers, r)
	if i < 0 {
		return
	}
	h.readers = slices.Delete(h.readers, i, i+1)
	if len(h.readers) == 0 {
		h.decoder = decoder{}
	}
	h.share()
}

// What is kept for readers who are behind. A batch must fit, or a storm would
// cost also a quick reader events; and all readers together have a bound.
const (
	maxEvents   = 16384
	maxBytes    = 8 << 20
	maxAllBytes = 64 << 20
)

// share gives each reader its part of the memory, after readers has changed.
func (h *Hub) share() {
	h.listening.Store(int32(len(h.readers)))
	for _, r := range h.readers {
		r.maxBytes.Store(int64(min(maxBytes, maxAllBytes/len(h.readers))))
	}
}

// Publish shows the readers a batch that was committed; journal is the store's
// number for its journal. The batch is lent. It decodes what somebody wants to
// know, once, and only counts for those who have no room: it never waits.
func (h *Hub) Publish(journal int32, b *alert.Batch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.decoder.begin(b)
	defer h.decoder.end()
	for _, r := range h.readers {
		r.verdicts = slices.Grow(r.verdicts[:0], len(b.Entries))[:len(b.Entries)]
		clear(r.verdicts)
	}
	for i := range b.Events {
		h.publish(journal, b, &b.Events[i])
	}
	for _, r := range h.readers {
		r.wake()
	}
}

func (h *Hub) publish(journal int32, b *alert.Batch, e *alert.Event) {
	var whole *alert.Stored // made when the first reader has room for it
	var size int
	for _, r := range h.readers {
		if !r.wants(&h.decoder, b, e) {
			continue
		}
		if r.missed > 0 || !r.hasRoom() {
			r.missed++ // and so with the rest of the batch: no more is asked of a slow reader
			continue
		}
		if whole == nil {
			var ok bool
			if whole, size, ok = h.decoder.whole(journal, b, e); !ok {
				r.missed++ // the journal cannot be read; the store has the event
				continue
			}
		}
		r.put(whole, size)
	}
}
