package postgres

import (
	"cmp"
	"context"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/storage/postgres/runs"
)

// The runs of the index become fewer by being merged: who looks for a key looks
// into each. Runs of about the same size are merged when there are enough of them, so that an
// entry is written anew once for each eightfold that its run grows by.
//
// Writers know nothing of it. A merge reads runs, which nobody changes, writes a
// new one and removes them, all in one transaction: whoever has a snapshot finds each
// label set in one run, before and after, and a crash leaves what was. Processes that
// share a database take turns by a lock that nobody waits for.

// runSizes say which runs are merged; tests make them tiny.
type runSizes struct {
	together  int   // so many of a size are merged
	most      int64 // label sets of a run: what has half as many stays as it is
	ahead     int   // pages of each run that are read at a time
	buffer    int   // bytes that are written at a time
	pageBytes int   // see runs.Builder
	pairs     int   // see runs.Builder
	indexing  int   // label sets of an earlier schema that are indexed in one transaction
}

// A merge of the largest runs takes some seconds. At 50 million label sets there are
// a dozen or two of these, and some tens of smaller ones.
var defaultRunSizes = runSizes{together: 8, most: 1 << 22, ahead: 64, buffer: 1 << 20, indexing: 1 << 16}

// mostTogether is how many runs are merged at once when there are more than enough.
const mostTogether = 32

func (z runSizes) builder() runs.Builder {
	return runs.Builder{PageBytes: z.pageBytes, MaxPairs: z.pairs}
}

// choose returns runs to merge, or nothing.
func (z runSizes) choose(all []labelRun) []labelRun {
	var levels [22][]labelRun
	for _, r := range all {
		if r.Sets <= z.most/2 {
			level := (bits.Len64(uint64(r.Sets)) - 1) / 3
			levels[max(0, level)] = append(levels[max(0, level)], r)
		}
	}
	for _, some := range levels {
		if len(some) < z.together {
			continue
		}
		// Neighbours: with them a run of old label sets goes as a whole.
		slices.SortFunc(some, func(a, b labelRun) int { return cmp.Compare(a.First, b.First) })
		n, sets := 0, int64(0)
		for n < min(len(some), mostTogether) && sets+some[n].Sets <= z.most {
			sets += some[n].Sets
			n++
		}
		if n > 1 {
			return some[:n]
		}
	}
	return nil
}

// merger merges in the background, when enough runs may have come.
type merger struct {
	store *Store
	sizes runSizes
	ctx   context.Context // ends with the store
	stop  context.CancelFunc
	done  sync.WaitGroup

	mu      sync.Mutex
	failed  func(error) // nil: nobody is told
	closed  bool
	running bool // the goroutine is
	written int  // runs since it last looked
	again   bool // it is to look once more
	thin    bool // and to look for runs whose label sets are gone
	fails   int  // in a row
}

func newMerger(s *Store) *merger {
	m := &merger{store: s, sizes: defaultRunSizes}
	m.ctx, m.stop = context.WithCancel(context.Background())
	m.written = m.sizes.together - 1 // who wrote before may have left some
	return m
}

// OnMergeFailure has f told why the index over label sets could not be kept in few
// pieces, which stops nobody from writing or reading; in a goroutine of the store.
func (s *Store) OnMergeFailure(f func(error)) {
	s.merger.mu.Lock()
	defer s.merger.mu.Unlock()
	s.merger.failed = f
}

// wrote is told of runs that are committed.
func (m *merger) wrote(n int) {
	if n == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.written += n; m.written >= m.sizes.together {
		m.written = 0
		m.startLocked()
	}
}

// removed is told that a sweep has removed label sets.
func (m *merger) removed() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.thin = true
	m.startLocked()
}

func (m *merger) startLocked() {
	if m.again = true; m.running || m.closed {
		return
	}
	m.running = true
	m.done.Go(m.loop)
}

// close ends a merge that is under way.
func (m *merger) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.stop()
	m.done.Wait()
}

func (m *merger) loop() {
	for {
		m.mu.Lock()
		again, thin, failed := m.again && !m.closed, m.thin, m.failed
		m.again, m.thin, m.running = false, false, again
		m.mu.Unlock()
		if !again {
			return
		}
		err := m.run(m.ctx, thin)
		if m.ctx.Err() != nil {
			continue
		}
		m.ended(err, thin)
		if err != nil && failed != nil {
			failed(fmt.Errorf("merge runs of the label index; reading gets slower, and it is tried again when more come: %w", err))
		}
	}
}

// mostSetBack bounds the doubling of ended: some eight thousand runs.
const mostSetBack = 10

// ended sets a merge back that failed, for what did once may do so for good: the next is
// when twice as many runs have come as before the last. Thinning out waits for it.
func (m *merger) ended(err error, thin bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		m.fails = 0
		return
	}
	m.fails++
	m.thin = m.thin || thin
	m.written = m.sizes.together - m.sizes.together<<min(m.fails, mostSetBack)
}

// run merges until there is nothing to merge.
func (m *merger) run(ctx context.Context, thin bool) error {
	for more := true; more; {
		err := m.transaction(ctx, func(t *mergeTransaction, all []labelRun) (err error) {
			some := m.sizes.choose(all)
			if more = some != nil; more {
				err = t.merge(ctx, some, nil)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if thin {
		return m.thinOut(ctx)
	}
	return nil
}

// lockRunsNow waits for the lock of who changes runs that are there.
var lockRunsNow = fmt.Sprintf(`SELECT pg_advisory_xact_lock(%d)`, lockRuns)

// transaction calls f in one, with no runs when another process is at it. A merge that
// is lost in a crash was none, so nobody waits for the disk.
func (m *merger) transaction(ctx context.Context, f func(t *mergeTransaction, all []labelRun) error) error {
	c, release, err := m.store.pool.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	mine, all := false, []labelRun(nil)
	err = c.Exec(ctx, `BEGIN; SET LOCAL synchronous_commit = off`).Close()
	if err == nil {
		err = query(ctx, c, fmt.Sprintf(`SELECT pg_try_advisory_xact_lock(%d)`, lockRuns), arguments{}, func(v row) error {
			mine = v.bool(0)
			return nil
		})
	}
	if err == nil && mine {
		err = query(ctx, c, `SELECT `+labelRunFields+` FROM label_runs`, arguments{}, func(v row) error {
			all = append(all, labelRunOf(v))
			return nil
		})
	}
	t := &mergeTransaction{merger: m, c: c}
	if err == nil {
		err = f(t, all)
	}
	if err == nil && t.changed {
		return commitNow(ctx, c)
	}
	rollback(ctx, c)
	return err
}

// mergeTransaction is one merge. It reads and writes in turn.
type mergeTransaction struct {
	*merger
	c      *pgconn.PgConn
	pages  runs.Pages
	packer runs.Packer
	run    labelRun // that is written
	tuples []byte

	changed bool // there is something to commit
}

// merge puts one run in the place of some; keep, if not nil, says which label sets stay.
func (t *mergeTransaction) merge(ctx context.Context, some []labelRun, keep func(number int64) bool) error {
	if err := t.begin(ctx, some); err != nil {
		return err
	}
	sources := make([]runs.Source, len(some))
	for i, r := range some {
		sources[i] = t.source(ctx, r)
	}
	add := func(e runs.Entry) {
		if e.Key == runs.All {
			t.run.Last, t.run.Sets = max(t.run.Last, e.Last), t.run.Sets+e.Last-e.First+1
		}
		t.packer.Add(e)
	}
	err := runs.Merge(sources, func(e runs.Entry) error {
		if keep == nil {
			add(e)
		} else {
			runs.Thin(e, keep, add)
		}
		if t.pages.Bytes() < t.sizes.buffer {
			return nil
		}
		t.packer.Cut()
		return t.flush(ctx)
	})
	if err != nil {
		return fmt.Errorf("merge %d runs: %w", len(some), err)
	}
	t.packer.End()
	if err := t.flush(ctx); err != nil {
		return err
	}
	if t.run.Sets > 0 {
		if err := insertRuns(ctx, t.c, t.run); err != nil {
			return err
		}
	}
	return t.remove(ctx, some)
}

// begin begins the new run, with a number that no label set will have. It is the first of a
// block, and the others are lost: a writer must not get what was fetched in a
// transaction whose end the disk need not have seen.
func (t *mergeTransaction) begin(ctx context.Context, some []labelRun) error {
	var supply supply
	if err := supply.fetch(ctx, t.c, 1); err != nil {
		return err
	}
	supply.take(1, func(_ int, n int64) { t.run.number = n })
	t.run.First = slices.MinFunc(some, func(a, b labelRun) int { return cmp.Compare(a.First, b.First) }).First
	t.packer.Begin(&t.pages, cmp.Or(t.sizes.pageBytes, runs.PageBytes), t.run.First)
	return nil
}

// flush writes the pages that are whole.
func (t *mergeTransaction) flush(ctx context.Context) (err error) {
	t.tuples, err = copyPages(ctx, t.c, t.tuples, &t.pages, func(int) int64 { return t.run.number })
	t.pages.Reset()
	return err
}

func (t *mergeTransaction) remove(ctx context.Context, some []labelRun) error {
	t.changed = true
	numbers := make([]int64, len(some))
	for i, r := range some {
		numbers[i] = r.number
	}
	for _, sql := range []string{`DELETE FROM label_pages WHERE run = ANY (`, `DELETE FROM label_runs WHERE number = ANY (`} {
		var a arguments
		if err := exec(ctx, t.c, sql+a.int8s(numbers)+`)`, a); err != nil {
			return err
		}
	}
	return nil
}

// source reads a run, some pages at a time, into memory that is used again.
func (t *mergeTransaction) source(ctx context.Context, r labelRun) runs.Source {
	s := &runSource{base: r.First, more: true}
	s.read = func() error {
		var a arguments
		sql := `SELECT ` + labelPageFields + ` FROM label_pages WHERE run = ` + a.int8(r.number)
		if s.begun {
			sql += ` AND (key, number) > (` + a.int8(int64(s.page.Key)) + `, ` + a.int8(s.page.Number) + `)`
		}
		err := query(ctx, t.c, sql+` ORDER BY key, number LIMIT `+strconv.Itoa(t.sizes.ahead), a, func(v row) error {
			begin := len(s.packed)
			s.packed = append(s.packed, v[2]...)
			s.pages = append(s.pages, runs.Page{Key: runs.Key(v.int8(0)), Number: v.int8(1), Packed: s.packed[begin:]})
			return nil
		})
		s.more = len(s.pages) == t.sizes.ahead
		return err
	}
	return s
}

// runSource gives the entries of a run.
type runSource struct {
	base int64
	read func() error // fills pages and packed, and says in more whether there are others behind

	page   runs.Page // that the cursor is in, or at the end of
	begun  bool      // there is one
	cursor runs.Cursor

	pages  []runs.Page // that come next
	packed []byte      // of all that were read last
	more   bool
}

// Next implements runs.Source.
func (s *runSource) Next() (e runs.Entry, ok bool, err error) {
	for {
		if e, ok = s.cursor.Next(); ok {
			return e, true, nil
		}
		if err := s.cursor.Err(); err != nil {
			return e, false, err
		}
		if len(s.pages) == 0 && s.more {
			s.pages, s.packed = nil, s.packed[:0]
			if err := s.read(); err != nil {
				return e, false, err
			}
		}
		if len(s.pages) == 0 {
			return e, false, nil
		}
		s.page, s.begun, s.pages = s.pages[0], true, s.pages[1:]
		s.cursor = runs.NewCursor(s.page, s.base)
	}
}
