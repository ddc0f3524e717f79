package runs

import (
	"encoding/binary"
	"errors"
)

// ErrDamaged says that a page is not what a Packer makes.
var ErrDamaged = errors.New("a page of the index is damaged")

// Cursor goes through the entries of a page.
type Cursor struct {
	base   int64
	key    Key
	rest   []byte
	left   uint64 // entries of the key that are to come
	before int64  // Last of the entry before, if it is of the same key
	within bool   // behind the first key, which is the page's: from here on keys rise
	bad    bool
}

// NewCursor borrows the page of a run whose first label set is base.
func NewCursor(p Page, base int64) Cursor { return Cursor{base: base, key: p.Key, rest: p.Packed} }

// Next returns the next entry; ok is false behind the last, and where the page is
// damaged, which Err tells apart.
func (c *Cursor) Next() (e Entry, ok bool) {
	if c.left == 0 {
		if len(c.rest) == 0 {
			return e, false
		}
		step := c.varint()
		c.key += Key(step >> 1)
		c.bad = c.bad || c.within && step>>1 == 0
		c.left, c.before, c.within = 1, c.base, true
		if step&1 != 0 {
			c.left = c.varint()
		}
	}
	gap := c.varint()
	e = Entry{c.key, c.before + int64(gap>>1), 0}
	e.Last = e.First
	if gap&1 != 0 {
		e.Last += int64(c.varint()) + 1
	}
	if c.bad || c.left == 0 || c.key>>keyBits != 0 || e.First < c.before || e.Last < e.First {
		c.bad, c.rest, c.left = true, nil, 0
		return Entry{}, false
	}
	c.left, c.before = c.left-1, e.Last
	return e, true
}

func (c *Cursor) varint() uint64 {
	v, n := binary.Uvarint(c.rest)
	if n <= 0 {
		c.bad, n = true, len(c.rest)
	}
	c.rest = c.rest[n:]
	return v
}

// Err returns ErrDamaged if that is why the cursor is at the end.
func (c *Cursor) Err() error {
	if c.bad {
		return ErrDamaged
	}
	return nil
}
