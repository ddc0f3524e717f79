package journal

// Frame is one delivery on its way into the journal.
type Frame interface {
	// Encode is called once, in the goroutine that called Append, under the
	// journal's lock: it must be quick and must not call the journal. It
	// appends the entries that the frame needs and that this generation does
	// not have yet, then the frame.
	Encode(w *Writer)
}

// Writer is where a Frame encodes itself: straight into the buffer that the
// next write takes. It is valid during Encode only.
//
// The journal's lock guards every field.
type Writer struct {
	seg  *segment // which the next record goes to; nil: a new one
	next uint64   // position of the next frame
	at   int64    // when it was received, µs since 1970; never decreases

	buf  []byte
	runs []run // what of buf goes to which segment

	// ---- of the Append that is under way ----
	start    int  // of the record being appended
	open     Kind // its kind, 0 for none
	framed   bool
	entries  uint32 // appended by this Append
	tooLarge bool
}

// run is a stretch of the buffer that goes to one segment.
type run struct {
	seg  *segment
	from int    // offset in the buffer
	last uint64 // position of its last frame, 0 when it has none
}

// Generation is unique to a segment within this process. Numbers of entries
// start anew when it changes, so whoever remembers them asks here first.
func (w *Writer) Generation() uint64 { return w.seg.number }

// Seq is the position that this frame gets.
func (w *Writer) Seq() uint64 { return w.next }

// ReceivedAt is the frame's time, in microseconds since 1970. It never
// decreases within a journal, whatever the clock does.
func (w *Writer) ReceivedAt() int64 { return w.at }

// Entry appends a dictionary entry and returns its number in this generation,
// from 0. The payload is lent.
func (w *Writer) Entry(payload []byte) uint32 {
	return w.EndEntry(append(w.BeginEntry(), payload...))
}

// BeginEntry returns the buffer for an entry: append to it, nothing else, and
// hand the result to EndEntry.
func (w *Writer) BeginEntry() []byte { return w.begin(KindEntry) }

// EndEntry takes what BeginEntry lent and returns the entry's number.
func (w *Writer) EndEntry(buf []byte) uint32 {
	n := w.seg.entries
	w.end(buf, recordHeader{kind: KindEntry, number: uint64(n)})
	w.seg.entries++
	w.entries++
	return n
}

// BeginFrame returns the buffer for the frame: append to it, nothing else, and
// hand the result to EndFrame.
func (w *Writer) BeginFrame() []byte { return w.begin(KindFrame) }

// EndFrame takes what BeginFrame lent.
func (w *Writer) EndFrame(buf []byte) {
	w.end(buf, recordHeader{kind: KindFrame, number: w.next, receivedAt: w.at})
	w.framed = true
}

func (w *Writer) begin(k Kind) []byte {
	if w.open != 0 || w.framed {
		panic("BUG: a record was begun before the last one ended, or after the frame")
	}
	var room [recordLen]byte
	w.start, w.open = len(w.buf), k
	return append(w.buf, room[:]...)
}

func (w *Writer) end(buf []byte, h recordHeader) {
	if w.open != h.kind || len(buf) < w.start+recordLen {
		panic("BUG: a record was ended that was not begun")
	}
	w.buf, w.open = buf, 0
	if len(buf)-w.start > maxRecord {
		w.tooLarge = true // encode takes the whole Append back
		return
	}
	h.seal(w.seg.epoch, buf[w.start:])
}

// mark is the state to go back to when an Append is refused after all.
type mark struct {
	len, runs int
	last      uint64
}

// beginAppend makes the writer ready for one Frame that goes to w.seg.
func (w *Writer) beginAppend(at int64) mark {
	m := mark{len: len(w.buf), runs: len(w.runs)}
	if n := len(w.runs); n == 0 || w.runs[n-1].seg != w.seg {
		w.runs = append(w.runs, run{seg: w.seg, from: len(w.buf)})
	} else {
		m.last = w.runs[n-1].last
	}
	w.at = max(w.at, at)
	w.open, w.framed, w.entries, w.tooLarge = 0, false, 0, false
	return m
}

// commitAppend makes the frame part of the buffer and returns its position and size.
func (w *Writer) commitAppend(m mark) (seq uint64, size int64) {
	seq = w.next
	w.next++
	w.runs[len(w.runs)-1].last = seq
	return seq, int64(len(w.buf) - m.len)
}

// takeBack removes what was appended since m. Entries that are gone may be
// remembered by their owner, so the caller ends the generation if there are any.
func (w *Writer) takeBack(m mark) {
	w.buf = w.buf[:m.len]
	w.runs = w.runs[:m.runs]
	if m.runs > 0 && m.last != 0 {
		w.runs[m.runs-1].last = m.last
	}
}
