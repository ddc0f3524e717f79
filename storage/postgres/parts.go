package postgres

import (
	"context"
	"encoding/binary"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// partEvents is how many events a row holds at most. With all five arrays that
// is 1.5 kB: less than the 2 kB above which PostgreSQL moves values elsewhere.
const partEvents = 32

// part is one row of deliveries.
type part struct {
	delivery    int32 // index in Batch.Deliveries
	number      int32 // in the delivery, from 0
	first, last int32 // its events: Batch.Events[first:last], with consecutive indexes
	total       int32 // events of the whole delivery
}

// appendParts splits a batch into rows: one or more for each delivery, also for
// one without events.
func appendParts(rows []part, b *alert.Batch) []part {
	next := int32(0)
	for i := range b.Deliveries {
		begin := len(rows)
		p := part{delivery: int32(i), first: next, last: next}
		for int(next) < len(b.Events) && b.Events[next].Delivery == p.delivery {
			if p.last > p.first && (p.last-p.first == partEvents || b.Events[next].Index != b.Events[next-1].Index+1) {
				rows = append(rows, p)
				p.number++
				p.first = next
			}
			next++
			p.last = next
		}
		rows = append(rows, p)
		for j := range rows[begin:] {
			rows[begin+j].total = p.last - rows[begin].first
		}
	}
	return rows
}

// copyParts writes the deliveries with their events.
func (t *transaction) copyParts(ctx context.Context) error {
	t.parts = appendParts(t.parts[:0], t.b)
	return t.copyRows(ctx, copyDeliveries, len(t.parts), func(dst []byte, i int) ([]byte, error) {
		return t.appendPart(dst, &t.parts[i]), nil
	})
}

func (t *transaction) appendPart(dst []byte, p *part) []byte {
	d, events := &t.b.Deliveries[p.delivery], t.b.Events[p.first:p.last]
	firstEvent := int32(0)
	if len(events) > 0 {
		firstEvent = events[0].Index
	}
	dst = binary.BigEndian.AppendUint16(dst, deliveryColumns)
	dst = appendTime(dst, d.ReceivedAt)
	dst = appendInt8(dst, alert.DeliveryNumber(t.journal, d.Seq))
	dst = appendInt4(dst, p.number)
	dst = appendInt4(dst, firstEvent)
	dst = appendInt8(dst, t.numbers[d.Envelope])
	dst = appendInt8(dst, int64(d.TruncatedAlerts))
	dst = appendInt4(dst, p.total)
	dst = appendText(dst, d.Source)
	dst = appendText(dst, d.RequestID)
	dst = appendArrayHead(dst, oidInt8, 8, len(events))
	for i := range events {
		dst = appendInt8(dst, t.numbers[events[i].Labels])
	}
	dst = appendArrayHead(dst, oidInt8, 8, len(events))
	for i := range events {
		dst = appendInt8(dst, t.numbers[events[i].Details])
	}
	dst = appendArrayHead(dst, oidTimestamptz, 8, len(events))
	open, plain := true, true
	for i := range events {
		e := &events[i]
		dst = appendTime(dst, e.StartsAt.Micros)
		open = open && e.EndsAt.IsNone()
		plain = plain && bitsOf(e) == 0
	}
	dst = appendEnds(dst, events, open)
	return appendBits(dst, events, plain)
}

func appendEnds(dst []byte, events []alert.Event, open bool) []byte {
	if open {
		return appendNull(dst)
	}
	begin := len(dst)
	dst = appendArrayHead(dst, oidTimestamptz, 8, len(events))
	for i := range events {
		if ends := events[i].EndsAt; ends.IsNone() {
			dst = appendNull(dst)
		} else {
			dst = appendTime(dst, ends.Micros)
		}
	}
	binary.BigEndian.PutUint32(dst[begin:], uint32(len(dst)-begin-4)) // nulls are shorter
	return dst
}

func appendBits(dst []byte, events []alert.Event, plain bool) []byte {
	if plain {
		return appendNull(dst)
	}
	dst = appendArrayHead(dst, oidInt4, 4, len(events))
	for i := range events {
		dst = appendInt4(dst, bitsOf(&events[i]))
	}
	return dst
}

// bitsOf is the event's element of bits.
func bitsOf(e *alert.Event) int32 {
	ends := e.EndsAt
	if ends.IsNone() {
		ends.Nanos = 0
	}
	return storage.PackBits(e.Status, e.StartsAt, ends)
}
