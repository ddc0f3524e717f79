package sqlite

import (
	"context"
	"fmt"
	"strconv"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// A bundle is closed before it holds more events than these, unless one
// delivery alone has more. Larger ones are cheaper to write, smaller ones to
// read for a single event.
const (
	bundleEvents     = 160
	bundleDeliveries = 128
)

// bundleSpan is how long a bundle may last, in microseconds: bundles received
// up to then after a moment may hold deliveries from before it.
const bundleSpan = 1e6

// bundle is the row of bundles that is being filled. Its buffers are used again.
type bundle struct {
	firstSeq, firstAt, lastAt int64
	headings, events          int    // how many
	deliveryText, eventText   []byte // JSON arrays without the bracket at the end
}

func (u *bundle) begin(d *alert.Delivery) {
	*u = bundle{
		firstSeq: int64(d.Seq), firstAt: d.ReceivedAt,
		deliveryText: append(u.deliveryText[:0], '['), eventText: append(u.eventText[:0], '['),
	}
}

// takes reports whether d with some events belongs to the bundle, too.
func (u *bundle) takes(d *alert.Delivery, events int) bool {
	return u.headings > 0 && u.headings < bundleDeliveries && u.events+events <= bundleEvents &&
		d.ReceivedAt >= u.lastAt && d.ReceivedAt-u.firstAt <= bundleSpan
}

func (u *bundle) add(d *alert.Delivery, events []alert.Event, numbers []int64) {
	base := int64(0)
	if len(events) > 0 {
		base = int64(u.events) - int64(events[0].Index)
	}
	dst := u.deliveryText
	if u.headings > 0 {
		dst = append(dst, ',')
	}
	dst = appendNumber(dst, '[', int64(d.Seq)-u.firstSeq)
	dst = appendNumber(dst, ',', d.ReceivedAt-u.firstAt)
	dst = appendNumber(dst, ',', numbers[d.Envelope])
	dst = appendNumber(dst, ',', int64(d.TruncatedAlerts))
	dst = appendNumber(dst, ',', int64(len(events)))
	dst = appendNumber(dst, ',', base)
	dst = storage.AppendString(append(dst, ','), d.Source)
	dst = storage.AppendString(append(dst, ','), d.RequestID)
	u.deliveryText = append(dst, ']')

	dst = u.eventText
	for i := range events {
		e := &events[i]
		if u.events > 0 {
			dst = append(dst, ',')
		}
		dst = appendNumber(dst, '[', int64(u.headings))
		dst = appendNumber(dst, ',', numbers[e.Labels])
		dst = appendNumber(dst, ',', numbers[e.Details])
		dst = appendNumber(dst, ',', e.StartsAt.Micros-u.firstAt)
		dst = append(u.appendRest(dst, e, int64(u.events)-base), ']')
		u.events++
	}
	u.eventText = dst
	u.headings++
	u.lastAt = d.ReceivedAt
}

// appendRest appends what most events do without: bits, end and index.
func (u *bundle) appendRest(dst []byte, e *alert.Event, index int64) []byte {
	ends := e.EndsAt
	if ends.IsNone() {
		ends.Nanos = 0
	}
	bits, gap := int64(storage.PackBits(e.Status, e.StartsAt, ends)), int64(e.Index) != index
	if bits == 0 && ends.IsNone() && !gap {
		return dst
	}
	dst = appendNumber(dst, ',', bits)
	if ends.IsNone() && !gap {
		return dst
	}
	if ends.IsNone() {
		dst = append(dst, ",null"...)
	} else {
		dst = appendNumber(dst, ',', ends.Micros-u.firstAt)
	}
	if gap {
		dst = appendNumber(dst, ',', int64(e.Index))
	}
	return dst
}

func appendNumber(dst []byte, before byte, n int64) []byte {
	return strconv.AppendInt(append(dst, before), n, 10)
}

// bundles stores the deliveries of the batch with their events.
func (w *writer) bundles(ctx context.Context) error {
	u, next, seq := &w.bundle, 0, w.b.From
	u.headings, w.values = 0, w.values[:0]
	for i := range w.b.Deliveries {
		d, first := &w.b.Deliveries[i], next
		for next < len(w.b.Events) && int(w.b.Events[next].Delivery) == i {
			next++
		}
		events := w.b.Events[first:next]
		if d.Seq <= seq || d.Seq > w.b.To {
			return &refusedError{fmt.Errorf("delivery %d comes after %d in a batch up to %d", d.Seq, seq, w.b.To)}
		}
		if err := check(d, events); err != nil {
			return &refusedError{fmt.Errorf("delivery %d: %w", d.Seq, err)}
		}
		if !u.takes(d, len(events)) {
			if err := w.endBundle(ctx); err != nil {
				return err
			}
			if err := w.keepOrder(ctx, d, seq); err != nil {
				return err
			}
			u.begin(d)
		}
		seq, w.lastAt = d.Seq, d.ReceivedAt
		u.add(d, events, w.numbers)
	}
	if next < len(w.b.Events) {
		return &refusedError{fmt.Errorf("event %d is not in the order of the deliveries", next)}
	}
	if err := w.endBundle(ctx); err != nil {
		return err
	}
	return w.insertBundles(ctx)
}

// keepOrder ends the tail before a delivery that was received earlier than the
// one before it. A journal promises that there is none; who reads by label set
// would miss events if it broke that, for within a run or a tail the last bundle
// is the newest.
func (w *writer) keepOrder(ctx context.Context, d *alert.Delivery, before uint64) error {
	if d.ReceivedAt >= w.lastAt || w.tail.weight == 0 {
		return nil
	}
	if err := w.insertBundles(ctx); err != nil {
		return err
	}
	t := w.tail
	t.upTo = alert.DeliveryNumber(w.journal, before)
	w.tail.after, w.tail.weight = t.upTo, 0
	return w.indexer.index(ctx, w.c, t)
}

const (
	bundleColumnCount = 6
	bundlesAtOnce     = 4
	insertBundleSQL   = `INSERT OR FAIL INTO bundles (id, first_at, last_at, alerts, deliveries, events) VALUES (?, ?, ?, ?, ?, ?)`
	insertBundlesSQL  = insertBundleSQL + `, (?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?)`

	// bundlesBytes bounds the text of bundles that wait for others to be inserted with.
	bundlesBytes = 256 << 10
)

// endBundle adds the bundle, if there is one, to the rows that wait in w.values.
func (w *writer) endBundle(ctx context.Context) error {
	u := &w.bundle
	if u.headings == 0 {
		return nil
	}
	u.deliveryText = append(u.deliveryText, ']')
	cut := len(u.deliveryText)
	u.deliveryText = append(append(u.deliveryText, u.eventText...), ']')
	text := string(u.deliveryText) // one for both
	w.values = append(w.values, alert.DeliveryNumber(w.journal, uint64(u.firstSeq)), u.firstAt, u.lastAt, int64(u.events), text[:cut], text[cut:])
	w.tail.weight += bundleWeight + int64(u.events)
	u.headings = 0
	if len(w.values) == bundlesAtOnce*bundleColumnCount || len(text) > bundlesBytes/bundlesAtOnce {
		return w.insertBundles(ctx)
	}
	return nil
}

// insertBundles stores the rows that wait.
func (w *writer) insertBundles(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sql, n := insertBundleSQL, bundleColumnCount
	if len(w.values) == bundlesAtOnce*bundleColumnCount {
		sql, n = insertBundlesSQL, len(w.values)
	}
	for rest := w.values; len(rest) > 0; rest = rest[n:] {
		if err := w.insert(sql, rest[:n]); err != nil {
			return fmt.Errorf("insert deliveries of bundle %v: %w", rest[0], err)
		}
	}
	w.values = w.values[:0]
	return nil
}

// check says why a delivery can never be stored.
func check(d *alert.Delivery, events []alert.Event) error {
	if err := inRange("received at", d.ReceivedAt); err != nil {
		return err
	}
	last := int32(-1)
	for i := range events {
		e := &events[i]
		err := inRange("starts at", e.StartsAt.Micros)
		if err == nil && !e.EndsAt.IsNone() {
			err = inRange("ends at", e.EndsAt.Micros)
		}
		if err == nil && e.Index <= last {
			err = fmt.Errorf("after event %d", last)
		}
		if err != nil {
			return fmt.Errorf("event %d: %w", e.Index, err)
		}
		last = e.Index
	}
	return nil
}

// inRange refuses a time that the views cannot show and Postgres cannot hold.
func inRange(what string, micros int64) error {
	if micros < storage.FirstTime || micros > storage.LastTime {
		return fmt.Errorf("%s %d µs, outside the years 0 to 9999", what, micros)
	}
	return nil
}
