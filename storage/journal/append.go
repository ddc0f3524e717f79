package journal

import (
	"errors"
	"fmt"
	"time"
)

const (
	// maxPending bounds what waits for the disk in memory. Twice this, as the
	// committer holds as much again while it writes. A slow disk writes
	// this in a fiftieth of a second, beside which its fdatasync is short: more at a
	// time would be no faster.
	maxPending = 2 << 20
	// keepBuffer: a buffer that a huge frame made larger is not kept, as it would stay
	// resident for good.
	keepBuffer = 2 * maxPending
	// waitTicks is how finely WaitTimeout is measured: one ticker for all
	// waiters instead of a timer for each.
	waitTicks = 16
)

// Append gives f the next position. With durable it returns when the frame is on
// the disk: nil means that fdatasync returned. Without, it returns as soon as
// the frame is encoded, and a failure later is only seen by Ready and the
// Observer. It blocks while 2 MiB wait for the disk.
//
// After ErrTimeout the frame may become durable and be read all the same. After
// any other error no Reader of this process sees it; if the process ends before a
// new segment could be made, the next one may find it.
func (j *Journal) Append(f Frame, durable bool) (uint64, error) {
	return j.AppendWithin(f, durable, j.cfg.WaitTimeout)
}

// AppendWithin is Append with a shorter wait than WaitTimeout; it is measured
// in sixteenths of that. With ErrTimeout the position is returned as well, if the
// frame got one: that is where it may turn up.
func (j *Journal) AppendWithin(f Frame, durable bool, wait time.Duration) (uint64, error) {
	t, err := j.Enqueue(f, durable, wait)
	if err != nil {
		return 0, err
	}
	if err = t.Wait(); err != nil && !errors.Is(err, ErrTimeout) {
		return 0, err
	}
	return t.Seq, err
}

// Enqueue is the first half of AppendWithin: f has its position and is not needed
// any more. The caller must call Wait on the ticket, once.
func (j *Journal) Enqueue(f Frame, durable bool, wait time.Duration) (Ticket, error) {
	ticks := int64(waitTicks + 1)
	if wait < j.cfg.WaitTimeout {
		ticks = max(1, int64(wait*waitTicks/j.cfg.WaitTimeout))
	}
	deadline := j.ticks.Load() + ticks
	seq, b, err := j.enter(f, durable, deadline)
	if err != nil {
		return Ticket{}, err
	}
	wake(j.kick)
	if !durable {
		b = nil
	}
	return Ticket{Seq: seq, journal: j, batch: b, deadline: deadline}, nil
}

// Ticket is a frame on its way to the disk.
type Ticket struct {
	Seq      uint64
	journal  *Journal
	batch    *batch // nil: nobody waits for it
	deadline int64
}

// Wait is the second half of AppendWithin.
func (t Ticket) Wait() error {
	if t.batch == nil {
		return nil
	}
	err := t.batch.wait(t.Seq, &t.journal.ticks, t.deadline)
	t.journal.putBatch(t.batch)
	return err
}

// enter encodes f and joins the batch that it will go to the disk with.
func (j *Journal) enter(f Frame, durable bool, deadline int64) (uint64, *batch, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.admitLocked(deadline); err != nil {
		return 0, nil, err
	}
	seq, err := j.encodeLocked(f)
	if err != nil {
		return 0, nil, err
	}
	if durable {
		j.batch.refs.Add(1)
	}
	return seq, j.batch, nil
}

func (j *Journal) admitLocked(deadline int64) error {
	for {
		if err := j.readyLocked(); err != nil {
			return err
		}
		if len(j.w.buf) < maxPending {
			return nil
		}
		if j.ticks.Load() >= deadline {
			return ErrTimeout
		}
		j.room.Wait()
	}
}

// readyLocked says why an Append of any size would be refused.
func (j *Journal) readyLocked() error {
	switch {
	case j.closing:
		return ErrClosed
	case j.failure != nil:
		return j.failure
	case j.total+headerLen+recordLen > j.cfg.MaxBytes:
		j.fullLocked()
		return ErrFull
	}
	return nil
}

// fullLocked notes that only giving back a segment helps. It is the janitor's
// turn: it may be that only the newest segment is left to give back.
func (j *Journal) fullLocked() {
	if !j.full {
		j.full = true
		wake(j.sweep)
	}
}

// encodeLocked lets f append itself, and takes it all back if it cannot stay.
func (j *Journal) encodeLocked(f Frame) (seq uint64, err error) {
	w, now := &j.w, j.cfg.Now().UnixMicro()
	if w.seg == nil || w.seg.size >= j.cfg.SegmentBytes {
		w.seg = j.newSegmentLocked(now)
	}
	m := w.beginAppend(now)
	kept := false
	defer func() {
		if !kept { // refused below, or f panicked
			j.takeBackLocked(m)
		}
	}()
	f.Encode(w)
	size := int64(len(w.buf) - m.len)
	switch {
	case !w.framed:
		panic(fmt.Sprintf("BUG: frame %d was not encoded", w.next))
	case w.tooLarge:
		return 0, ErrTooLarge
	case size+headerLen > j.cfg.MaxBytes:
		return 0, ErrNeverFits
	case j.total+size > j.cfg.MaxBytes:
		j.fullLocked()
		return 0, ErrFull
	}
	kept = true
	seq, size = w.commitAppend(m)
	w.seg.size += size
	j.total += size
	j.full = false
	return seq, nil
}

func (j *Journal) takeBackLocked(m mark) {
	w := &j.w
	w.takeBack(m)
	if w.entries > 0 || w.open != 0 || w.seg.unused() {
		j.dropTargetLocked()
	}
}

// dropTargetLocked ends the generation: the next frame goes to a new segment.
func (j *Journal) dropTargetLocked() {
	s := j.w.seg
	j.w.seg = nil
	if s != nil && s.unused() {
		j.total -= headerLen // never to be made
	}
}

// wake is a send that never blocks: one pending wake-up is enough.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
