package server

import (
	"errors"
	"io"
	"sync"
	"time"

	"stormdrain/server/compress"
)

// body is one request body, or one that is being decoded, with its share of the
// budget. It goes back to the pool as a whole.
type body struct {
	source []byte // who sent it, as its path says
	bytes  []byte // what has arrived
	held   int64  // of the budget; never less than len(bytes)
}

// setSource takes the source from a path of the webhook. False: the path is none.
func (b *body) setSource(path []byte) (ok bool) {
	b.source, ok = appendSource(b.source[:0], path)
	return ok
}

const (
	// firstRoom is what a body gets before it has sent anything: enough for a
	// usual webhook of ten alerts, so that it costs one claim on the budget. A
	// thousand senders who announce 4 MB and send nothing hold 16 MB.
	firstRoom = 16 << 10
	// keepAtMost is the largest buffer that the pool remembers.
	keepAtMost = 1 << 20
)

var (
	errTooLarge = errors.New("body larger than the limit")
	errTooShort = errors.New("body ends before its Content-Length")
	errNoRoom   = errors.New("no room for the body in time")
)

// bodies lends bodies and settles their account when they come back.
type bodies struct {
	pool sync.Pool
	room *budget
}

func newBodies(room *budget) *bodies {
	return &bodies{room: room, pool: sync.Pool{New: func() any { return new(body) }}}
}

func (p *bodies) get() *body { return p.pool.Get().(*body) }

func (p *bodies) put(b *body) {
	p.room.release(b.held)
	b.held = 0
	b.bytes = b.bytes[:0]
	if cap(b.bytes) > keepAtMost {
		b.bytes = nil
	}
	p.pool.Put(b)
}

// fill reads src into b: size bytes, or up to its end when size is -1 and then
// at most limit. Room is claimed as bytes arrive and not as they are announced,
// and doubles with them, so a body holds at most twice what it has sent, and
// firstRoom. While it grows, the old buffer and the new one exist side by side.
func (p *bodies) fill(b *body, src io.Reader, size, limit int, deadline time.Time) error {
	end := size
	if size < 0 {
		end = limit + 1 // the byte that is one too many shows that there is more
	}
	for len(b.bytes) < end {
		if int64(len(b.bytes)) == b.held {
			if err := p.grow(b, end, deadline); err != nil {
				return err
			}
		}
		n, err := src.Read(b.bytes[len(b.bytes):b.held])
		b.bytes = b.bytes[:len(b.bytes)+n]
		if err == io.EOF {
			if len(b.bytes) < size {
				return errTooShort
			}
			break
		}
		if err != nil {
			return err
		}
	}
	if len(b.bytes) > limit {
		return errTooLarge
	}
	return nil
}

// grow makes room for more of b, up to end bytes in all.
func (p *bodies) grow(b *body, end int, deadline time.Time) error {
	next := int64(min(end, max(firstRoom, 2*len(b.bytes))))
	if !p.room.acquire(next-b.held, deadline) {
		return errNoRoom
	}
	b.held = next
	if int64(cap(b.bytes)) < next {
		larger := make([]byte, len(b.bytes), next)
		copy(larger, b.bytes)
		b.bytes = larger
	}
	return nil
}

// decode replaces the content of b by what comes out of it. At an error b is as
// it was.
func (p *bodies) decode(b *body, e compress.Encoding, from *compress.Decoders, limit int, deadline time.Time) error {
	if !p.room.acquire(e.Memory(), deadline) {
		return errNoRoom
	}
	defer p.room.release(e.Memory())
	src, err := from.Get(e, b.bytes)
	if err != nil {
		return &encodingError{err}
	}
	defer src.Close()
	out := p.get()
	defer p.put(out)
	switch err := p.fill(out, src, -1, limit, deadline); err {
	case nil:
		b.bytes, out.bytes, b.held, out.held = out.bytes, b.bytes, out.held, b.held
		return nil
	case errTooLarge, errNoRoom:
		return err
	default:
		return &encodingError{err}
	}
}

// encodingError says that a body is not what its Content-Encoding says.
type encodingError struct{ err error }

func (e *encodingError) Error() string { return e.err.Error() }
func (e *encodingError) Unwrap() error { return e.err }

// roomForOne is what the largest body allowed can need by itself: compressed,
// decoded with a byte to see that there is more, and the decoder's history.
func (c *Config) roomForOne() int64 {
	return 2*int64(c.MaxRequestSize) + 1 + compress.Zstd.Memory()
}
