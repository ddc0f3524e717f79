package pipeline

import "stormdrain/internal/alert"

// storedEntry is a dictionary entry as the storing side meets it, once for each
// segment that holds it. It implements alert.Entry. Where every alert is new a segment
// has 150 000 of them: it is small, and many are made at a time.
type storedEntry struct {
	source *entrySource
	id     alert.ID
	offset int64
	kind   alert.EntryKind

	// ---- owned by the batcher ----
	index      int32  // its place in that batch, or noIndex
	batch      uint64 // the last batch that it is in, or that holds its content
	start, end uint32 // its content, where that batch holds it; both 0: it does not
}

// noIndex: the batch holds the content, and nothing has referred to it yet.
const noIndex = -1

// entriesAtOnce is how many entries are made at a time: 8 KiB.
const entriesAtOnce = 146

// entrySource is where the contents of the entries of one segment are.
type entrySource struct {
	journal Journal
	segment uint64
	held    *heldContents
}

const entryHeadBytes = 1 + 16

func (e *storedEntry) set(payload []byte, source *entrySource, offset int64) {
	e.kind, e.id = alert.EntryKind(payload[0]), alert.ID(payload[1:entryHeadBytes])
	e.source, e.offset = source, offset
}

func (e *storedEntry) Kind() alert.EntryKind { return e.kind }
func (e *storedEntry) ID() alert.ID          { return e.id }

// Content returns the canonical encoding. It is at hand for the batch that an entry
// comes into first; when the store asks for it later, it is read from the journal again.
func (e *storedEntry) Content() ([]byte, error) {
	if h := e.source.held; e.end > 0 && e.batch == h.batch {
		return h.bytes[e.start:e.end:e.end], nil
	}
	payload, err := e.source.journal.ReadEntry(e.source.segment, e.offset)
	if err != nil {
		return nil, err
	}
	return payload[entryHeadBytes:], nil
}

// contents are those of new entries on their way from the reader to the batcher, in
// one piece that is used again: one by one they were half of the garbage of a storm of
// new alerts.
type contents struct {
	bytes []byte
	of    []contentEnd
}

// contentEnd is where the content of an entry ends; it begins where the one before ends.
type contentEnd struct {
	entry *storedEntry
	end   int
}

func (c *contents) add(e *storedEntry, content []byte) {
	c.bytes = append(c.bytes, content...)
	c.of = append(c.of, contentEnd{e, len(c.bytes)})
}

func (c *contents) reset() {
	clear(c.of)
	c.bytes, c.of = c.bytes[:0], c.of[:0]
}

const (
	// spareContents is how many pieces are kept: as many as there are on the way at
	// once where all alerts are new, but for a few.
	spareContents = 16
	// keepContents: one that a large delivery made larger is not kept.
	keepContents = 1 << 20
	// mostFresh: a session that begins in the middle of a segment reads all entries that
	// are before its first frame, of which the store has nearly all. What is let go of
	// is read again when it is asked for, also what a giant delivery has more of.
	mostFresh = 4 << 20
)

// getContents and putContents are like those of a pool, which would forget with every
// collection what is wanted again a millisecond later.
func (r *ring) getContents() *contents {
	select {
	case c := <-r.spare:
		return c
	default:
		return new(contents)
	}
}

func (r *ring) putContents(c *contents) {
	if cap(c.bytes) > keepContents {
		return
	}
	c.reset()
	select {
	case r.spare <- c:
	default:
	}
}

// heldContents are the contents of the entries that the current batch is the first to
// have. The batcher owns it.
type heldContents struct {
	batch uint64 // its number
	bytes []byte
}

// keepHeld: what a huge delivery made larger is not kept.
const keepHeld = 8 << 20

// begin lets go of what the batch before held, which is stored: from now on the store
// knows it.
func (h *heldContents) begin(batch uint64) {
	h.batch = batch
	if cap(h.bytes) > keepHeld {
		h.bytes = nil
	}
	h.bytes = h.bytes[:0]
}

// take copies contents, which are lent.
func (h *heldContents) take(c *contents) {
	base := len(h.bytes)
	h.bytes = append(h.bytes, c.bytes...)
	start := base
	for i := range c.of {
		e, end := c.of[i].entry, base+c.of[i].end
		e.batch, e.index, e.start, e.end = h.batch, noIndex, uint32(start), uint32(end)
		start = end
	}
}
