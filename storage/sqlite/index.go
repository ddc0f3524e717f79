package sqlite

import (
	"context"
	"database/sql/driver"

	"stormdrain/internal/alert"
)

// The index of events by label set is a table of its own, events_by_set, which
// is filled some thousand events at a time. In a storm every batch has events
// of every label set, so an index kept row by row is written on as many pages
// as there are label sets, for each batch: with 5 000 events of 2 000 sets, 8 MB
// of log for 0.3 MB of rows. Waiting for 20 000 events writes those pages once
// instead of four times and doubled the rate (130 000 events a second, not
// 65 000, at a million rows). What waits is the journal's tail; who reads by
// label set reads the index and then the tails, in one snapshot.

// defaultIndexEvery is how long a tail may grow, in events. A reader scans all
// of it.
const defaultIndexEvery = 20_000

// tail is the part of a journal whose events are not indexed yet.
type tail struct {
	journal int32
	after   int64 // the last delivery that is indexed
	upTo    int64 // the last delivery that is stored
	events  int64
}

// tailOf reads a row of number, indexed, position, unindexed.
func tailOf(row []driver.Value) tail {
	journal := int32(row[0].(int64))
	return tail{
		journal: journal,
		after:   alert.DeliveryNumber(journal, uint64(row[1].(int64))),
		upTo:    alert.DeliveryNumber(journal, uint64(row[2].(int64))),
		events:  row[3].(int64),
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

// index adds the tail to the index, inside the caller's transaction.
func (t tail) index(ctx context.Context, c *conn) error {
	// The order makes it one walk over the index, page after page.
	_, err := c.exec(ctx, `
		INSERT INTO events_by_set (label_set, received_at, delivery, ord)
		SELECT label_set, received_at, delivery, ord FROM events WHERE delivery > ? AND delivery <= ?
		ORDER BY label_set, received_at, delivery, ord`, t.after, t.upTo)
	if err != nil {
		return err
	}
	_, err = c.exec(ctx, `UPDATE journals SET indexed = position, unindexed = 0 WHERE number = ?`, int64(t.journal))
	return err
}

// indexAll adds every tail to the index, inside the caller's transaction.
func indexAll(ctx context.Context, c *conn) error {
	all, err := tails(ctx, c)
	for i := 0; i < len(all) && err == nil; i++ {
		err = all[i].index(ctx, c)
	}
	return err
}
