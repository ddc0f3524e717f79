package pipeline

import (
	"encoding/binary"

	"stormdrain/internal/alert"
	"stormdrain/internal/record"
)

// recording is one request of an event recorder on its way to the journal. It goes
// back to the pool as a whole.
type recording struct {
	pipeline  *Pipeline
	decoder   recordedDecoder
	source    []byte // lent, as is the next
	requestID []byte
}

// ingestRecorded is Ingest for an event recorder.
func (p *Pipeline) ingestRecorded(r alert.Request) (int, error) {
	rec := p.recordings.Get().(*recording)
	if err := rec.decoder.decode(r.Body); err != nil {
		rec.Release()
		return 0, p.refuse(r, err)
	}
	rec.source, rec.requestID = r.Source, r.RequestID
	n := rec.decoder.elements
	if err := p.append(rec, r.Deadline); err != nil {
		return 0, err
	}
	p.observer.RecorderEvents(n)
	return n, nil
}

// Encode writes the frame, which refers to no entries.
func (rec *recording) Encode(w record.Writer) {
	w.EndFrame(appendRecordedFrame(w.BeginFrame(), w.ReceivedAt(), &rec.decoder, rec.source, rec.requestID))
}

// Release puts it back.
func (rec *recording) Release() {
	rec.source, rec.requestID = nil, nil
	rec.decoder.reset()
	if rec.decoder.held() <= keepAtMost {
		rec.pipeline.recordings.Put(rec)
	}
}

// recordedVersion is the version of a frame of recorded events:
//
//	version       2
//	source        string
//	request ID    string
//	events        count, and for each:
//	    index     difference to the index before (-1 at first) minus 1
//	    flags     bit 0 has a time, 1 the time has nanoseconds
//	    time      varint, microseconds behind the time of receipt; nanoseconds; if flagged
//	    identity  16 bytes
//	    instance, kind, silence    strings
//	    fingerprints    count, and 8 bytes each, big endian
//	    body      string, JSON as it was sent
//	rejected      as in a frame of alerts
const recordedVersion = 2

const (
	flagTimed = 1 << iota
	flagTimeNanos
)

func appendRecordedFrame(dst []byte, receivedAt int64, d *recordedDecoder, source, requestID []byte) []byte {
	dst = append(dst, recordedVersion)
	dst = appendString(dst, source)
	dst = appendString(dst, requestID)
	dst = binary.AppendUvarint(dst, uint64(len(d.events)))
	last := int32(-1)
	for i := range d.events {
		ev := &d.events[i]
		dst = binary.AppendUvarint(dst, uint64(ev.index-last-1))
		last = ev.index
		dst = d.appendEvent(dst, ev, receivedAt)
	}
	return appendRejected(dst, d.rejected)
}

func (d *recordedDecoder) appendEvent(dst []byte, ev *recordedEvent, receivedAt int64) []byte {
	var flags byte
	if !ev.at.IsNone() {
		flags |= flagTimed
		if ev.at.Nanos != 0 {
			flags |= flagTimeNanos
		}
	}
	dst = append(dst, flags)
	if flags&flagTimed != 0 {
		dst = binary.AppendVarint(dst, ev.at.Micros-receivedAt)
	}
	if flags&flagTimeNanos != 0 {
		dst = binary.AppendUvarint(dst, uint64(ev.at.Nanos))
	}
	dst = append(dst, ev.id[:]...)
	for _, s := range [...]span{ev.instance, ev.kind, ev.silence} {
		dst = appendBytes(dst, d.text[s.start:s.end])
	}
	fingerprints := d.fingerprints[ev.fingerprints.start:ev.fingerprints.end]
	dst = binary.AppendUvarint(dst, uint64(len(fingerprints)))
	for _, v := range fingerprints {
		dst = binary.BigEndian.AppendUint64(dst, v)
	}
	return appendBytes(dst, ev.raw)
}

func appendBytes(dst, b []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

// parsedRecorded is a recorded event of a frame. Source and time of receipt are the
// frame's.
type parsedRecorded struct {
	alert.Recorded
	index int32
}

// parseRecorded reads a frame of recorded events behind its version. f keeps nothing
// of the payload but source and request ID, see nameFrames.
func parseRecorded(f *parsedFrame, r *frameReader) error {
	f.lent = [2][]byte{r.bytes(), r.bytes()}
	r.b = append([]byte(nil), r.b...)
	last := int32(-1)
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		ev := r.recorded(last, f.receivedAt)
		last = ev.index
		f.recorded = append(f.recorded, ev)
	}
	f.rejected = r.rejected(f.rejected)
	if r.end(); r.err != nil {
		f.recorded, f.rejected = nil, nil
	}
	return r.err
}

func (r *frameReader) recorded(last int32, receivedAt int64) parsedRecorded {
	ev := parsedRecorded{index: last + 1 + int32(r.uvarint())}
	flags := r.byte()
	ev.At.Micros = receivedAt // of an event that does not say
	if flags&flagTimed != 0 {
		ev.At.Micros += r.varint()
	}
	if flags&flagTimeNanos != 0 {
		ev.At.Nanos = uint16(r.uvarint())
	}
	copy(ev.ID[:], r.take(len(ev.ID)))
	ev.Instance, ev.Kind, ev.Silence = r.string(), r.string(), r.string()
	if n := r.uvarint(); n <= uint64(len(r.b)/8) {
		ev.Fingerprints = make([]uint64, n)
		for i := range ev.Fingerprints {
			ev.Fingerprints[i] = binary.BigEndian.Uint64(r.take(8))
		}
	} else {
		r.fail()
	}
	ev.Body = r.bytes()
	return ev
}

// take cuts n bytes off.
func (r *frameReader) take(n int) []byte {
	if n > len(r.b) {
		r.fail()
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}
