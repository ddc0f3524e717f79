package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/internal/alert"
	"stormdrain/storage"
	"stormdrain/storage/fold"
	"stormdrain/storage/postgres/runs"
)

// Write implements storage.Store.
func (s *Store) Write(ctx context.Context, b *alert.Batch) error { return s.store(ctx, b, true) }

// Try implements storage.Store. Empty partitions and unused numbers may stay
// behind; nobody sees either.
func (s *Store) Try(ctx context.Context, b *alert.Batch) error { return s.store(ctx, b, false) }

func (s *Store) store(ctx context.Context, b *alert.Batch, commit bool) error {
	if err := checkTimes(b); err != nil {
		return err
	}
	c, release, err := s.pool.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	for attempt := 1; ; attempt++ {
		err := s.storeOn(ctx, c, b, commit)
		if err == nil || attempt == attempts || !errors.Is(err, errNoPartition) && !errors.Is(err, errStale) {
			return err
		}
	}
}

// attempts is how often a batch is tried that retention came in between.
const attempts = 3

// storeOn stores a batch once. When retention has removed what this process took
// for there, it forgets that.
func (s *Store) storeOn(ctx context.Context, c *pgconn.PgConn, b *alert.Batch, commit bool) error {
	if err := s.partitions.ensure(ctx, c, b.Deliveries); err != nil {
		return err
	}
	t := s.transaction(c, b)
	defer s.putBack(t)
	t.unknown, t.known = s.numbers.lookup(b.Entries, t.numbers, t.unknown)
	slices.SortFunc(t.unknown, unknown.compare)
	t.setTwinsAside()
	if err := t.fill(ctx); err != nil {
		rollback(ctx, c)
		switch err = classify(err); {
		case errors.Is(err, errNoPartition):
			s.partitions.forget()
		case errors.Is(err, errStale):
			s.numbers.renew(t.epoch)
		}
		return err
	}
	if !commit {
		rollback(ctx, c)
		return nil
	}
	if err := commitNow(ctx, c); err != nil {
		return err
	}
	s.numbers.add(b.Entries, t.numbers, t.unknown, t.epoch)
	s.folder.add(b, t.numbers, t.epoch, t.added)
	s.merger.wrote(t.runs)
	return nil
}

// commitNow never says permanent: when the connection breaks here, the rows may
// be stored.
func commitNow(ctx context.Context, c *pgconn.PgConn) error {
	results, err := c.Exec(ctx, `COMMIT`).ReadAll()
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	// The server answers ROLLBACK to the COMMIT of a transaction that failed.
	if len(results) != 1 || results[0].CommandTag.String() != "COMMIT" {
		return errors.New("commit: the server rolled back")
	}
	return nil
}

// checkTimes refuses times that the tables cannot hold, before the arithmetic
// on them overflows.
func checkTimes(b *alert.Batch) error {
	bad := func(micros int64) bool { return micros < storage.FirstTime || micros > storage.LastTime }
	for i := range b.Deliveries {
		if d := &b.Deliveries[i]; bad(d.ReceivedAt) {
			return &refusedError{fmt.Errorf("delivery %d: received_at %d µs is outside the years 0 to 9999", d.Seq, d.ReceivedAt)}
		}
	}
	for i := range b.Recorded {
		if r := &b.Recorded[i]; bad(r.At.Micros) || bad(r.ReceivedAt) {
			return &refusedError{fmt.Errorf("recorded event %x: its time %d µs or received_at %d µs is outside the years 0 to 9999", r.ID, r.At.Micros, r.ReceivedAt)}
		}
	}
	for i := range b.Events {
		e := &b.Events[i]
		if bad(e.StartsAt.Micros) || !e.EndsAt.IsNone() && bad(e.EndsAt.Micros) {
			return &refusedError{fmt.Errorf("delivery %d, alert %d: starts_at %d µs or ends_at %d µs is outside the years 0 to 9999",
				b.Deliveries[e.Delivery].Seq, e.Index, e.StartsAt.Micros, e.EndsAt.Micros)}
		}
	}
	return nil
}

// transaction is one batch on its way into the tables.
type transaction struct {
	c      *pgconn.PgConn
	b      *alert.Batch
	supply *supply
	expect *expectation

	journal int32     // its number
	numbers []int64   // of b.Entries, 0 while there is none
	unknown []unknown // the entries that were not in the cache, sorted
	missing []unknown // those of them that are not in the tables, or not expected to be
	twins   []twin

	known int64 // the epoch that numbers out of the cache are of
	epoch int64 // the one that it is
	below int64 // of the sweep under way; 0: there is none

	added  []addedSet // label sets
	names  fold.Names // of their severities
	parts  []part
	index  runs.Builder // of the label sets that are new
	runs   int          // of the index that were written
	tuples []byte       // between two COPYs
}

// transaction begins one, with the buffers of one that is over.
func (s *Store) transaction(c *pgconn.PgConn, b *alert.Batch) *transaction {
	t := s.spare.Swap(nil)
	if t == nil {
		t = &transaction{supply: &s.supply, expect: &s.expect, index: s.merger.sizes.builder()}
	}
	t.c, t.b, t.journal, t.epoch, t.below, t.runs = c, b, 0, 0, 0, 0
	t.numbers = slices.Grow(t.numbers[:0], len(b.Entries))[:len(b.Entries)]
	clear(t.numbers)
	t.added = t.added[:0]
	return t
}

// maxSpare is how many elements a buffer may have that is kept for the next
// batch: some 3 MB in all.
const maxSpare = 1 << 15

// putBack keeps the buffers for the next batch, but not what a giant one needed.
func (s *Store) putBack(t *transaction) {
	t.c, t.b = nil, nil
	t.index.Reset()
	t.numbers, t.unknown, t.missing, t.parts = spare(t.numbers), spare(t.unknown), spare(t.missing), spare(t.parts)
	t.twins, t.added = spare(t.twins), spare(t.added)
	if cap(t.tuples) > 2*tupleBytes {
		t.tuples = nil
	}
	s.spare.Store(t)
}

func spare[T any](buf []T) []T {
	if cap(buf) > maxSpare {
		return nil
	}
	return buf[:0]
}

// fill does everything but the commit.
func (t *transaction) fill(ctx context.Context) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	if err := t.insertMissing(ctx, t.missing); err != nil {
		return err
	}
	for _, w := range t.twins {
		t.numbers[w.index] = t.numbers[w.of]
	}
	if err := t.report(ctx); err != nil {
		return fmt.Errorf("write down what was learned for retention: %w", err)
	}
	if len(t.b.Deliveries) > 0 {
		if err := t.copyParts(ctx); err != nil {
			return fmt.Errorf("copy %d deliveries with %d events, positions %d to %d: %w",
				len(t.b.Deliveries), len(t.b.Events), t.b.From, t.b.To, err)
		}
	}
	return t.insertRecorded(ctx)
}

// begin opens the transaction, moves the position and looks unknown entries up,
// in one round trip. Its lock comes first: behind it the epoch stands still, and
// each statement sees what was committed before it. Moving the position first makes a batch that comes twice
// cheap, and a second writer of the journal wait.
func (t *transaction) begin(ctx context.Context) (err error) {
	var move arguments
	sql := `UPDATE journals SET position = ` + move.int8(int64(t.b.To)) + `, moved_at = now()
		WHERE id = ` + move.uuid(t.b.Journal) + ` AND position = ` + move.int8(int64(t.b.From)) +
		` RETURNING number, (SELECT epoch FROM retention), (SELECT below FROM retention)`
	batch := &pgconn.Batch{}
	batch.ExecParams(`BEGIN`, nil, nil, nil, nil)
	batch.ExecParams(shareDictionary, nil, nil, nil, nil)
	batch.ExecParams(sql, move.values, move.oids, allBinary(), allBinary())
	var asked [][]unknown
	byKind(t.unknown, func(kind alert.EntryKind, which []unknown) error {
		if !t.expect.isNew(kind) {
			t.ask(batch, kind, which)
			asked = append(asked, which)
		}
		return nil
	})

	answers := t.c.ExecBatch(ctx, batch)
	defer func() {
		if closeErr := answers.Close(); closeErr != nil {
			err = closeErr
		}
	}()
	for i := 0; answers.NextResult(); i++ {
		rr := answers.ResultReader()
		switch i {
		case 0, 1:
			_, err = rr.Close()
		case 2:
			err = readRows(rr, func(v row) error {
				t.journal, t.epoch, t.below = v.int4(0), v.int8(1), v.int8(2)
				return nil
			})
		default:
			which, found := asked[i-3], 0
			if found, err = t.answer(rr, which); err == nil {
				t.expect.learn(which[0].kind, len(which), found)
			}
		}
		if err != nil {
			return err
		}
	}
	if t.journal == 0 {
		return fmt.Errorf("journal %x from %d to %d: %w", t.b.Journal, t.b.From, t.b.To, storage.ErrPosition)
	}
	if t.epoch != t.known {
		return errStale
	}
	for _, u := range t.unknown {
		if t.numbers[u.index] == 0 {
			t.missing = append(t.missing, u)
		}
	}
	return nil
}
