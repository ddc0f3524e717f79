package postgres

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/internal/alert"
)

// lookup finds the numbers of dictionary entries by their identity.
type lookup struct {
	entries []alert.Entry
	wanted  []int32 // indexes of entries
	found   map[alert.ID]int64
}

func newLookup(entries []alert.Entry, wanted []int32) *lookup {
	return &lookup{entries: entries, wanted: wanted, found: make(map[alert.ID]int64, len(wanted))}
}

// ask adds a statement for each kind that there is something to ask of.
func (l *lookup) ask(batch *pgconn.Batch) {
	for _, kind := range kinds {
		ids := slices.DeleteFunc(slices.Clone(l.wanted), func(i int32) bool { return l.entries[i].Kind() != kind })
		if len(ids) == 0 {
			continue
		}
		arr := newArray(oidUUID, len(ids))
		for _, i := range ids {
			id := l.entries[i].ID()
			arr.uuid(&id)
		}
		var a arguments
		sql := `SELECT id, identity FROM ` + tableOf(kind) + ` WHERE identity = ANY (` + a.array(oidUUIDArray, arr) + `)`
		batch.ExecParams(sql, a.values, a.oids, allBinary(), allBinary())
	}
}

// read takes one answer: number and identity.
func (l *lookup) read(rr *pgconn.ResultReader) error {
	return readRows(rr, func(v row) error {
		l.found[v.uuid(1)] = v.int8(0)
		return nil
	})
}

// count returns how many entries of a kind were wanted and how many were found.
func (l *lookup) count(kind alert.EntryKind) (wanted, found int) {
	for _, i := range l.wanted {
		if l.entries[i].Kind() != kind {
			continue
		}
		wanted++
		if _, ok := l.found[l.entries[i].ID()]; ok {
			found++
		}
	}
	return wanted, found
}

// resolve sets numbers[i] of what was found and returns the indexes of the rest.
func (l *lookup) resolve(numbers []int64) (missing []int32) {
	for _, i := range l.wanted {
		if n, ok := l.found[l.entries[i].ID()]; ok {
			numbers[i] = n
		} else {
			missing = append(missing, i)
		}
	}
	return missing
}

// expectation says for each kind whether entries that are unknown to this process
// are new to the tables, too, going by the last ones. Then they are written
// without a look, which a label set or an annotation that never comes again
// would not repay. That it was wrong costs a savepoint.
type expectation struct {
	mu   sync.Mutex
	news map[alert.EntryKind]bool
}

// fewLookups are too few to conclude from that none was found.
const fewLookups = 32

func (x *expectation) isNew(kind alert.EntryKind) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.news[kind]
}

// learn goes by a lookup.
func (x *expectation) learn(kind alert.EntryKind, l *lookup) {
	wanted, found := l.count(kind)
	if found == 0 && wanted < fewLookups {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.news == nil {
		x.news = map[alert.EntryKind]bool{}
	}
	x.news[kind] = found == 0
}

// forget expects nothing any more.
func (x *expectation) forget() {
	x.mu.Lock()
	defer x.mu.Unlock()
	clear(x.news)
}

// insertMissing writes the entries that the tables do not have, in order of kind
// and identity: two processes that write the same ones then wait for each other
// in the same order, and never for ever. It takes it that nobody else writes them
// now, and goes back to a savepoint when somebody does or has.
func (t *transaction) insertMissing(ctx context.Context, missing []int32) error {
	if len(missing) == 0 {
		return nil
	}
	entries := t.b.Entries
	slices.SortFunc(missing, func(i, j int32) int {
		a, b := entries[i].ID(), entries[j].ID()
		return cmp.Or(cmp.Compare(entries[i].Kind(), entries[j].Kind()), bytes.Compare(a[:], b[:]))
	})
	err := t.number(ctx, missing)
	if err == nil {
		err = t.exec(ctx, `SAVEPOINT dictionary`)
	}
	if err == nil {
		err = t.copyEntries(ctx, missing)
	}
	if isRace(err) {
		t.expect.forget()
		err = t.exec(ctx, `ROLLBACK TO dictionary`)
		if err == nil {
			err = t.mergeEntries(ctx, missing)
		}
	}
	if err != nil {
		return fmt.Errorf("write %d dictionary entries: %w", len(missing), err)
	}
	return nil
}

// number gives entries the numbers that they will have.
func (t *transaction) number(ctx context.Context, missing []int32) error {
	for len(missing) > 0 {
		numbers := t.supply.take(len(missing))
		for i, n := range numbers {
			t.numbers[missing[i]] = n
		}
		if missing = missing[len(numbers):]; len(missing) > 0 {
			if err := t.supply.fetch(ctx, t.c, len(missing)); err != nil {
				return err
			}
		}
	}
	return nil
}

// byKind calls f for each kind with its part of sorted entries.
func (t *transaction) byKind(sorted []int32, f func(kind alert.EntryKind, which []int32) error) error {
	for len(sorted) > 0 {
		kind := t.b.Entries[sorted[0]].Kind()
		n := 1
		for n < len(sorted) && t.b.Entries[sorted[n]].Kind() == kind {
			n++
		}
		if err := f(kind, sorted[:n]); err != nil {
			return err
		}
		sorted = sorted[n:]
	}
	return nil
}

// copyEntries writes entries that nobody else has written.
func (t *transaction) copyEntries(ctx context.Context, missing []int32) error {
	return t.byKind(missing, func(kind alert.EntryKind, which []int32) error {
		return t.copyRows(ctx, `COPY `+tableOf(kind)+` FROM STDIN (FORMAT binary)`, entryRows(t.b.Entries, which, t.numbers))
	})
}

// mergeEntries writes those of the entries that are not there and takes the
// numbers of the others. Every row is announced before it is written, so this
// takes three times as long as copyEntries.
func (t *transaction) mergeEntries(ctx context.Context, missing []int32) error {
	return t.byKind(missing, func(kind alert.EntryKind, which []int32) error {
		table := tableOf(kind)
		if err := t.exec(ctx, `CREATE TEMPORARY TABLE new_`+table+` (LIKE `+table+`) ON COMMIT DROP`); err != nil {
			return err
		}
		if err := t.copyRows(ctx, `COPY new_`+table+` FROM STDIN (FORMAT binary)`, entryRows(t.b.Entries, which, t.numbers)); err != nil {
			return err
		}
		if err := t.exec(ctx, `INSERT INTO `+table+` SELECT * FROM new_`+table+` ORDER BY identity ON CONFLICT (identity) DO NOTHING`); err != nil {
			return err
		}
		batch, l := &pgconn.Batch{}, newLookup(t.b.Entries, which)
		l.ask(batch)
		if err := t.run(ctx, batch, l); err != nil {
			return err
		}
		if gone := l.resolve(t.numbers); len(gone) > 0 {
			return fmt.Errorf("%d %s are neither new nor there", len(gone), table)
		}
		return nil
	})
}

func (t *transaction) exec(ctx context.Context, sql string) error { return t.c.Exec(ctx, sql).Close() }

// run sends the statements of a lookup and reads the answers into it.
func (t *transaction) run(ctx context.Context, batch *pgconn.Batch, l *lookup) (err error) {
	answers := t.c.ExecBatch(ctx, batch)
	for err == nil && answers.NextResult() {
		err = l.read(answers.ResultReader())
	}
	if closeErr := answers.Close(); closeErr != nil {
		return closeErr
	}
	return err
}
