package postgres

import (
	"context"
	"errors"
	"fmt"
)

// Writers and retention agree on which dictionary rows may go. Retention sweeps
// the dictionaries now and then, and each sweep begins an epoch. Three rules:
//
//  1. A writer's transaction holds lockDictionary, shared, from its beginning.
//     Retention begins an epoch and removes rows under the same lock, exclusive.
//  2. A transaction uses no number that was learned in another epoch: it reads the
//     epoch first, and when that has moved on, the cache is emptied and the
//     transaction begins again.
//  3. While a sweep is under way, a transaction writes the numbers that it has
//     learned, below the sweep's bound, into retention_uses.
//
// So when an epoch begins, no transaction is under way, and what was committed
// before is found by reading the tables. A number that is used later was learned
// later, so it is in retention_uses before anybody can have it in a cache; or it
// is a new one above the bound.
//
//	writer                           retention
//	looks 17 up, uses it
//	                                 wants to remove 17: waits for the lock
//	writes 17 into retention_uses
//	commits
//	                                 has the lock, reads retention_uses, leaves 17

// shareDictionary is the first rule's lock, until the end of the transaction.
var shareDictionary = fmt.Sprintf(`SELECT pg_advisory_xact_lock_shared(%d)`, lockDictionary)

// errStale says that numbers in the cache are of another epoch.
var errStale = errors.New("the dictionaries were swept meanwhile")

// report writes down what the transaction has learned: what it looked up, and
// new rows whose numbers were fetched before the sweep began.
func (t *transaction) report(ctx context.Context) error {
	if t.below == 0 {
		return nil
	}
	var learned []int64
	for _, u := range t.unknown {
		if n := t.numbers[u.index]; n < t.below {
			learned = append(learned, n)
		}
	}
	if len(learned) == 0 {
		return nil
	}
	var a arguments
	return exec(ctx, t.c, `INSERT INTO retention_uses (epoch, numbers) VALUES (`+a.int8(t.epoch)+`, `+a.int8s(learned)+`)`, a)
}
