package journal

import (
	"time"
)

// Back-off of the committer while no segment can be made or written.
const (
	minRetry = 20 * time.Millisecond
	maxRetry = time.Second
)

// commitLoop is the committer: it alone writes frames, and it alone makes segments.
func (j *Journal) commitLoop() {
	defer close(j.committed)
	retry := time.NewTimer(maxRetry)
	defer retry.Stop()
	for {
		j.heartbeat.Store(int64(time.Since(j.startedAt)))
		j.commit()
		if j.failure != nil { // the committer alone sets it
			retry.Reset(time.Until(j.retryAt))
		}
		select {
		case <-j.kick:
		case <-retry.C:
		case <-j.stop:
			j.finalErr = nil
			for j.commit() { // nothing comes in any more, but two may have queued
			}
			return
		}
	}
}

// commit makes durable what is pending, and reports whether anything was.
func (j *Journal) commit() bool {
	buf, runs, b := j.take()
	if len(runs) == 0 {
		return false
	}
	durable := uint64(0)
	var failed *SegmentError
	for i, r := range runs {
		to := len(buf)
		if i+1 < len(runs) {
			to = runs[i+1].from
		}
		if failed = j.commitRun(r, buf[r.from:to]); failed != nil {
			j.fail(failed, runs[i:])
			break
		}
		durable = max(durable, r.last)
	}
	j.land(buf, runs, b, durable, failed)
	return true
}

// take swaps the pending buffer for the spare one. While nothing can be
// written there is nothing pending, and when it is time to try again the
// committer makes an empty segment: so that Ready tells the truth also where
// nobody appends because it says no.
func (j *Journal) take() ([]byte, []run, *batch) {
	j.mu.Lock()
	defer j.mu.Unlock()
	w := &j.w
	if j.failure != nil && (j.closing || time.Now().Before(j.retryAt)) {
		return nil, nil, nil
	}
	if j.failure != nil || (j.full && j.rollHelpsLocked()) {
		j.claimLocked()
	}
	if len(w.runs) == 0 {
		return nil, nil, nil
	}
	buf, runs, b := w.buf, w.runs, j.batch
	w.buf, w.runs = j.spare[:0], j.runs[:0]
	j.spare, j.runs = nil, nil
	j.batch, j.flying = j.getBatchLocked(), b
	j.room.Broadcast()
	return buf, runs, b
}

// claimLocked has a segment made although no frame waits for it.
func (j *Journal) claimLocked() {
	w := &j.w
	if w.seg == nil || w.seg.onDisk {
		w.seg = j.newSegmentLocked(j.w.at)
		w.runs = append(w.runs, run{seg: w.seg, from: len(w.buf)})
	}
	w.seg.claimed = true
}

// rollHelpsLocked: the journal is full, and all that is left of it is the newest
// segment, which is stored. It can be given back once there is a newer one.
func (j *Journal) rollHelpsLocked() bool {
	return len(j.segs) == 1 && j.segs[0].size > headerLen && j.stored >= j.durable && len(j.w.runs) == 0
}

// commitRun writes and syncs one run and tells the readers.
func (j *Journal) commitRun(r run, b []byte) *SegmentError {
	if err := j.activate(r.seg); err != nil {
		return &SegmentError{Segment: r.seg.number, Op: "create", Err: err}
	}
	if len(b) == 0 { // only to be made
		return nil
	}
	s := r.seg
	if err := writeAll(s.file, b, s.written); err != nil {
		return &SegmentError{Segment: s.number, Op: "write", Err: err}
	}
	j.zeroAhead(s, s.written+int64(len(b)))
	begun := time.Now()
	if err := s.file.Sync(); err != nil {
		return &SegmentError{Segment: s.number, Op: "sync", Err: err}
	}
	j.cfg.Observer.synced(time.Since(begun))
	s.written += int64(len(b))
	j.failures = 0
	j.publish(r, b)
	return nil
}

// activate makes s the segment that is written. The one before is complete.
func (j *Journal) activate(s *segment) error {
	if j.active == s {
		return nil
	}
	if err := j.create(s); err != nil {
		return err
	}
	if j.active != nil {
		j.active.cutZeros()
	}
	j.retire()
	j.mu.Lock()
	defer j.mu.Unlock()
	if n := len(j.segs); n > 0 {
		j.segs[n-1].done = true
	}
	s.onDisk, s.end = true, headerLen
	j.segs = append(j.segs, s)
	j.active = s
	j.failure = nil
	j.wakeReadersLocked()
	wake(j.sweep)
	return nil
}

// publish lets everybody know that a run is durable.
func (j *Journal) publish(r run, b []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r.seg.end = r.seg.written
	j.marks.add(j.durable+1, int64(len(b)), firstReceivedAt(b))
	j.durable = r.last
	j.wakeReadersLocked()
}

// fail gives up the segment of the first of these runs, which is never written
// or synced again: a sync that is tried again after a failure proves nothing, as
// the kernel may have dropped the pages. Everything encoded after what is
// durable goes with it, as its positions and entry numbers would have a hole.
func (j *Journal) fail(failed *SegmentError, runs []run) {
	s := runs[0].seg
	size, known := failedSize(s)
	j.mu.Lock()
	was := j.batch
	lost := [2][]run{runs, j.w.runs}
	j.w.next = j.durable + 1
	j.dropTargetLocked()
	for _, list := range lost {
		for _, r := range list {
			if !r.seg.onDisk && r.seg.size > 0 {
				j.total -= r.seg.size // never made
				r.seg.size = 0
			}
		}
	}
	j.w.buf, j.w.runs = j.w.buf[:0], j.w.runs[:0]
	j.batch = j.getBatchLocked()
	j.failures++
	j.retryAt = time.Now().Add(min(minRetry<<min(j.failures-1, 10), maxRetry))
	if j.failures > 1 || !s.onDisk {
		j.failure = failed
	}
	if s.onDisk {
		s.done = true
		if known {
			j.total += size - s.size
			s.size = size
		}
	}
	j.room.Broadcast()
	j.wakeReadersLocked()
	j.mu.Unlock()

	was.finish(0, failed)
	j.putBatch(was)
	j.retire()
	j.cfg.Observer.failed(failed)
}

// failedSize is what a failed segment takes up: what was encoded for it but not
// written is none of it. False: the disk does not say, so it goes on counting
// as if all had been written.
func failedSize(s *segment) (int64, bool) {
	if s.file == nil {
		return 0, false
	}
	n, err := s.file.Size()
	return n, err == nil
}

// retire closes the segment that was written so far: all that counts in it is
// synced, or it has failed.
func (j *Journal) retire() {
	if j.active != nil {
		_ = j.active.file.Close()
		j.active = nil
	}
}

// land wakes who waits for b and keeps the buffer for the next round.
func (j *Journal) land(buf []byte, runs []run, b *batch, durable uint64, failed *SegmentError) {
	var err error
	if failed != nil {
		err = failed
	}
	j.mu.Lock()
	j.flying = nil
	if cap(buf) <= keepBuffer {
		j.spare = buf[:0]
	}
	clear(runs)
	j.runs = runs[:0]
	j.finalErr = err
	j.mu.Unlock()
	b.finish(durable, err)
	j.putBatch(b)
}
