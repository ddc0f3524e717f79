package postgres

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/internal/alert"
	"stormdrain/storage/fold"
)

// unknown is an entry whose number this process does not remember.
type unknown struct {
	kind      alert.EntryKind
	high, low uint64 // its identity
	index     int32  // in Batch.Entries
}

func newUnknown(e alert.Entry, index int) unknown {
	id := e.ID()
	return unknown{e.Kind(), binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:]), int32(index)}
}

// compare is the order in which every process writes entries: two that write the
// same ones then wait for each other in the same order, and never for ever.
func (u unknown) compare(v unknown) int {
	return cmp.Or(cmp.Compare(u.kind, v.kind), cmp.Compare(u.high, v.high), cmp.Compare(u.low, v.low))
}

// twin is an entry that is in the batch twice, as one that spans two segments of
// the journal has what both define: it gets the number of the other.
type twin struct{ index, of int32 }

// setTwinsAside leaves each identity once in t.unknown, which is sorted.
func (t *transaction) setTwinsAside() {
	t.twins = t.twins[:0]
	kept := t.unknown[:0]
	for _, u := range t.unknown {
		if n := len(kept); n > 0 && kept[n-1].compare(u) == 0 {
			t.twins = append(t.twins, twin{index: u.index, of: kept[n-1].index})
			continue
		}
		kept = append(kept, u)
	}
	t.unknown = kept
}

// appendID appends the identity as an element or a field.
func (u unknown) appendID(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, 16)
	dst = binary.BigEndian.AppendUint64(dst, u.high)
	return binary.BigEndian.AppendUint64(dst, u.low)
}

// byKind calls f for each kind with its part of sorted entries.
func byKind(sorted []unknown, f func(kind alert.EntryKind, which []unknown) error) error {
	for len(sorted) > 0 {
		kind, n := sorted[0].kind, 1
		for n < len(sorted) && sorted[n].kind == kind {
			n++
		}
		if err := f(kind, sorted[:n]); err != nil {
			return err
		}
		sorted = sorted[n:]
	}
	return nil
}

// ask adds the statement that looks up entries of one kind, sorted.
func (t *transaction) ask(batch *pgconn.Batch, kind alert.EntryKind, which []unknown) {
	ids := appendDimensions(nil, oidUUID, len(which))
	for _, u := range which {
		ids = u.appendID(ids)
	}
	var a arguments
	sql := `SELECT id, identity FROM ` + tableOf(kind) + ` WHERE identity = ANY (` + a.add(oidUUIDArray, ids) + `)`
	batch.ExecParams(sql, a.values, a.oids, allBinary(), allBinary())
}

// answer takes the numbers of what was found and returns how many that are.
func (t *transaction) answer(rr *pgconn.ResultReader, which []unknown) (found int, err error) {
	err = readRows(rr, func(v row) error {
		id := v.uuid(1)
		u := unknown{kind: which[0].kind, high: binary.BigEndian.Uint64(id[:8]), low: binary.BigEndian.Uint64(id[8:])}
		if i, ok := slices.BinarySearchFunc(which, u, unknown.compare); ok {
			t.numbers[which[i].index] = v.int8(0)
			found++
		}
		return nil
	})
	return found, err
}

// expectation says for each kind whether entries that are unknown to this process
// are new to the tables, too, going by the last ones. Then they are written
// without a look, which a label set or an annotation that never comes again
// would not repay. That it was wrong costs a savepoint.
type expectation struct {
	mu   sync.Mutex
	news [alert.KindEnvelope + 1]bool
}

// fewLookups are too few to conclude from that none was found.
const fewLookups = 32

func (x *expectation) isNew(kind alert.EntryKind) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.news[kind]
}

// learn goes by a lookup.
func (x *expectation) learn(kind alert.EntryKind, wanted, found int) {
	if found == 0 && wanted < fewLookups {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.news[kind] = found == 0
}

// forget expects nothing any more.
func (x *expectation) forget() {
	x.mu.Lock()
	defer x.mu.Unlock()
	clear(x.news[:])
}

// insertMissing writes the entries that the tables do not have, sorted. It takes
// it that nobody else writes them now, and goes back to a savepoint when somebody
// does or has.
func (t *transaction) insertMissing(ctx context.Context, missing []unknown) error {
	if len(missing) == 0 {
		return nil
	}
	err := t.number(ctx, missing)
	if err == nil {
		err = t.exec(ctx, `SAVEPOINT dictionary`)
	}
	if err == nil {
		err = byKind(missing, func(kind alert.EntryKind, which []unknown) error { return t.copyEntries(ctx, kind, which) })
	}
	if isRace(err) {
		t.expect.forget()
		err = t.exec(ctx, `ROLLBACK TO dictionary`)
		if err == nil {
			err = byKind(missing, func(kind alert.EntryKind, which []unknown) error { return t.mergeEntries(ctx, kind, which) })
		}
	}
	if err != nil {
		return fmt.Errorf("write %d dictionary entries: %w", len(missing), err)
	}
	return nil
}

// number gives entries the numbers that they will have.
func (t *transaction) number(ctx context.Context, missing []unknown) error {
	for len(missing) > 0 {
		n := t.supply.take(len(missing), func(i int, number int64) { t.numbers[missing[i].index] = number })
		if missing = missing[n:]; len(missing) > 0 {
			if err := t.supply.fetch(ctx, t.c, len(missing)); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyEntries writes entries that nobody else has written.
func (t *transaction) copyEntries(ctx context.Context, kind alert.EntryKind, which []unknown) error {
	if err := t.copyInto(ctx, tableOf(kind), which); err != nil || kind != alert.KindLabelSet {
		return err
	}
	return t.copyRuns(ctx)
}

// copyInto copies entries into the table of their kind, or one like it. Content
// is read when its row's turn comes, so little of it is in memory at a time.
func (t *transaction) copyInto(ctx context.Context, table string, which []unknown) error {
	t.index.Reset()
	return t.copyRows(ctx, `COPY `+table+` FROM STDIN (FORMAT binary)`, len(which), func(dst []byte, i int) ([]byte, error) {
		u := which[i]
		content, err := t.content(u)
		if err != nil {
			return dst, err
		}
		if u.kind == alert.KindLabelSet {
			addKeys(&t.index, t.numbers[u.index], content)
			t.noteSeverity(t.numbers[u.index], content)
		}
		if dst, err = appendEntry(dst, u, t.numbers[u.index], content); err != nil {
			// The journal holds it as it is: it will not get better.
			return dst, &refusedError{fmt.Errorf("content of %s %016x%016x: %w", u.kind, u.high, u.low, err)}
		}
		return dst, nil
	})
}

// noteSeverity spares the fold that comes a look at the label set.
func (t *transaction) noteSeverity(number int64, content []byte) {
	f := alert.FieldsOf(content)
	f.Uint64() // the fingerprint
	if name, ok := fold.Share(&t.names, valueOf(f, "severity")); ok {
		t.added = append(t.added, addedSet{number, name})
	}
}

func (t *transaction) content(u unknown) ([]byte, error) {
	content, err := t.b.Entries[u.index].Content()
	if err != nil {
		return nil, fmt.Errorf("content of %s %016x%016x: %w", u.kind, u.high, u.low, err)
	}
	return content, nil
}

// mergeEntries writes those of the entries that are not there and takes the
// numbers of the others. Every row is announced before it is written, so this
// takes three times as long as copyEntries.
func (t *transaction) mergeEntries(ctx context.Context, kind alert.EntryKind, which []unknown) error {
	table := tableOf(kind)
	if err := t.exec(ctx, `CREATE TEMPORARY TABLE new_`+table+` (LIKE `+table+`) ON COMMIT DROP`); err != nil {
		return err
	}
	if err := t.copyInto(ctx, `new_`+table, which); err != nil {
		return err
	}
	if err := t.exec(ctx, `INSERT INTO `+table+` SELECT * FROM new_`+table+` ORDER BY identity ON CONFLICT (identity) DO NOTHING`); err != nil {
		return err
	}
	t.added = t.added[:0] // some are another process's
	ours := make([]int64, len(which))
	for i, u := range which {
		ours[i] = t.numbers[u.index]
	}
	found, err := t.lookUp(ctx, kind, which)
	if err != nil {
		return err
	}
	if found < len(which) {
		return fmt.Errorf("%d %s are neither new nor there", len(which)-found, table)
	}
	if kind != alert.KindLabelSet {
		return nil
	}
	t.index.Reset()
	for i, u := range which {
		if t.numbers[u.index] == ours[i] {
			content, err := t.content(u)
			if err != nil {
				return err
			}
			addKeys(&t.index, ours[i], content)
		}
	}
	return t.copyRuns(ctx)
}

// lookUp takes the numbers of entries of one kind that are in the tables.
func (t *transaction) lookUp(ctx context.Context, kind alert.EntryKind, which []unknown) (found int, err error) {
	batch := &pgconn.Batch{}
	t.ask(batch, kind, which)
	answers := t.c.ExecBatch(ctx, batch)
	for err == nil && answers.NextResult() {
		found, err = t.answer(answers.ResultReader(), which)
	}
	if closeErr := answers.Close(); closeErr != nil {
		return 0, closeErr
	}
	return found, err
}

func (t *transaction) exec(ctx context.Context, sql string) error { return t.c.Exec(ctx, sql).Close() }
