package pipeline

import (
	"bytes"
	"strconv"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/internal/record"
)

// entriesOf defines n entries as the reader does, each with a content of its own.
func entriesOf(r *ring, source *entrySource, from, n int) ([]*storedEntry, *contents) {
	var all []*storedEntry
	fresh := r.getContents()
	for i := range n {
		e := &storedEntry{kind: alert.KindLabelSet, source: source}
		fresh.add(e, []byte("content "+strconv.Itoa(from+i)))
		all = append(all, e)
	}
	return all, fresh
}

// What a batch holds is there until it is stored, whatever becomes of the pieces that
// it came in, and not a moment longer: the next batch's contents are in its place.
func TestContentsOfABatch(t *testing.T) {
	t.Parallel()
	r := newRing(1024, 8<<20)
	h := &heldContents{batch: 1}
	source := &entrySource{held: h}
	b := &batcher{current: new(batch), number: h.batch, held: h, ring: r}
	var all []*storedEntry
	for from := 0; from < 100; from += 10 {
		entries, fresh := entriesOf(r, source, from, 10)
		c := &chunk{fresh: fresh}
		b.add(c)
		for i := range fresh.bytes {
			fresh.bytes[i] = 0xCC
		}
		r.putContents(fresh)
		all = append(all, entries...)
	}
	for i, e := range all {
		if got, err := e.Content(); err != nil || string(got) != "content "+strconv.Itoa(i) {
			t.Errorf("%d: %q, %v", i, got, err)
		}
		if got := b.indexOf(e); int(got) != i {
			t.Errorf("entry %d is at %d", i, got)
		}
	}
	b.number++
	h.begin(b.number)
	for i, e := range all {
		if i%2 == 0 {
			b.indexOf(e) // it is in the next batch, too, which does not hold it
		}
		if e.end > 0 && e.batch == h.batch {
			t.Errorf("%d: taken for one that is at hand", i)
		}
	}
}

// Neither a huge delivery nor many small ones leave much behind.
func TestContentsAreGivenBack(t *testing.T) {
	t.Parallel()
	r := newRing(1024, 8<<20)
	h := &heldContents{}
	for range 3 * spareContents {
		r.putContents(&contents{bytes: make([]byte, 10)})
	}
	if n := len(r.spare); n != spareContents {
		t.Errorf("%d are kept", n)
	}
	for range spareContents {
		if c := r.getContents(); len(c.bytes) != 0 || len(c.of) != 0 {
			t.Errorf("%d bytes of %d entries are left", len(c.bytes), len(c.of))
		}
	}
	e := &storedEntry{source: &entrySource{held: h}}
	huge := new(contents)
	huge.add(e, bytes.Repeat([]byte("x"), keepHeld+1))
	h.take(huge)
	r.putContents(huge)
	h.begin(1)
	if len(r.spare) != 0 || cap(h.bytes) != 0 {
		t.Errorf("%d pieces and room for %d bytes are kept", len(r.spare), cap(h.bytes))
	}
}

// rereading is a journal that has what was defined.
type rereading struct {
	Journal
	payloads [][]byte
	asked    int
}

func (j *rereading) ReadEntry(_ uint64, offset int64) ([]byte, error) {
	j.asked++
	return j.payloads[offset], nil
}

// A start in the middle of a segment of new alerts takes no more memory than one at its
// beginning: what stands before the first frame is read again when it is asked for.
func TestEntriesBeforeTheFirstFrame(t *testing.T) {
	t.Parallel()
	const entries, size = 3000, 10_000 // 30 MB
	j := &rereading{}
	r := newRing(1024, 8<<20)
	h := &heldContents{batch: 1}
	rd := &reader{journal: j, ring: r, held: h, source: &entrySource{j, 0, h}}
	for i := range entries {
		payload := make([]byte, entryHeadBytes, entryHeadBytes+size)
		payload[0] = byte(alert.KindLabelSet)
		payload = append(payload, bytes.Repeat([]byte{byte(i)}, size)...)
		j.payloads = append(j.payloads, payload)
		rd.define(record.Record{Kind: record.Entry, Number: uint32(i), Offset: int64(i), Payload: payload})
	}
	if n := cap(rd.fresh.bytes); n > 2*mostFresh {
		t.Errorf("%d bytes are kept", n)
	}
	if rd.pending > mostFresh {
		t.Errorf("the first chunk is charged for %d bytes", rd.pending)
	}
	b := &batcher{current: new(batch), number: h.batch, held: h, ring: r}
	b.add(&chunk{fresh: rd.fresh})
	for i, e := range rd.dict {
		b.indexOf(e)
		if got, err := e.Content(); err != nil || !bytes.Equal(got, j.payloads[i][entryHeadBytes:]) {
			t.Fatalf("entry %d has another content, %v", i, err)
		}
	}
	if j.asked == 0 || j.asked == entries {
		t.Errorf("%d of %d were read again", j.asked, entries)
	}
}
