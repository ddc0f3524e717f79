// Package journal turns bytes into durable bytes with a position. It knows
// nothing of alerts.
//
// Whoever arrives while an fdatasync runs joins the next one. Frames have
// consecutive positions across segments; a segment carries every dictionary
// entry that its frames refer to, so any one segment can be read alone.
//
// Four parties work on a Journal. Appenders encode under mu into a buffer. The
// committer takes the buffer, writes and syncs it, and wakes them. The janitor
// deletes what is stored. Readers read the files, up to what is durable. Nobody
// holds mu during I/O.
package journal

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"stormdrain/storage/journal/vfs"
)

// Journal is an open journal. Safe for concurrent use.
type Journal struct {
	cfg        Config
	fs         vfs.FS
	lastAtOpen uint64
	startedAt  time.Time

	kick      chan struct{} // wakes the committer
	sweep     chan struct{} // wakes the janitor
	stop      chan struct{} // closed by Close
	committed chan struct{} // closed when the committer has returned
	rest      chan struct{} // closed when all goroutines have

	ticks     atomic.Int64 // of the clock, waitTicks in a WaitTimeout
	heartbeat atomic.Int64 // nanoseconds after startedAt

	mu      sync.Mutex
	room    *sync.Cond // pending was taken, or time passed, or the journal closed
	closing bool
	w       Writer
	batch   *batch // of what is in w
	flying  *batch // of what the committer writes, nil for none
	idle    []*batch
	total   int64 // bytes of all segments, with what is pending
	full    bool  // an Append was refused, and nothing has changed since
	failure error // no segment can be made: Appends are refused with this

	durable    uint64
	stored     uint64
	segs       []*segment // on the disk, oldest first
	nextNumber uint64
	asides     []aside
	readers    map[*Reader]struct{}
	marks      marks

	identity   identity
	identityMu sync.Mutex // held while a new one is written

	// ---- owned by the committer ----
	active   *segment // which it writes; nil after a failure and at the start
	spare    []byte
	zeros    []byte // see zeroAhead
	runs     []run
	failures int // in a row, without a sync that worked
	retryAt  time.Time
	finalErr error // of the last write, for Close
}

// ID is the journal's random identity. Positions mean something only together with it.
func (j *Journal) ID() [16]byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.identity.id
}

// Durable is the position up to which everything is on the disk.
func (j *Journal) Durable() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.durable
}

// LastAtOpen is the last position that Open found. Everything after it was
// appended by this process.
func (j *Journal) LastAtOpen() uint64 { return j.lastAtOpen }

// Ready returns nil when an Append could succeed, otherwise what it would fail with.
func (j *Journal) Ready() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.readyLocked(); err != nil {
		return err
	}
	if j.full {
		return ErrFull
	}
	return nil
}

// Heartbeat is when the committer was last seen alive. It is seen several times
// in each WaitTimeout, also when there is nothing to do, unless the disk holds it.
func (j *Journal) Heartbeat() time.Time {
	return j.startedAt.Add(time.Duration(j.heartbeat.Load()))
}

// HeartbeatEvery is how far two signs of life are apart at most.
func (j *Journal) HeartbeatEvery() time.Duration {
	return max(j.cfg.WaitTimeout/waitTicks, time.Millisecond)
}

// Stored says that everything up to seq is in the store. It never blocks:
// segments that nobody needs any more are deleted by the journal's own goroutine.
func (j *Journal) Stored(seq uint64) {
	j.mu.Lock()
	if seq > j.stored {
		j.stored = min(seq, j.durable)
		j.marks.dropBefore(j.stored)
	}
	j.mu.Unlock()
	wake(j.sweep)
}

// Close refuses further Appends, makes what is pending durable and waits for
// the journal's goroutines, at most until ctx ends. It may be called twice; the
// second call waits again. Readers get ErrClosed.
func (j *Journal) Close(ctx context.Context) error {
	j.mu.Lock()
	if !j.closing {
		j.closing = true
		close(j.stop)
		j.room.Broadcast()
	}
	j.mu.Unlock()
	select {
	case <-j.rest:
		return j.finalErr
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (j *Journal) stopped() bool {
	select {
	case <-j.stop:
		return true
	default:
		return false
	}
}

// start lets the goroutines go.
func (j *Journal) start() {
	var wg sync.WaitGroup
	wg.Go(j.commitLoop)
	wg.Go(j.sweepLoop)
	wg.Go(j.clockLoop)
	go func() {
		wg.Wait()
		j.closeFiles()
		close(j.rest)
	}()
}

func (j *Journal) closeFiles() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range j.segs {
		s.handle.close()
	}
	if j.active != nil {
		j.active.cutZeros()
	}
	j.retire()
}

// clockLoop is the one timer for all who wait: it lets them compare the time,
// and the committer show that it is alive.
func (j *Journal) clockLoop() {
	t := time.NewTicker(j.HeartbeatEvery())
	defer t.Stop()
	for {
		select {
		case <-j.committed: // until then somebody may be waiting
			return
		case <-t.C:
			j.tick()
		}
	}
}

func (j *Journal) tick() {
	j.ticks.Add(1)
	j.mu.Lock()
	pending, flying := j.batch, j.flying
	j.room.Broadcast()
	j.mu.Unlock()
	pending.nudge()
	if flying != nil {
		flying.nudge()
	}
	wake(j.kick)
}
