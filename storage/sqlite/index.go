package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"stormdrain/internal/alert"
)

// The index of events by label set says which bundles have events of a set. It
// comes in runs: what a journal stores is its tail at first, and when that is
// long enough, the batch that made it so adds one run for all of it, sorted, at
// the end of postings. So the index is written once and in order, whatever the
// label sets are; a btree by label set is written on as many pages as there are
// label sets. Who reads by label set looks into each run of the time in question
// and reads the tails, in one snapshot.

// defaultIndexEvery is the weight at which a tail becomes a run. A reader takes
// all of a tail apart.
const defaultIndexEvery = 1 << 16

// bundleWeight is what a bundle adds to the weight of a tail, beside one for
// each of its events: the time to read it, in events.
const bundleWeight = 24

// blockBytes is how long a row of postings gets, if no single label set needs more.
const blockBytes = 1300

// tail is the part of a journal whose events are not indexed yet.
type tail struct {
	journal int32
	after   int64 // above every bundle that is indexed
	upTo    int64 // the last delivery that is stored
	weight  int64
}

// tailOf reads a row of number, indexed, position, unindexed.
func tailOf(row []driver.Value) tail {
	journal := int32(row[0].(int64))
	return tail{
		journal: journal,
		after:   alert.DeliveryNumber(journal, uint64(row[1].(int64))),
		upTo:    alert.DeliveryNumber(journal, uint64(row[2].(int64))),
		weight:  row[3].(int64),
	}
}

// tails returns the journals that have something to be indexed.
func tails(ctx context.Context, c *conn) (all []tail, err error) {
	err = c.query(ctx, `SELECT number, indexed, position, unindexed FROM journals WHERE unindexed > 0`,
		func(row []driver.Value) error {
			all = append(all, tailOf(row))
			return nil
		})
	return all, err
}

// indexAll makes a run of every tail, inside the caller's transaction.
func indexAll(ctx context.Context, c *conn) error {
	all, err := tails(ctx, c)
	for i := 0; i < len(all) && err == nil; i++ {
		err = new(indexer).index(ctx, c, all[i])
	}
	return err
}

// indexer makes runs. Its buffers are used again.
type indexer struct {
	ids   []int64  // of the bundles
	pairs []uint64 // label set << placeBits | place in ids
	block []byte
	sets  []byte // of one label set
}

// Room for a million bundles in a run: a tail ends long before, but a batch is
// as large as it likes.
const (
	placeBits = 20
	setBits   = 40
)

var errNoRoom = errors.New("no room in the index by label set")

// index makes a run of a tail, inside the caller's transaction.
func (x *indexer) index(ctx context.Context, c *conn, t tail) error {
	x.ids, x.pairs = x.ids[:0], x.pairs[:0]
	err := c.query(ctx, `SELECT id, events FROM bundles WHERE id > ? AND id <= ? ORDER BY id`,
		func(row []driver.Value) error {
			id := row[0].(int64)
			place := uint64(len(x.ids))
			if place >= 1<<placeBits {
				return errNoRoom
			}
			x.ids = append(x.ids, id)
			return labelSetsOf(id, row[1].(string), func(set int64) { x.pairs = append(x.pairs, uint64(set)<<placeBits|place) })
		}, t.after, t.upTo)
	if err == nil && len(x.ids) > 0 {
		err = x.insert(ctx, c)
	}
	if err != nil {
		return fmt.Errorf("index deliveries %d to %d: %w", t.after, t.upTo, err)
	}
	_, position := alert.SplitDelivery(t.upTo)
	_, err = c.exec(ctx, `UPDATE journals SET indexed = ?, unindexed = 0 WHERE number = ?`, int64(position), int64(t.journal))
	return err
}

// insert adds the run of x.ids and x.pairs.
func (x *indexer) insert(ctx context.Context, c *conn) error {
	slices.Sort(x.pairs)
	x.pairs = slices.Compact(x.pairs)
	res, err := c.exec(ctx, `
		INSERT INTO runs (first, first_at, last_at) SELECT ?1, min(first_at), max(last_at) FROM bundles WHERE id >= ?1 AND id <= ?2`,
		x.ids[0], x.ids[len(x.ids)-1])
	if err != nil {
		return err
	}
	run, err := res.LastInsertId()
	if err != nil {
		return err
	}
	x.block = x.block[:0]
	var first, last int64 // label sets of the block
	for rest := x.pairs; len(rest) > 0; {
		set := int64(rest[0] >> placeBits)
		rest = x.setOf(rest)
		if len(x.block) > 0 && len(x.block)+len(x.sets) > blockBytes {
			if err := x.insertBlock(ctx, c, run, first); err != nil {
				return err
			}
		}
		if len(x.block) == 0 {
			first, last = set, set
		}
		x.block = binary.AppendUvarint(x.block, uint64(set-last))
		x.block = binary.AppendUvarint(x.block, uint64(len(x.sets)))
		x.block = append(x.block, x.sets...)
		last = set
	}
	if len(x.block) == 0 {
		return nil // deliveries without events
	}
	return x.insertBlock(ctx, c, run, first)
}

// setOf encodes the bundles of the first label set of pairs: the differences of
// their ids. It returns the other label sets' pairs.
func (x *indexer) setOf(pairs []uint64) (rest []uint64) {
	x.sets = x.sets[:0]
	set, last := pairs[0]>>placeBits, x.ids[0]
	for len(pairs) > 0 && pairs[0]>>placeBits == set {
		id := x.ids[pairs[0]&(1<<placeBits-1)]
		x.sets = binary.AppendUvarint(x.sets, uint64(id-last))
		last = id
		pairs = pairs[1:]
	}
	return pairs
}

func (x *indexer) insertBlock(ctx context.Context, c *conn, run, firstSet int64) error {
	if run >= 1<<(63-setBits) || firstSet >= 1<<setBits {
		return errNoRoom
	}
	_, err := c.exec(ctx, `INSERT INTO postings (id, sets) VALUES (?, ?)`, run<<setBits|firstSet, x.block)
	x.block = x.block[:0]
	return err
}

var errNoBlock = errors.New("stored bytes are not those of postings")

// bundlesOf appends the ids of the bundles of some label sets in a block, which
// begins with the label set first.
func bundlesOf(dst []int64, block []byte, first, firstBundle int64, sets []int64) ([]int64, error) {
	cut := func() uint64 {
		v, n := binary.Uvarint(block)
		if n <= 0 {
			block = nil
			return 0
		}
		block = block[n:]
		return v
	}
	for set := first; len(block) > 0; {
		set += int64(cut())
		n := cut()
		if n > uint64(len(block)) || n == 0 {
			return dst, errNoBlock
		}
		if !has(sets, set) {
			block = block[n:]
			continue
		}
		rest := len(block) - int(n)
		for id := firstBundle; len(block) > rest; {
			id += int64(cut())
			dst = append(dst, id)
		}
	}
	return dst, nil
}
