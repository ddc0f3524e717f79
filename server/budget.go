package server

import (
	"container/list"
	"sync"
	"time"
)

// budget is the memory that all bodies in flight share: a semaphore weighted by
// bytes. Whoever waits is served in the order of arrival, so that a large body
// is not overtaken by small ones for ever.
//
// Half-read bodies that hold everything and wait for more cannot block each
// other for good: every wait ends at its request's deadline, and what its
// request held comes free.
type budget struct {
	mu      sync.Mutex
	free    int64
	waiting list.List // of *claim, oldest first
}

type claim struct {
	bytes   int64
	granted chan struct{}
}

func newBudget(bytes int64) *budget { return &budget{free: bytes} }

// acquire takes n bytes, and waits for them until the deadline if it must. It
// reports whether it got them.
func (b *budget) acquire(n int64, deadline time.Time) bool {
	b.mu.Lock()
	if b.free >= n && b.waiting.Len() == 0 {
		b.free -= n
		b.mu.Unlock()
		return true
	}
	c := &claim{bytes: n, granted: make(chan struct{})}
	place := b.waiting.PushBack(c)
	b.mu.Unlock()

	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-c.granted:
		return true
	case <-timer.C:
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-c.granted: // in the moment between the timer and the lock
		return true
	default:
	}
	b.waiting.Remove(place)
	b.grantLocked() // those behind may want less
	return false
}

// release gives n bytes back. It never waits.
func (b *budget) release(n int64) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	b.free += n
	b.grantLocked()
	b.mu.Unlock()
}

func (b *budget) grantLocked() {
	for first := b.waiting.Front(); first != nil; first = b.waiting.Front() {
		c := first.Value.(*claim)
		if c.bytes > b.free {
			return
		}
		b.free -= c.bytes
		b.waiting.Remove(first)
		close(c.granted)
	}
}
