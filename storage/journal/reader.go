package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Record is one thing that a Reader comes upon.
type Record struct {
	Kind    Kind
	Segment uint64 // entries are numbered anew in each
	Number  uint32 // of an entry in its segment
	Seq     uint64 // of a frame
	// ReceivedAt of a frame, in microseconds since 1970.
	ReceivedAt int64
	// Payload is lent until the next call.
	Payload []byte
	// Offset in the segment, for ReadEntry.
	Offset int64

	// What is lost, for KindLost: bad bytes from Offset on, or positions. The
	// two are told apart, as a bad stretch is met before it is known what was
	// in it. From is 0 when no position is known to be missing.
	Reason   string
	Bytes    int64
	From, To uint64
}

// patience is how often a read may fail before the Reader goes on without the
// bytes: a dying disk must not keep the rest of the journal from the store.
const patience = 10

// Reader reads the journal in order. One goroutine owns it.
type Reader struct {
	j     *Journal
	wake  chan struct{}
	after uint64

	last   uint64 // number of the segment that was left, or that none before counts
	expect uint64 // position that the next segment should begin at

	seg      *segment // nil: between two
	scan     scanner
	done     bool   // scan.end is final
	limit    uint64 // when done: the first position that is not in seg
	held     found  // a frame that a Lost went ahead of
	holding  bool
	failures int  // reads in a row
	waiting  bool // for the journal: nothing durable is left to read
}

// Reader returns a Reader of all frames after this position, in order, and of
// all entries of each segment that it touches, from the segment's start. If the
// first frames are gone it says so with a Record and begins with the oldest
// there is. Close it when done.
//
// A store that comes back with an older position simply asks for a new Reader:
// what was stored counts no further than after, so nothing that it needs is
// deleted from here on.
func (j *Journal) Reader(after uint64) (*Reader, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closing {
		return nil, ErrClosed
	}
	if after > j.durable {
		return nil, fmt.Errorf("journal reader after %d: the journal ends at %d", after, j.durable)
	}
	after = max(after, j.identity.covers-1)
	j.stored = min(j.stored, after)
	r := &Reader{j: j, wake: make(chan struct{}, 1), after: after, expect: after + 1}
	for i, s := range j.segs {
		if i == 0 || s.first <= after+1 {
			r.last = s.number - 1
		}
	}
	j.readers[r] = struct{}{}
	return r, nil
}

// Close lets go of the reader. The journal stays as it is.
func (r *Reader) Close() {
	r.j.mu.Lock()
	defer r.j.mu.Unlock()
	delete(r.j.readers, r)
}

func (j *Journal) wakeReadersLocked() {
	for r := range j.readers {
		wake(r.wake)
	}
}

// Next waits for something durable and returns it. An error that is neither the
// context's nor ErrClosed is the disk's: the next call tries again, and goes on
// without the bytes, with a Record that says so, when that has failed ten times.
func (r *Reader) Next(ctx context.Context) (Record, error) {
	for {
		rec, ok, err := r.TryNext()
		if ok || err != nil {
			return rec, err
		}
		select {
		case <-r.wake:
		case <-ctx.Done():
			return Record{}, ctx.Err()
		case <-r.j.stop:
			return Record{}, ErrClosed
		}
	}
}

// TryNext is Next without waiting: false when nothing durable is left to read.
func (r *Reader) TryNext() (Record, bool, error) {
	for {
		if r.holding {
			r.holding = false
			return r.frame(r.held), true, nil
		}
		if r.seg == nil {
			rec, lost, err := r.enter()
			if lost || err != nil || r.seg == nil {
				return rec, lost, err
			}
		}
		rec, ok, err := r.step()
		if ok || err != nil || r.waiting {
			r.waiting = false
			return rec, ok, err
		}
	}
}

// step looks at one more thing in the segment.
func (r *Reader) step() (Record, bool, error) {
	if r.done && r.scan.nextSeq >= r.limit {
		rec, lost := r.leave("frames before the next segment are missing")
		return rec, lost, nil
	}
	f, err := r.scan.next()
	switch {
	case errors.Is(err, io.EOF):
		rec, lost := r.atEnd()
		return rec, lost, nil
	case errors.Is(err, errGone) || errors.Is(err, fs.ErrClosed):
		return r.gone()
	case err != nil:
		return Record{}, false, r.readFailed(err)
	}
	r.failures = 0
	rec, ok := r.report(f)
	return rec, ok, nil
}

// report makes a Record of what was found; false: nothing that the caller asked for.
func (r *Reader) report(f found) (Record, bool) {
	switch {
	case f.bad > 0:
		r.j.keepAside(r.seg)
		return Record{Kind: KindLost, Segment: r.seg.number, Offset: f.off, Bytes: f.bad, Reason: "damaged bytes"}, true
	case f.kind == KindEntry:
		return Record{Kind: KindEntry, Segment: r.seg.number, Number: uint32(f.number), Payload: f.payload, Offset: f.off}, true
	}
	if r.done && f.number >= r.limit { // of a failed write: a later segment has this position
		return Record{}, false
	}
	from := max(r.expect, r.after+1)
	r.expect = f.number + 1
	if f.number <= r.after {
		return Record{}, false
	}
	if from < f.number {
		r.held, r.holding = f, true
		return r.lost("frames in damaged bytes are missing", from, f.number-1), true
	}
	return r.frame(f), true
}

func (r *Reader) frame(f found) Record {
	return Record{Kind: KindFrame, Segment: r.seg.number, Seq: f.number, ReceivedAt: f.receivedAt, Payload: f.payload, Offset: f.off}
}

func (r *Reader) lost(reason string, from, to uint64) Record {
	return Record{Kind: KindLost, Segment: r.last, Reason: reason, From: from, To: to}
}

// atEnd has read all that was durable when it last looked. It looks again, and
// leaves, waits or lets the caller go on.
func (r *Reader) atEnd() (rec Record, lost bool) {
	end := r.scan.end
	r.look()
	switch {
	case r.scan.end > end:
		return rec, false
	case !r.done:
		r.waiting = true
		return rec, false
	}
	return r.leave("frames before the next segment are missing")
}

// gone: the segment was deleted, as all in it is stored, or the journal closed.
func (r *Reader) gone() (Record, bool, error) {
	if r.j.stopped() {
		return Record{}, false, ErrClosed
	}
	r.look()
	rec, lost := r.leave("segment was deleted")
	return rec, lost, nil
}

// look asks the journal how far the segment may be read by now.
func (r *Reader) look() {
	j := r.j
	j.mu.Lock()
	defer j.mu.Unlock()
	r.scan.end, r.done, r.limit = r.seg.end, r.seg.done, j.durable+1
	if n := j.afterLocked(r.seg.number); n != nil {
		r.limit = n.first
	}
}

// leave goes from the segment to the gap behind it; true: frames are missing.
func (r *Reader) leave(reason string) (rec Record, lost bool) {
	from := max(r.expect, r.after+1)
	r.last, r.seg = r.seg.number, nil
	r.expect = max(r.expect, r.limit)
	if from < r.limit {
		return r.lost(reason, from, r.limit-1), true
	}
	return rec, false
}

// enter goes to the next segment, if there is one.
func (r *Reader) enter() (rec Record, lost bool, err error) {
	j := r.j
	j.mu.Lock()
	s := j.afterLocked(r.last)
	for _, a := range j.asides {
		if a.number > r.last && (s == nil || a.number < s.number) {
			j.mu.Unlock()
			r.last = a.number
			return Record{Kind: KindLost, Segment: a.number, Bytes: a.bytes, Reason: "segment header damaged, kept as " + a.kept}, true, nil
		}
	}
	j.mu.Unlock()
	if s == nil {
		return rec, false, nil
	}
	if from := max(r.expect, r.after+1); from < s.first {
		r.expect = s.first
		return r.lost("segments are missing", from, s.first-1), true, nil
	}
	f, err := s.handle.get(j.fs, s.name)
	if err != nil && !errors.Is(err, errGone) && r.failures < patience {
		return rec, false, r.readFailed(err)
	}
	r.seg, r.expect = s, s.first
	buf := r.scan.buf
	r.scan = scanner{file: f, epoch: s.epoch, off: headerLen, nextSeq: s.first, rescue: f == nil && !errors.Is(err, errGone), zeroTail: s.earlier, buf: buf}
	r.look()
	return rec, false, nil
}

// readFailed decides whether to try again.
func (r *Reader) readFailed(err error) error {
	if r.j.stopped() {
		return ErrClosed
	}
	r.failures++
	if r.seg != nil && r.failures >= patience {
		r.scan.rescue = true
	}
	return fmt.Errorf("journal read after segment %s: %w", segmentName(r.last), err)
}

// afterLocked returns the first segment with a larger number, or nil.
func (j *Journal) afterLocked(number uint64) *segment {
	for _, s := range j.segs {
		if s.number > number {
			return s
		}
	}
	return nil
}

// ReadEntry returns one entry again, checked. It works as long as the segment
// is there, so for every entry of a frame that is not stored. The caller owns
// what is returned.
func (j *Journal) ReadEntry(segment uint64, offset int64) ([]byte, error) {
	b, err := j.readRecord(segment, offset)
	if err != nil {
		return nil, fmt.Errorf("journal entry at %d of segment %s: %w", offset, segmentName(segment), err)
	}
	return b, nil
}

func (j *Journal) readRecord(number uint64, offset int64) ([]byte, error) {
	j.mu.Lock()
	s := j.afterLocked(number - 1)
	if s == nil || s.number != number {
		j.mu.Unlock()
		return nil, errGone
	}
	end := s.end
	j.mu.Unlock()
	f, err := s.handle.get(j.fs, s.name)
	if err != nil {
		return nil, err
	}
	var head [recordLen]byte
	if _, err := readAt(f, head[:], offset); err != nil {
		return nil, err
	}
	h, ok := decodeRecord(s.epoch, head[:])
	if !ok || h.kind != KindEntry || h.length > end-offset {
		return nil, errors.New("no entry there")
	}
	b := make([]byte, h.length)
	if _, err := readAt(f, b, offset); err != nil {
		return nil, err
	}
	if !intact(b) {
		return nil, errors.New("checksum is wrong")
	}
	return b[recordLen:], nil
}
