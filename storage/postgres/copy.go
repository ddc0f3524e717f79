package postgres

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

const copyDeliveries = `COPY deliveries (received_at, id, part, first_event, envelope, truncated_alerts, events, source, request_id,
	label_sets, details, starts_at, ends_at, bits) FROM STDIN (FORMAT binary)`

const deliveryColumns = 14

// copyRows streams rows to the server; row appends one.
func (t *transaction) copyRows(ctx context.Context, sql string, rows int, row func(dst []byte, i int) ([]byte, error)) (err error) {
	t.tuples, err = copyTuples(ctx, t.c, sql, t.tuples, rows, row)
	return err
}

// copyTuples does it, and gives the buffer back that it may use.
func copyTuples(ctx context.Context, c *pgconn.PgConn, sql string, buf []byte, rows int, row func(dst []byte, i int) ([]byte, error)) ([]byte, error) {
	r := newTuples(buf, rows, row)
	_, err := c.CopyFrom(ctx, r, sql)
	// When the connection breaks, CopyFrom returns while its goroutine may still
	// be reading: from here on it finds the end, and the batch is the caller's.
	buf, own := r.stop()
	if own != nil {
		err = own // the server only says that we gave up
	}
	return buf, err
}

// tuples is COPY's binary format as an io.Reader: it encodes rows as they are
// read, some 64 KiB at a time, with no value boxed. There is one for each COPY:
// somebody may hold it for longer than that takes.
type tuples struct {
	mu     sync.Mutex
	row    func(dst []byte, i int) ([]byte, error) // appends row i
	err    error                                   // of row
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

// newTuples takes buf until stop.
func newTuples(buf []byte, rows int, row func(dst []byte, i int) ([]byte, error)) *tuples {
	return &tuples{row: row, rows: rows, buf: append(slices.Grow(buf[:0], tupleBytes+4096), copySignature...)}
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
		if t.buf, t.err = t.row(t.buf, t.next); t.err != nil {
			t.row = nil
			return 0, t.err
		}
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

// stop makes every later Read fail and returns when none is under way: with the
// buffer, and why a row could not be encoded.
func (t *tuples) stop() (buf []byte, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	buf, t.row, t.buf = t.buf, nil, nil
	return buf, t.err
}
