package postgres

import (
	"context"
	"errors"
	"io"
	"sync"
)

const copyDeliveries = `COPY deliveries (received_at, id, part, first_event, envelope, truncated_alerts, events, source, request_id,
	label_sets, details, starts_at, ends_at, bits) FROM STDIN (FORMAT binary)`

const deliveryColumns = 14

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
