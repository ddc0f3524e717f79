package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"stormdrain/internal/record"
)

// chunk is a slot of the ring: some consecutive frames of one segment. The
// reader fills the first group and hands it to a worker, who fills the second;
// then it is the batcher's, who gives it back to the ring.
type chunk struct {
	payloads []byte // of all frames, one behind the other
	frames   []frameRef
	fresh    *contents      // of entries that are defined before these frames; nil: none
	dict     []*storedEntry // what the segment has defined so far; append-only, so read without a lock
	cost     int64          // bytes that this chunk takes of the ring's budget
	losses   []string

	parsed []parsedFrame
	events []parsedEvent
	names  []byte
	ready  chan struct{} // one message: parsed
}

type frameRef struct {
	seq        uint64
	receivedAt int64
	start, end int // in payloads
}

// A chunk is handed on when it has one of these, or when nothing more is
// durable: few enough for a quick start under light load, enough that the
// hand-over (two channel operations) is not what the time goes to in a storm.
const (
	chunkFrames = 16
	chunkBytes  = 64 << 10
	keepEvents  = 4096 // a chunk that one large delivery made larger is not kept
)

// parsedFactor is by how much a frame grows when it is parsed: 13 bytes of a
// known alert become 80.
const parsedFactor = 6

func (c *chunk) reset() {
	clear(c.parsed)
	clear(c.events)
	if cap(c.payloads) > 4*chunkBytes || cap(c.events) > keepEvents {
		c.payloads, c.events = nil, nil
	}
	*c = chunk{payloads: c.payloads[:0], frames: c.frames[:0], parsed: c.parsed[:0], events: c.events[:0], names: c.names, ready: c.ready}
}

func (c *chunk) full() bool {
	return len(c.frames) >= chunkFrames || c.cost >= chunkBytes*parsedFactor
}

// ring is a fixed number of chunks going around between one reader, some
// workers and one batcher, and a budget of bytes that bounds them together.
type ring struct {
	free   chan *chunk
	work   chan *chunk // to the workers
	order  chan *chunk // to the batcher, in the order of the journal
	spare  chan *contents
	budget budget
}

// newRing makes a ring that holds this many deliveries.
func newRing(deliveries int, maxBytes int64) *ring {
	size := max(2, deliveries/chunkFrames)
	r := &ring{free: make(chan *chunk, size), work: make(chan *chunk, size), order: make(chan *chunk, size), spare: make(chan *contents, spareContents)}
	r.budget.max = maxBytes
	r.budget.freed = make(chan struct{}, 1)
	for range size {
		r.free <- &chunk{ready: make(chan struct{}, 1)}
	}
	return r
}

// budget is a semaphore weighted in bytes with one taker. More than max is
// given out when nothing else is: a frame of any size gets through.
type budget struct {
	max   int64
	used  atomic.Int64
	freed chan struct{}
}

func (b *budget) take(ctx context.Context, n int64) error {
	for {
		if used := b.used.Load(); used == 0 || used+n <= b.max {
			b.used.Add(n)
			return nil
		}
		select {
		case <-b.freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (b *budget) give(n int64) {
	b.used.Add(-n)
	select {
	case b.freed <- struct{}{}:
	default:
	}
}

// reader turns the journal's records into chunks. One goroutine owns it.
type reader struct {
	records RecordReader
	journal Journal
	ring    *ring
	held    *heldContents // the batcher's
	pace    time.Duration

	source  *entrySource // of the present segment; nil before the first
	dict    []*storedEntry
	room    []storedEntry // for the next entries
	chunk   *chunk        // being filled; nil when none is
	fresh   *contents     // for the next chunk; nil: none
	pending int64         // bytes of entries that no chunk has been charged for
	losses  []string
}

// run reads until ctx ends or the journal fails; it closes ring.work and
// ring.order when it returns.
func (r *reader) run(ctx context.Context) error {
	defer close(r.ring.work)
	defer close(r.ring.order)
	for {
		rec, ok, err := r.records.TryNext()
		if err == nil && !ok {
			// Nothing more is durable: hand on what there is, then wait, and then
			// a little longer. At 10 000 requests a second something becomes
			// durable a thousand times a second, and to wake three goroutines
			// each time took more of the processor than what they did.
			if err = r.handOn(ctx); err == nil {
				rec, err = r.records.Next(ctx)
				if r.pace > 0 && err == nil {
					sleep(ctx, r.pace)
				}
			}
		}
		if err == nil {
			err = r.take(ctx, rec)
		}
		if err != nil {
			return err
		}
	}
}

func (r *reader) take(ctx context.Context, rec record.Record) error {
	if (r.source == nil || rec.Segment != r.source.segment) && rec.Kind != record.Lost {
		// A chunk holds frames of one segment, because it has one dictionary.
		if err := r.handOn(ctx); err != nil {
			return err
		}
		r.source, r.dict = &entrySource{r.journal, rec.Segment, r.held}, nil
	}
	switch rec.Kind {
	case record.Entry:
		r.define(rec)
	case record.Frame:
		return r.append(ctx, rec)
	case record.Lost:
		r.losses = append(r.losses, rec.Reason)
	}
	return nil
}

func (r *reader) define(rec record.Record) {
	for uint32(len(r.dict)) < rec.Number {
		r.dict = append(r.dict, nil) // lost
	}
	if uint32(len(r.dict)) != rec.Number || len(rec.Payload) < entryHeadBytes {
		r.losses = append(r.losses, "dictionary entry out of order")
		return
	}
	if len(r.room) == 0 {
		r.room = make([]storedEntry, entriesAtOnce)
	}
	e := &r.room[0]
	r.room = r.room[1:]
	e.set(rec.Payload, r.source, rec.Offset)
	r.dict = append(r.dict, e)
	if r.fresh == nil {
		r.fresh = r.ring.getContents()
	}
	content := rec.Payload[entryHeadBytes:]
	if len(r.fresh.bytes)+len(content) > mostFresh {
		r.fresh.reset()
		r.pending = 0
	}
	r.fresh.add(e, content)
	r.pending += int64(len(content))
}

func (r *reader) append(ctx context.Context, rec record.Record) error {
	if r.chunk == nil {
		select {
		case r.chunk = <-r.ring.free:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c := r.chunk
	start := len(c.payloads)
	c.payloads = append(c.payloads, rec.Payload...)
	c.frames = append(c.frames, frameRef{rec.Seq, rec.ReceivedAt, start, len(c.payloads)})
	c.cost += int64(len(rec.Payload))*parsedFactor + r.pending
	r.pending = 0
	if c.full() {
		return r.handOn(ctx)
	}
	return nil
}

// handOn gives the chunk to the workers and, in order, to the batcher.
func (r *reader) handOn(ctx context.Context) error {
	c := r.chunk
	if c == nil {
		return nil
	}
	if err := r.ring.budget.take(ctx, c.cost); err != nil {
		return err
	}
	r.chunk = nil
	c.dict, c.losses, r.losses = r.dict, r.losses, nil
	c.fresh, r.fresh = r.fresh, nil
	// Both have room for every chunk there is, so neither blocks.
	r.ring.work <- c
	r.ring.order <- c
	return nil
}

// parser is parseFrame; tests have one that panics.
type parser func(*parsedFrame, []parsedEvent, []byte, []*storedEntry) ([]parsedEvent, error)

// parse is the workers' part: every frame of the chunk, references resolved.
func (c *chunk) parse(parse parser) {
	for _, f := range c.frames {
		c.parsed = append(c.parsed, parsedFrame{seq: f.seq, receivedAt: f.receivedAt})
		p := &c.parsed[len(c.parsed)-1]
		payload := c.payloads[f.start:f.end]
		c.parseOne(p, payload, parse)
		if p.err != nil && !errors.Is(p.err, errEntryMissing) {
			p.raw, p.held = append([]byte(nil), payload...), elementsHeld(payload)
		}
	}
	c.names = nameFrames(c.parsed, c.names)
	c.ready <- struct{}{}
}

// parseOne survives a bug: a frame that makes the parser panic would do so again
// after a restart, and hold up all that came after it. It goes to quarantine with
// its bytes, as one that is damaged.
func (c *chunk) parseOne(p *parsedFrame, payload []byte, parse parser) {
	defer func() {
		if bug := recover(); bug != nil {
			// Nothing of what was read is kept, see elementsHeld.
			*p = parsedFrame{seq: p.seq, receivedAt: p.receivedAt, recorder: p.recorder, err: fmt.Errorf("parsing panicked: %v", bug)}
		}
	}()
	c.events, p.err = parse(p, c.events, payload, c.dict)
}
