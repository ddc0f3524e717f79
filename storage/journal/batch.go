package journal

import (
	"sync"
	"sync/atomic"
)

// batch is what the Appends wait for that go to the disk with one fdatasync.
// It is used again when the last of them has left, so that an Append does not
// allocate.
type batch struct {
	refs atomic.Int32 // waiters, and one for the journal until finish

	mu       sync.RWMutex
	cond     *sync.Cond // on mu's read side, so that waiters do not queue for each other
	finished bool
	durable  uint64 // frames up to here are on the disk
	err      error  // what became of the others
}

func newBatch() *batch {
	b := &batch{}
	b.cond = sync.NewCond(b.mu.RLocker())
	b.refs.Store(1)
	return b
}

// reset makes b ready for use; nobody waits for it any more.
func (b *batch) reset() {
	b.finished, b.durable, b.err = false, 0, nil
	b.refs.Store(1)
}

func (b *batch) finish(durable uint64, err error) {
	b.mu.Lock()
	b.finished, b.durable, b.err = true, durable, err
	b.mu.Unlock()
	b.cond.Broadcast()
}

// nudge lets the waiters look at the clock. Taking the lock means: whoever read
// the clock before it moved is counted as waiting by now, so none sleeps on.
func (b *batch) nudge() {
	b.mu.Lock()
	//lint:ignore SA2001 see above
	b.mu.Unlock()
	b.cond.Broadcast()
}

// wait returns when the frame is durable, failed, or the clock has reached deadline.
func (b *batch) wait(seq uint64, ticks *atomic.Int64, deadline int64) error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for !b.finished {
		if ticks.Load() >= deadline {
			return ErrTimeout
		}
		b.cond.Wait()
	}
	if seq <= b.durable {
		return nil
	}
	return b.err
}

// getBatchLocked and putBatch: the pool of batches.
func (j *Journal) getBatchLocked() *batch {
	if n := len(j.idle); n > 0 {
		b := j.idle[n-1]
		j.idle = j.idle[:n-1]
		b.reset()
		return b
	}
	return newBatch()
}

func (j *Journal) putBatch(b *batch) {
	if b.refs.Add(-1) == 0 {
		j.mu.Lock()
		j.idle = append(j.idle, b)
		j.mu.Unlock()
	}
}
