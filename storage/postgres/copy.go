package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

const (
	copyDeliveries = `COPY deliveries (id, received_at, envelope, truncated_alerts, events, source, request_id) FROM STDIN (FORMAT binary)`
	copyEvents     = `COPY events (received_at, starts_at, ends_at, delivery, label_set, details, ord, bits) FROM STDIN (FORMAT binary)`

	deliveryColumns = 7
	eventColumns    = 8
)

// copyRows streams rows to the server.
func (t *transaction) copyRows(ctx context.Context, sql string, rows *tuples) error {
	_, err := t.c.CopyFrom(ctx, rows, sql)
	// When the connection breaks, CopyFrom returns while its goroutine may still
	// be reading: from here on it finds the end, and the batch is the caller's.
	rows.stop()
	return err
}

// tuples is COPY's binary format as an io.Reader: it encodes rows as they are
// read, some 64 KiB at a time, with no value boxed.
type tuples struct {
	mu     sync.Mutex
	row    func(dst []byte, i int) []byte // appends row i
	rows   int
	next   int
	buf    []byte // encoded and not read yet: buf[read:]
	read   int
	closed bool // the trailer is in buf
}

var (
	copySignature = []byte("PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00") // flags, extension
	copyTrailer   = []byte{0xff, 0xff}

	errStopped = errors.New("the copy is over")
)

// tupleBytes is how much is encoded ahead; pgconn reads as much at a time.
const tupleBytes = 64 << 10

func newTuples(rows int, row func(dst []byte, i int) []byte) *tuples {
	return &tuples{row: row, rows: rows, buf: append(make([]byte, 0, tupleBytes+4096), copySignature...)}
}

func (t *tuples) Read(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.row == nil {
		return 0, errStopped
	}
	if t.read == len(t.buf) {
		if t.closed {
			return 0, io.EOF
		}
		t.buf, t.read = t.buf[:0], 0
	}
	for len(t.buf) < tupleBytes && t.next < t.rows {
		t.buf = t.row(t.buf, t.next)
		t.next++
	}
	if t.next == t.rows && !t.closed {
		t.buf = append(t.buf, copyTrailer...)
		t.closed = true
	}
	n := copy(p, t.buf[t.read:])
	t.read += n
	return n, nil
}

// stop makes every later Read fail, and returns when none is under way.
func (t *tuples) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.row = nil
}

func (t *transaction) deliveryRows() *tuples {
	b := t.b
	events := make([]int32, len(b.Deliveries))
	for i := range b.Events {
		events[b.Events[i].Delivery]++
	}
	return newTuples(len(b.Deliveries), func(dst []byte, i int) []byte {
		d := &b.Deliveries[i]
		dst = binary.BigEndian.AppendUint16(dst, deliveryColumns)
		dst = appendInt8(dst, alert.DeliveryNumber(t.journal, d.Seq))
		dst = appendTime(dst, d.ReceivedAt)
		dst = appendInt8(dst, t.numbers[d.Envelope])
		dst = appendInt8(dst, int64(d.TruncatedAlerts))
		dst = appendInt4(dst, events[i])
		dst = appendText(dst, d.Source)
		return appendText(dst, d.RequestID)
	})
}

func (t *transaction) eventRows() *tuples {
	b := t.b
	return newTuples(len(b.Events), func(dst []byte, i int) []byte {
		e := &b.Events[i]
		d := &b.Deliveries[e.Delivery]
		dst = binary.BigEndian.AppendUint16(dst, eventColumns)
		dst = appendTime(dst, d.ReceivedAt)
		dst = appendTime(dst, e.StartsAt.Micros)
		ends := e.EndsAt
		if ends.IsNone() {
			ends.Nanos = 0
			dst = appendNull(dst)
		} else {
			dst = appendTime(dst, ends.Micros)
		}
		dst = appendInt8(dst, alert.DeliveryNumber(t.journal, d.Seq))
		dst = appendInt8(dst, t.numbers[e.Labels])
		dst = appendInt8(dst, t.numbers[e.Details])
		dst = appendInt4(dst, e.Index)
		return appendInt4(dst, storage.PackBits(e.Status, e.StartsAt, ends))
	})
}
