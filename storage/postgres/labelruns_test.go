package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage"
	"stormdrain/storage/postgres/runs"
	"stormdrain/storage/storagetest"
)

// tinyRuns have everything happen with a few label sets.
var tinyRuns = runSizes{together: 2, most: 1 << 22, ahead: 1, buffer: 100, pageBytes: 40, pairs: 10, indexing: 3}

// errMerging says that somebody merges runs at this moment: none are seen then.
var errMerging = errors.New("runs are being merged")

// mustBeIndexed checks that each label set is in one run, with all of its keys.
func (s *Store) mustBeIndexed(t *testing.T) {
	t.Helper()
	err := errMerging
	for tries := 0; errors.Is(err, errMerging) && tries < 10_000; tries++ {
		err = s.checkIndex(t)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (s *Store) checkIndex(t *testing.T) error {
	t.Helper()
	type entry struct {
		key    runs.Key
		number int64
	}
	indexed := map[entry]int{}
	all := 0
	err := s.merger.transaction(t.Context(), func(m *mergeTransaction, rs []labelRun) error {
		if len(rs) == 0 {
			err := query(t.Context(), m.c, `SELECT number FROM label_runs LIMIT 1`, arguments{}, func(row) error { return errMerging })
			if err != nil {
				return err
			}
		}
		for _, r := range rs {
			sets := int64(0)
			for src := m.source(t.Context(), r); ; {
				e, ok, err := src.Next()
				if err != nil {
					return err
				}
				if !ok {
					break
				}
				for n := e.First; n <= e.Last; n++ {
					indexed[entry{e.Key, n}]++
					if n < r.First || n > r.Last {
						t.Errorf("run %+v has label set %d", r, n)
					}
					if e.Key == runs.All {
						sets++
					}
				}
			}
			if sets != r.Sets {
				t.Errorf("run %+v has %d label sets", r, sets)
			}
		}
		return query(t.Context(), m.c, `SELECT id, fingerprint, labels FROM label_sets`, arguments{}, func(v row) error {
			set, err := labelSet(v, 1)
			keys := []runs.Key{runs.All, runs.KeyOf(set.Fingerprint)}
			for _, p := range set.Labels {
				keys = append(keys, labelKey(p.Name, p.Value))
			}
			for _, k := range keys {
				if n := indexed[entry{k, v.int8(0)}]; n != 1 {
					t.Errorf("label set %d, %v: key %x is there %d times", v.int8(0), set.Labels, k, n)
				}
			}
			all++
			return err
		})
	})
	if err == nil && all == 0 {
		t.Error("no label set, so nothing was checked")
	}
	return err
}

// manySets makes a delivery with alerts whose labels are: of all, of one in three, of
// one in seven, and their own.
func manySets(seq uint64, first, n int) storagetest.Delivery {
	d := delivery(seq)
	d.Alerts = nil
	for i := range n {
		k := first + i
		d.Alerts = append(d.Alerts, storagetest.Alert{
			Index: int32(i), EndsAt: alert.NoTime,
			Labels: storagetest.Labels("all", "x", "own", fmt.Sprint(k), "seven", fmt.Sprint(k%7), "three", fmt.Sprint(k%3)),
		})
	}
	return d
}

// found asks for label sets in pages, as a search does, and returns their label own.
func (s *Store) found(t *testing.T, limit int, equal ...alert.Pair) (own []string) {
	t.Helper()
	after := int64(math.MinInt64)
	for {
		page, err := reader{pool: s.pool}.Candidates(t.Context(), storage.Narrowing{Equal: equal}, after, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page {
			if c.Number <= after {
				t.Fatalf("number %d behind %d", c.Number, after)
			}
			after = c.Number
			for _, p := range c.Set.Labels {
				if p.Name == "own" {
					own = append(own, p.Value)
				}
			}
		}
		if len(page) < limit {
			return own
		}
	}
}

// TestLookup compares what is found with what there is, over runs of all sizes.
func TestLookup(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.merger.sizes = tinyRuns
	s.merger.sizes.together = 5
	s.mustPosition(t)
	const sets = 500
	r := rand.New(rand.NewPCG(1, 1))
	for seq, n := uint64(0), 0; n < sets; seq++ {
		more := min(1+r.IntN(1+r.IntN(120)), sets-n)
		s.mustWrite(t, journal, seq, manySets(seq+1, n, more))
		n += more
	}
	f := func(has func(k int) bool, equal ...alert.Pair) {
		t.Helper()
		var want []string
		for k := range sets {
			if has(k) {
				want = append(want, fmt.Sprint(k))
			}
		}
		slices.Sort(want)
		for _, limit := range []int{7, 1000} {
			got := s.found(t, limit, equal...)
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("%v: %d found, want %d", equal, len(got), len(want))
			}
		}
	}
	for range 2 { // while runs are merged, and at rest
		f(func(int) bool { return true }, alert.Pair{Name: "all", Value: "x"})
		f(func(k int) bool { return k%3 == 1 }, alert.Pair{Name: "three", Value: "1"})
		f(func(k int) bool { return k%21 == 5 }, alert.Pair{Name: "three", Value: "2"}, alert.Pair{Name: "all", Value: "x"}, alert.Pair{Name: "seven", Value: "5"})
		f(func(k int) bool { return k == 77 }, alert.Pair{Name: "own", Value: "77"}, alert.Pair{Name: "all", Value: "x"})
		f(func(k int) bool { return false }, alert.Pair{Name: "own", Value: "77"}, alert.Pair{Name: "three", Value: "0"})
		f(func(k int) bool { return false }, alert.Pair{Name: "all", Value: "y"})
		s.merger.done.Wait()
	}
	s.mustBeIndexed(t)
}

// TestMergesLeaveFewRuns writes one label set at a time.
func TestMergesLeaveFewRuns(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.OnMergeFailure(func(err error) { t.Error(err) })
	s.mustPosition(t)
	const sets = 80
	for seq := range uint64(sets) {
		s.mustWrite(t, journal, seq, manySets(seq+1, int(seq), 1))
	}
	s.merger.done.Wait()
	if err := s.merger.run(t.Context(), false); err != nil { // what came since it last looked
		t.Fatal(err)
	}
	if n := s.rows(t, "label_runs"); n > 2*7 {
		t.Errorf("%d runs of %d label sets", n, sets)
	}
	if n := s.rows(t, "label_pages WHERE run NOT IN (SELECT number FROM label_runs)"); n > 0 {
		t.Errorf("%d pages of no run", n)
	}
	s.mustBeIndexed(t)
}

// TestMergeThatBreaksOff: what was stays, and the next one does it.
func TestMergeThatBreaksOff(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.merger.sizes = tinyRuns
	s.merger.sizes.together = 1000
	s.mustPosition(t)
	s.mustWrite(t, journal, 0, manySets(1, 0, 50))
	before := s.rows(t, "label_runs")
	s.merger.sizes.together = 2
	broken := errors.New("broken")
	err := s.merger.transaction(t.Context(), func(m *mergeTransaction, all []labelRun) error {
		if err := m.merge(t.Context(), m.sizes.choose(all), nil); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if n := s.rows(t, "label_runs"); n != before {
		t.Errorf("%d runs, before %d", n, before)
	}
	s.mustBeIndexed(t)
	if err := s.merger.run(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if n := s.rows(t, "label_runs"); n >= before {
		t.Errorf("%d runs, before %d", n, before)
	}
	s.mustBeIndexed(t)
}

// TestMergeFailureIsReported damages a page.
func TestMergeFailureIsReported(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.merger.sizes.together = 2
	s.merger.written = 0
	failed := make(chan error, 10)
	s.OnMergeFailure(func(err error) { failed <- err })
	s.mustPosition(t)
	s.mustWrite(t, journal, 0, delivery(1))
	s.mustExec(t, `UPDATE label_pages SET packed = '\xff'`)
	s.mustWrite(t, journal, 1, manySets(2, 0, 1))
	if err := <-failed; !errors.Is(err, runs.ErrDamaged) {
		t.Errorf("got %v", err)
	}
	s.merger.done.Wait()
	for seq := range uint64(6) { // it has tried after 2; the next are after 4 more and 8 more
		s.mustWrite(t, journal, 2+seq, manySets(3+seq, int(3+seq), 1))
		s.merger.done.Wait()
	}
	if n := 1 + len(failed); n != 2 {
		t.Errorf("with 6 more runs it has tried %d times, want 2", n)
	}
	_, err := reader{pool: s.pool}.Candidates(t.Context(), storage.Narrowing{Equal: []alert.Pair{{Name: "alertname", Value: "A"}}}, 0, 10)
	if !errors.Is(err, runs.ErrDamaged) {
		t.Errorf("who reads gets %v", err)
	}
}

// TestRunsOfManyProcesses has several write, merge and read at once.
func TestRunsOfManyProcesses(t *testing.T) {
	t.Parallel()
	const processes, batches, sets = 3, 12, 7
	d := newDatabases(t)
	var wg sync.WaitGroup
	for p := range processes {
		s := d.open(t)
		s.merger.sizes = tinyRuns
		s.OnMergeFailure(func(err error) { t.Error(err) })
		own := alert.ID{byte(p + 1)}
		wg.Go(func() {
			if _, err := s.Position(t.Context(), own); err != nil {
				t.Error(err)
				return
			}
			for seq := range uint64(batches) {
				first := (p*batches + int(seq)) * sets
				if err := s.Write(t.Context(), storagetest.Batch(own, seq, manySets(seq+1, first, sets))); err != nil {
					t.Error(err)
				}
				page, err := reader{pool: s.pool}.Candidates(t.Context(), storage.Narrowing{Equal: []alert.Pair{{Name: "own", Value: fmt.Sprint(first)}}}, 0, 10)
				if err != nil || len(page) != 1 {
					t.Errorf("process %d, batch %d: %d found, %v", p, seq, len(page), err)
				}
			}
			s.merger.done.Wait()
		})
	}
	wg.Wait()
	s := d.open(t)
	s.merger.sizes = tinyRuns
	if n := len(s.found(t, 10, alert.Pair{Name: "all", Value: "x"})); n != processes*batches*sets {
		t.Errorf("%d found, want %d", n, processes*batches*sets)
	}
	s.mustBeIndexed(t)
}

// beginLookup holds a connection until the test ends.
func (s *Store) beginLookup(t *testing.T, keys ...runs.Key) *lookup {
	t.Helper()
	c, release, err := s.pool.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	t.Cleanup(func() { rollback(context.Background(), c) })
	l := &lookup{c: c, keys: keys}
	if err := l.begin(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	return l
}

// TestReaderWhileRunsAreMerged begins to read, and goes on when its runs are gone.
func TestReaderWhileRunsAreMerged(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.merger.sizes = tinyRuns
	s.merger.sizes.together = 1000
	s.mustPosition(t)
	const sets = 60
	s.mustWrite(t, journal, 0, manySets(1, 0, sets))
	l := s.beginLookup(t, labelKey("all", "x"))
	s.merger.sizes.together = 2
	if err := s.merger.run(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	numbers, err := l.next(t.Context(), 2*sets)
	if err != nil || len(numbers) != sets {
		t.Errorf("%d found, want %d; %v", len(numbers), sets, err)
	}
}

// TestThinning removes label sets as a sweep does, some of some runs and all of others.
func TestThinning(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.merger.sizes = tinyRuns
	s.merger.sizes.together, s.merger.sizes.pairs = 1000, 0
	s.mustPosition(t)
	for seq := range uint64(4) {
		s.mustWrite(t, journal, seq, manySets(seq+1, int(seq)*100, 100))
	}
	s.mustExec(t, `DELETE FROM label_sets l USING (SELECT first_id, last_id, row_number() OVER (ORDER BY first_id) AS n FROM label_runs) r
		WHERE l.id BETWEEN r.first_id AND r.last_id AND CASE n WHEN 1 THEN true WHEN 2 THEN l.id % 4 > 0 WHEN 3 THEN l.id % 4 = 0 ELSE false END`)
	s.merger.removed()
	s.merger.done.Wait()
	if got := s.mustQuery(t, `SELECT string_agg(sets::text, ' ' ORDER BY first_id) FROM label_runs`); got[0] != "25 100 100" {
		t.Errorf("runs of %s label sets, want 25, 100 and 100", got[0])
	}
	if n := len(s.found(t, 10, alert.Pair{Name: "all", Value: "x"})); n != 25+75+100 {
		t.Errorf("%d found, want 200", n)
	}
	s.mustBeIndexed(t)
}

// withoutRuns takes a database back to schema 4; the blocks that it had then are of
// no use to anybody.
const withoutRuns = `DROP TABLE label_runs, label_pages, label_indexing;
	CREATE TABLE label_blocks (first_id bigint NOT NULL, last_id bigint NOT NULL, keys bigint[] NOT NULL);
	INSERT INTO label_blocks SELECT id, id, ARRAY[fingerprint] FROM label_sets;
	CREATE INDEX label_blocks_keys ON label_blocks USING gin (keys); CREATE INDEX label_blocks_numbers ON label_blocks (last_id);
	DELETE FROM stormdrain_schema WHERE version = 5`

// TestMigrationIndexesLabelSets begins to, is broken off, and goes on.
func TestMigrationIndexesLabelSets(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	old := d.open(t)
	old.mustPosition(t)
	odd := delivery(2)
	odd.Alerts[0].Labels = storagetest.Labels("a", "\x00\"\\ü\u2028", "own", "odd")
	old.mustWrite(t, journal, 0, manySets(1, 0, 10), odd)
	old.mustExec(t, withoutRuns)
	old.Close()

	s := d.open(t)
	s.merger.sizes = tinyRuns
	broken := d.open(t)
	if err := broken.brokenMigration(t, tinyRuns); err != nil {
		t.Fatal(err)
	}
	if n := len(broken.found(t, 10, alert.Pair{Name: "all", Value: "x"})); n == 0 || n == 10 {
		t.Errorf("%d label sets were indexed before it was broken off", n)
	}
	if got := s.mustPosition(t); got != 2 {
		t.Fatalf("position %d, want 2", got)
	}
	s.mustBeIndexed(t)
	if n := len(s.found(t, 3, alert.Pair{Name: "all", Value: "x"})); n != 10 {
		t.Errorf("%d found, want 10", n)
	}
	if got := s.found(t, 3, odd.Alerts[0].Labels.Labels[0]); !slices.Equal(got, []string{"odd"}) {
		t.Errorf("found %q", got)
	}
	if n := s.rows(t, "label_indexing"); n != 0 {
		t.Error("it is not over")
	}
}

// brokenMigration changes the schema and indexes some label sets, not all.
func (s *Store) brokenMigration(t *testing.T, z runSizes) error {
	c, release, err := s.pool.acquire(t.Context())
	if err != nil {
		return err
	}
	defer release()
	if err := migrateSchema(t.Context(), c); err != nil {
		return err
	}
	more, err := indexSomeSets(t.Context(), c, z)
	if err == nil && !more {
		err = errors.New("that was all")
	}
	return err
}

// TestMigrationWaitsForWriters migrates an empty database while a program of the
// schema before writes its first label set.
func TestMigrationWaitsForWriters(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	old := d.open(t)
	old.mustPosition(t)
	old.mustExec(t, withoutRuns)
	c, release, err := old.pool.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	const write = `BEGIN; INSERT INTO label_sets VALUES (7, '00000000-0000-0000-0000-000000000007', 7, '{"all":"x","own":"7"}', '', '');
		INSERT INTO label_blocks VALUES (7, 7, '{7}')`
	if err := c.Exec(t.Context(), write).Close(); err != nil {
		t.Fatal(err)
	}
	s := d.open(t)
	migrated := make(chan error, 1)
	go func() { migrated <- s.migrate(t.Context()) }()
	for waiting := false; !waiting; {
		waiting = old.rows(t, "pg_locks WHERE NOT granted AND relation = 'label_blocks'::regclass") > 0
	}
	if err := c.Exec(t.Context(), `COMMIT`).Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-migrated; err != nil {
		t.Fatal(err)
	}
	s.mustBeIndexed(t)
}

// TestLookupAmongLabelSetsThatAreGone: retention has removed nearly all, and their runs
// are as they were.
func TestLookupAmongLabelSetsThatAreGone(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.mustPosition(t)
	const sets = 3000
	s.mustWrite(t, journal, 0, manySets(1, 0, sets))
	s.mustExec(t, `DELETE FROM label_sets WHERE id NOT IN (
		(SELECT id FROM label_sets ORDER BY id LIMIT 9) UNION ALL (SELECT id FROM label_sets ORDER BY id DESC LIMIT 91))`)
	if n := len(s.found(t, 10, alert.Pair{Name: "all", Value: "x"})); n != 100 {
		t.Errorf("%d found, want 100", n)
	}
	l := s.beginLookup(t, labelKey("all", "x"))
	page, err := l.page(t.Context(), 10)
	if err != nil || len(page) != 10 {
		t.Errorf("%d found, want 10; %v", len(page), err)
	}
	if l.rounds > 10 {
		t.Errorf("%d rounds for a page among %d that are gone", l.rounds, sets)
	}
}
