package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"sort"

	"stormdrain/internal/alert"
)

// The numbers of dictionary entries are found by identity, which is random: a
// btree over it is written on a page for every new entry. Here each batch that
// has new entries writes them sorted, as a layer of its own, and mergeAt layers
// of about the same size become one of the next: an entry is written again a few
// times, each time in order, and a layer is a few hundred entries a row.
//
// Who looks for an entry looks into every layer of its kind. Those are few: less
// than mergeAt of each size, and sizes grow by that factor.

const (
	mergeAt = 8

	// slotBytes is an entry in a row: its identity and its number.
	slotBytes = len(alert.ID{}) + 6
	// slotsPerRow is how many there are in a row, about.
	slotsPerRow = 360
)

// layer is a sorted set of entries of one kind. Its rows divide the identities
// evenly, by their first bits.
type layer struct {
	number int64
	size   int64 // entries
	bits   int   // there are 1 << bits rows
}

// The rows of a layer have ids that begin with its number.
const layerRowBits = 32

var errNoLayer = errors.New("stored bytes are not those of a layer of identities")

// size class of a layer: layers of a class are merged when there are mergeAt.
func classOf(size int64) int { return (bits.Len64(uint64(size)) - 1) / 3 } // mergeAt is 1 << 3

func bitsFor(size int64) int { return bits.Len64(uint64(size) / uint64(slotsPerRow)) }

// partOf returns which row of a layer an identity is in.
func partOf(slot []byte, n int) int64 {
	return int64(uint64(binary.BigEndian.Uint32(slot)) >> (32 - n))
}

// slotNumber returns the number in the first slot of some.
func slotNumber(slot []byte) int64 {
	var b [8]byte
	copy(b[2:], slot[len(alert.ID{}):slotBytes])
	return int64(binary.BigEndian.Uint64(b[:]))
}

type slot [slotBytes]byte

func slotOf(id alert.ID, number int64) (s slot) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(number))
	copy(s[:], id[:])
	copy(s[len(id):], b[2:])
	return s
}

// front is the first eight bytes of an identity, which mostly tell the order of two:
// so nearly every comparison is one of numbers.
func front(id []byte) uint64 { return binary.BigEndian.Uint64(id) }

// flat sorts slots and makes one piece of them.
func flat(slots []slot) []byte {
	slices.SortFunc(slots, func(a, b slot) int {
		if c := cmp.Compare(front(a[:]), front(b[:])); c != 0 {
			return c
		}
		return bytes.Compare(a[:], b[:])
	})
	out := make([]byte, 0, len(slots)*slotBytes)
	for i := range slots {
		out = append(out, slots[i][:]...)
	}
	return out
}

// search returns the number of an entry in a row.
func search(row []byte, id []byte) (int64, bool) {
	low, high, want := 0, len(row)/slotBytes, front(id)
	for low < high {
		middle := (low + high) / 2
		slot := row[middle*slotBytes:][:slotBytes]
		c := cmp.Compare(front(slot), want)
		if c == 0 {
			c = bytes.Compare(slot[:len(id)], id)
		}
		switch {
		case c == 0:
			return slotNumber(slot), true
		case c < 0:
			low = middle + 1
		default:
			high = middle
		}
	}
	return 0, false
}

// kindFingerprint is the kind of layers that find label sets by fingerprint. A
// fingerprint is the sender's choice, so a hash of it spreads them over the rows;
// only label sets that share one are in the same row, however many they are.
const kindFingerprint = alert.KindEnvelope + 1

// printOf makes the identity under which a label set is found by fingerprint.
func printOf(fingerprint uint64, number int64) (id alert.ID) {
	hash := sha256.Sum256(binary.BigEndian.AppendUint64(nil, fingerprint))
	copy(id[:8], hash[:])
	binary.BigEndian.PutUint64(id[8:], uint64(number))
	return id
}

// labelSetsWith returns the numbers of the label sets with a fingerprint.
func labelSetsWith(ctx context.Context, c *conn, fingerprint uint64) (sets []int64, err error) {
	layers, err := layersOf(ctx, c, kindFingerprint)
	want := printOf(fingerprint, 0)
	for i := 0; i < len(layers) && err == nil; i++ {
		var row []byte
		row, err = layers[i].row(ctx, c, partOf(want[:], layers[i].bits))
		at := sort.Search(len(row)/slotBytes, func(n int) bool { return bytes.Compare(row[n*slotBytes:][:len(want)], want[:]) >= 0 })
		for row = row[at*slotBytes:]; len(row) > 0 && bytes.HasPrefix(row, want[:8]); row = row[slotBytes:] {
			sets = append(sets, slotNumber(row))
		}
	}
	return sets, err
}

// layersOf returns the layers of a kind, oldest first.
func layersOf(ctx context.Context, c *conn, kind alert.EntryKind) (all []layer, err error) {
	err = c.query(ctx, `SELECT number, size, bits FROM layers WHERE kind = ? ORDER BY number`, func(row []driver.Value) error {
		all = append(all, layer{row[0].(int64), row[1].(int64), int(row[2].(int64))})
		return nil
	}, int64(kind))
	return all, err
}

const layerRowsSQL = `SELECT id, slots FROM identities WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id`

// find calls each for those of the sorted slots that the layer has, with the
// number that they have there.
func (l layer) find(ctx context.Context, c *conn, slots []byte, each func(slot int, number int64)) error {
	const atOnce = 256 // rows
	for done := 0; done < len(slots); {
		// The slots of the next rows: slots[done:end], sorted as the rows are.
		var ids []int64
		first, end := done, done
		for ; end < len(slots); end += slotBytes {
			id := l.number<<layerRowBits | partOf(slots[end:], l.bits)
			if n := len(ids); n == 0 || ids[n-1] != id {
				if n == atOnce {
					break
				}
				ids = append(ids, id)
			}
		}
		done = end
		at := first
		err := c.query(ctx, layerRowsSQL, func(row []driver.Value) error {
			stored, ok := row[1].([]byte)
			if !ok || len(stored)%slotBytes != 0 {
				return errNoLayer
			}
			part := row[0].(int64) & (1<<layerRowBits - 1)
			for at < end && partOf(slots[at:], l.bits) < part {
				at += slotBytes
			}
			for ; at < end && partOf(slots[at:], l.bits) == part; at += slotBytes {
				if number, ok := search(stored, slots[at:at+len(alert.ID{})]); ok {
					each(at/slotBytes, number)
				}
			}
			return nil
		}, numberList(ids))
		if err != nil {
			return err
		}
	}
	return nil
}

// addLayer stores sorted slots as a new layer, and merges what has become too many.
func addLayer(ctx context.Context, c *conn, kind alert.EntryKind, slots []byte) error {
	size := int64(len(slots) / slotBytes)
	w, err := newLayer(ctx, c, kind, size)
	if err != nil {
		return err
	}
	for part := int64(0); len(slots) > 0; part++ {
		n := 0
		for n < len(slots) && partOf(slots[n:], w.bits) == part {
			n += slotBytes
		}
		if err := w.insert(ctx, c, part, slots[:n]); err != nil {
			return err
		}
		slots = slots[n:]
	}
	for {
		all, err := layersOf(ctx, c, kind)
		if err != nil {
			return err
		}
		var classes [64 / 3][]layer
		for _, l := range all {
			class := classOf(l.size)
			classes[class] = append(classes[class], l)
		}
		at := slices.IndexFunc(classes[:], func(ls []layer) bool { return len(ls) >= mergeAt })
		if at < 0 {
			return nil
		}
		if err := merge(ctx, c, kind, classes[at]); err != nil {
			return fmt.Errorf("merge %d layers of %s: %w", len(classes[at]), kind, err)
		}
	}
}

func newLayer(ctx context.Context, c *conn, kind alert.EntryKind, size int64) (l layer, err error) {
	l = layer{size: size, bits: bitsFor(size)}
	res, err := c.exec(ctx, `INSERT INTO layers (kind, size, bits) VALUES (?, ?, ?)`, int64(kind), size, int64(l.bits))
	if err == nil {
		l.number, err = res.LastInsertId()
	}
	if err == nil && l.number >= 1<<(63-layerRowBits) {
		err = errors.New("no room for more layers of identities")
	}
	return l, err
}

func (l layer) insert(ctx context.Context, c *conn, part int64, slots []byte) error {
	if len(slots) == 0 {
		return nil
	}
	_, err := c.exec(ctx, `INSERT INTO identities (id, slots) VALUES (?, ?)`, l.number<<layerRowBits|part, slots)
	return err
}

// merge makes one layer of several, row by row: memory holds one row of each.
func merge(ctx context.Context, c *conn, kind alert.EntryKind, from []layer) error {
	size := int64(0)
	for _, l := range from {
		size += l.size
	}
	into, err := newLayer(ctx, c, kind, size)
	if err != nil {
		return err
	}
	rests := make([][]byte, len(from))
	next := make([]int64, len(from)) // the row to be read
	var slots [][]byte
	var row []byte
	for part := int64(0); part < 1<<into.bits; part++ {
		slots, row = slots[:0], row[:0]
		for i, l := range from {
			for {
				for len(rests[i]) > 0 && partOf(rests[i], into.bits) == part {
					slots = append(slots, rests[i][:slotBytes])
					rests[i] = rests[i][slotBytes:]
				}
				if len(rests[i]) > 0 || next[i] > l.lastRowOf(part, into.bits) {
					break
				}
				if rests[i], err = l.row(ctx, c, next[i]); err != nil {
					return err
				}
				next[i]++
			}
		}
		slices.SortFunc(slots, bytes.Compare)
		for _, slot := range slots {
			row = append(row, slot...)
		}
		if err := into.insert(ctx, c, part, row); err != nil {
			return err
		}
	}
	for _, l := range from {
		if _, err := c.exec(ctx, `DELETE FROM identities WHERE id >= ? AND id < ?`, l.number<<layerRowBits, (l.number+1)<<layerRowBits); err != nil {
			return err
		}
		if _, err := c.exec(ctx, `DELETE FROM layers WHERE number = ?`, l.number); err != nil {
			return err
		}
	}
	return nil
}

// lastRowOf returns the last row of the layer that has identities of a part, where
// there are 1 << bits of those. The layer has more rows than parts when retention
// has removed most of its entries.
func (l layer) lastRowOf(part int64, bits int) int64 {
	if l.bits <= bits {
		return part >> (bits - l.bits)
	}
	return (part+1)<<(l.bits-bits) - 1
}

// row returns a row of the layer, nothing when it has no entries.
func (l layer) row(ctx context.Context, c *conn, part int64) (slots []byte, err error) {
	err = c.query(ctx, `SELECT slots FROM identities WHERE id = ?`, func(row []driver.Value) error {
		stored, ok := row[0].([]byte)
		if !ok || len(stored)%slotBytes != 0 {
			return errNoLayer
		}
		slots = stored
		return nil
	}, l.number<<layerRowBits|part)
	return slots, err
}
