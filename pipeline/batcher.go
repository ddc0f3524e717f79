package pipeline

import (
	"context"
	"time"

	"stormdrain/internal/alert"
)

// batcher collects parsed chunks until batchRows events wait, or until the
// oldest has waited flushInterval, and gives them to flush as one batch. It
// never splits a delivery.
//
// One goroutine, run, owns every field.
type batcher struct {
	ring          *ring
	flush         func(ctx context.Context, b *batch) error
	batchRows     int
	flushInterval time.Duration // 0: as soon as nothing more is at hand
	folding       *folding

	current *batch
	number  uint64 // of current; entries remember it
	held    *heldContents
	timer   *time.Timer
}

// batch is an alert.Batch with what the pipeline itself must remember.
type batch struct {
	alert.Batch
	rejected []rejectedDelivery
	losses   []string
	counts   []deliveryCount  // of every frame, also of those that leave nothing to store
	origins  []recordedOrigin // of Recorded, one for each
	cost     int64            // of the ring's budget
}

// deliveryCount is how many alerts the sender counted in a delivery.
type deliveryCount struct {
	seq    uint64
	alerts int
}

// recordedOrigin says where a recorded event came from, should the store refuse it.
type recordedOrigin struct {
	seq       uint64
	requestID string
	index     int32
}

// rejectedDelivery is what one delivery leaves to the quarantine.
type rejectedDelivery struct {
	frame  *parsedFrame
	alerts []rejectedAlert
}

func (b *batch) reset(journal alert.ID, from uint64) {
	clear(b.Entries)
	clear(b.Deliveries)
	clear(b.Events)
	clear(b.Recorded)
	clear(b.origins)
	*b = batch{
		Batch: alert.Batch{
			Journal: journal, From: from, To: from,
			Entries: b.Entries[:0], Deliveries: b.Deliveries[:0], Events: b.Events[:0], Recorded: b.Recorded[:0],
		},
		counts: b.counts[:0], origins: b.origins[:0],
	}
}

func (b *batcher) run(ctx context.Context) error {
	b.timer = time.NewTimer(b.flushInterval)
	b.timer.Stop()
	defer b.timer.Stop()
	for {
		select {
		case c, ok := <-b.ring.order:
			if !ok {
				return ctx.Err()
			}
			if err := b.take(ctx, c); err != nil {
				return err
			}
		case <-b.timer.C:
			if err := b.hand(ctx); err != nil {
				return err
			}
		case <-b.folding.ready():
			b.folding.fold(ctx, len(b.ring.order) > 0)
		case r := <-b.folding.done():
			b.folding.finish(ctx, r, len(b.ring.order) > 0)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (b *batcher) take(ctx context.Context, c *chunk) error {
	select {
	case <-c.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	idle := b.current.To == b.current.From
	fresh := c.fresh
	b.add(c)
	b.ring.free <- c
	if fresh != nil {
		b.ring.putContents(fresh)
	}
	if len(b.current.Events)+len(b.current.Recorded) >= b.batchRows || b.current.cost >= b.ring.budget.max/2 ||
		b.flushInterval == 0 && len(b.ring.order) == 0 {
		return b.hand(ctx)
	}
	if idle {
		b.timer.Reset(b.flushInterval)
	}
	return nil
}

// hand gives the current batch away and begins the next one where it ended.
func (b *batcher) hand(ctx context.Context) error {
	b.timer.Stop()
	if b.current.To == b.current.From {
		return nil
	}
	if err := b.flush(ctx, b.current); err != nil {
		return err
	}
	b.ring.budget.give(b.current.cost)
	b.number++
	b.held.begin(b.number)
	b.current.reset(b.current.Journal, b.current.To)
	b.folding.stored(ctx, len(b.ring.order) > 0)
	return nil
}

// add appends a chunk to the current batch and resets it.
func (b *batcher) add(c *chunk) {
	cur := b.current
	cur.cost += c.cost
	cur.losses = append(cur.losses, c.losses...)
	if c.fresh != nil {
		b.held.take(c.fresh)
	}
	events := c.events
	for i := range c.parsed {
		f := &c.parsed[i]
		mine := events[:f.events]
		events = events[f.events:]
		cur.To = f.seq
		b.addDelivery(f, mine)
	}
	c.reset()
}

func (b *batcher) addDelivery(f *parsedFrame, events []parsedEvent) {
	cur := b.current
	alerts := len(events) + len(f.rejected)
	if f.raw != nil {
		alerts = f.held
	}
	if f.recorder {
		alerts = 0
	}
	cur.counts = append(cur.counts, deliveryCount{f.seq, alerts})
	if f.err != nil {
		lost := *f
		cur.rejected = append(cur.rejected, rejectedDelivery{&lost, damagedAlerts(&lost, events)})
		return
	}
	if len(f.rejected) > 0 {
		kept := *f
		cur.rejected = append(cur.rejected, rejectedDelivery{&kept, f.rejected})
	}
	if f.recorder {
		b.addRecorded(f)
		return
	}
	n := int32(len(cur.Deliveries))
	cur.Deliveries = append(cur.Deliveries, alert.Delivery{
		Seq: f.seq, ReceivedAt: f.receivedAt, Source: f.source, RequestID: f.requestID,
		Envelope: b.indexOf(f.envelope), TruncatedAlerts: f.truncated,
	})
	for i := range events {
		ev := &events[i]
		cur.Events = append(cur.Events, alert.Event{
			Delivery: n, Index: ev.index, Status: ev.status,
			Labels: b.indexOf(ev.labels), Details: b.indexOf(ev.details),
			StartsAt: ev.startsAt, EndsAt: ev.endsAt,
		})
	}
}

// addRecorded appends what a recorder sent; there is no delivery for it.
func (b *batcher) addRecorded(f *parsedFrame) {
	cur := b.current
	for i := range f.recorded {
		r := f.recorded[i].Recorded
		r.ReceivedAt, r.Source = f.receivedAt, f.source
		cur.Recorded = append(cur.Recorded, r)
		cur.origins = append(cur.origins, recordedOrigin{f.seq, f.requestID, f.recorded[i].index})
	}
}

// indexOf returns the place of an entry in the current batch, and puts it
// there when it has none.
func (b *batcher) indexOf(e *storedEntry) int32 {
	if e.batch != b.number {
		e.batch, e.index, e.start, e.end = b.number, noIndex, 0, 0
	}
	if e.index == noIndex {
		e.index = int32(len(b.current.Entries))
		b.current.Entries = append(b.current.Entries, e)
	}
	return e.index
}
