package pipeline

import (
	"encoding/binary"
	"errors"
	"fmt"

	"stormdrain/internal/alert"
)

// What a frame holds, behind the position and the time of receipt, which the
// journal writes itself. Numbers are uvarints unless it says otherwise; a
// string is its length and its bytes; an entry is its number in the segment.
//
//	version       1
//	envelope      entry
//	truncated     number
//	source        string
//	request ID    string
//	events        count, and for each:
//	    index     difference to the index before (-1 at first) minus 1
//	    flags     bit 0 resolved, 1 has an end, 2 startsAt has nanoseconds, 3 endsAt has
//	    labels    entry
//	    details   entry
//	    startsAt  varint, microseconds behind the time of receipt; nanoseconds if flagged
//	    endsAt    varint, microseconds behind startsAt; nanoseconds if flagged; only if flagged
//	rejected      count, and for each: index, reason, detail and raw as strings
//
// Events of a recorder come in frames of their own, of version 2: see recordedVersion.
//
// An entry record is: kind (1 byte), identity (16 bytes), canonical encoding.
const frameVersion = 1

const (
	flagResolved = 1 << iota
	flagEnds
	flagStartNanos
	flagEndNanos
)

func appendFrame(dst []byte, receivedAt int64, d *decoded, source, requestID []byte) []byte {
	dst = append(dst, frameVersion)
	dst = binary.AppendUvarint(dst, uint64(d.envelope.number))
	dst = binary.AppendUvarint(dst, d.truncated)
	dst = appendString(dst, source)
	dst = appendString(dst, requestID)
	dst = binary.AppendUvarint(dst, uint64(len(d.events)))
	last := int32(-1)
	for i := range d.events {
		ev := &d.events[i]
		if d.posted {
			now := ev.at(receivedAt)
			ev = &now
		}
		dst = appendEvent(dst, ev, last, receivedAt)
		last = ev.index
	}
	return appendRejected(dst, d.rejected)
}

func appendRejected(dst []byte, rejected []rejectedAlert) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(rejected)))
	for i := range rejected {
		r := &rejected[i]
		dst = binary.AppendUvarint(dst, uint64(r.index))
		dst = appendString(dst, r.reason)
		dst = appendString(dst, r.detail)
		dst = appendBytes(dst, r.raw)
	}
	return dst
}

func appendEvent(dst []byte, ev *decodedEvent, last int32, receivedAt int64) []byte {
	var flags byte
	if ev.status == alert.Resolved {
		flags |= flagResolved
	}
	if !ev.endsAt.IsNone() {
		flags |= flagEnds
	}
	if ev.startsAt.Nanos != 0 {
		flags |= flagStartNanos
	}
	if ev.endsAt.Nanos != 0 {
		flags |= flagEndNanos
	}
	dst = binary.AppendUvarint(dst, uint64(ev.index-last-1))
	dst = append(dst, flags)
	dst = binary.AppendUvarint(dst, uint64(ev.labels.number))
	dst = binary.AppendUvarint(dst, uint64(ev.details.number))
	dst = binary.AppendVarint(dst, ev.startsAt.Micros-receivedAt)
	if flags&flagStartNanos != 0 {
		dst = binary.AppendUvarint(dst, uint64(ev.startsAt.Nanos))
	}
	if flags&flagEnds != 0 {
		dst = binary.AppendVarint(dst, ev.endsAt.Micros-ev.startsAt.Micros)
		if flags&flagEndNanos != 0 {
			dst = binary.AppendUvarint(dst, uint64(ev.endsAt.Nanos))
		}
	}
	return dst
}

func appendString[T string | []byte](dst []byte, s T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

var (
	errFrameShort   = errors.New("frame ends too early")
	errEntryMissing = errors.New("frame refers to an entry that is lost")
)

// parsedFrame is a frame with its references resolved. After nameFrames nothing
// of it points into the payload.
type parsedFrame struct {
	seq        uint64
	receivedAt int64
	envelope   *storedEntry
	truncated  uint64
	source     string
	requestID  string
	lent       [2][]byte // source and requestID in the payload
	rejected   []rejectedAlert
	events     int  // how many of the chunk's events are this frame's
	recorder   bool // it came from an event recorder, and is of no alerts
	recorded   []parsedRecorded
	err        error
	raw        []byte // a copy of the payload, when it could not be read;
	held       int    // and how many elements are in it
}

type parsedEvent struct {
	labels, details  *storedEntry
	startsAt, endsAt alert.Time
	index            int32
	status           alert.Status
}

// parseFrame reads a payload, which is lent, appends its events to events and
// resolves its references in dict. After an error nothing is appended.
func parseFrame(f *parsedFrame, events []parsedEvent, payload []byte, dict []*storedEntry) ([]parsedEvent, error) {
	r := frameReader{b: payload, dict: dict}
	switch v := r.byte(); v {
	case frameVersion:
	case recordedVersion:
		f.recorder = true
		return events, parseRecorded(f, &r)
	default:
		return events, fmt.Errorf("frame of version %d, this program knows %d and %d", v, frameVersion, recordedVersion)
	}
	before := len(events)
	f.envelope = r.entry(alert.KindEnvelope)
	f.truncated = r.uvarint()
	f.lent = [2][]byte{r.bytes(), r.bytes()}
	last := int32(-1)
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		ev := r.event(last, f.receivedAt)
		last = ev.index
		events = append(events, ev)
	}
	f.rejected = r.rejected(f.rejected)
	if r.end(); r.err != nil {
		return events[:before], r.err
	}
	f.events = len(events) - before
	if r.missing {
		return events, errEntryMissing
	}
	return events, nil
}

// nameFrames sets source and requestID of all frames, in one string: an
// allocation for each would be all that storing a known alert allocates. It
// returns scratch, which it may have grown.
func nameFrames(frames []parsedFrame, scratch []byte) []byte {
	scratch = scratch[:0]
	for i := range frames {
		scratch = append(append(scratch, frames[i].lent[0]...), frames[i].lent[1]...)
	}
	all := string(scratch)
	for i := range frames {
		f := &frames[i]
		n, m := len(f.lent[0]), len(f.lent[0])+len(f.lent[1])
		f.source, f.requestID, all = all[:n], all[n:m], all[m:]
		f.lent = [2][]byte{}
	}
	return scratch
}

// frameReader cuts values off the front of a payload and stays at the first mistake.
type frameReader struct {
	b       []byte
	dict    []*storedEntry
	err     error
	missing bool // an entry that the frame refers to
}

func (r *frameReader) event(last int32, receivedAt int64) parsedEvent {
	ev := parsedEvent{index: last + 1 + int32(r.uvarint()), endsAt: alert.NoTime}
	flags := r.byte()
	if flags&flagResolved != 0 {
		ev.status = alert.Resolved
	}
	ev.labels = r.entry(alert.KindLabelSet)
	ev.details = r.entry(alert.KindDetails)
	ev.startsAt.Micros = receivedAt + r.varint()
	if flags&flagStartNanos != 0 {
		ev.startsAt.Nanos = uint16(r.uvarint())
	}
	if flags&flagEnds != 0 {
		ev.endsAt = alert.Time{Micros: ev.startsAt.Micros + r.varint()}
		if flags&flagEndNanos != 0 {
			ev.endsAt.Nanos = uint16(r.uvarint())
		}
	}
	return ev
}

// rejected appends the elements that were rejected.
func (r *frameReader) rejected(dst []rejectedAlert) []rejectedAlert {
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		dst = append(dst, rejectedAlert{
			index: int32(r.uvarint()), reason: r.string(), detail: r.string(), raw: []byte(r.string())})
	}
	return dst
}

// end makes anything that is left a mistake.
func (r *frameReader) end() {
	if r.err == nil && len(r.b) > 0 {
		r.err = fmt.Errorf("%d bytes behind the end of a frame", len(r.b))
	}
}

func (r *frameReader) entry(kind alert.EntryKind) *storedEntry {
	n := r.uvarint()
	if r.err != nil {
		return nil
	}
	if n >= uint64(len(r.dict)) || r.dict[n] == nil || r.dict[n].kind != kind {
		r.missing = true
		return nil
	}
	return r.dict[n]
}

func (r *frameReader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *frameReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *frameReader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *frameReader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *frameReader) string() string { return string(r.bytes()) }

func (r *frameReader) fail() {
	r.b = nil
	if r.err == nil {
		r.err = errFrameShort
	}
}
