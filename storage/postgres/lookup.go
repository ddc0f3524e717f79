package postgres

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/internal/alert"
	"stormdrain/storage"
	"stormdrain/storage/postgres/runs"
)

// byKeys reads the label sets behind a number that have all keys, by number.
// It goes through the index only as far as that takes, in one snapshot: runs that
// are merged meanwhile stay as they were.
func (r reader) byKeys(ctx context.Context, keys []runs.Key, after int64, limit int) (page []storage.Candidate, err error) {
	if after == math.MaxInt64 {
		return nil, nil
	}
	c, release, err := r.pool.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	defer rollback(ctx, c) // it has only read
	l := &lookup{c: c, keys: keys}
	if err := l.begin(ctx, after+1); err != nil {
		return nil, err
	}
	return l.page(ctx, limit)
}

// What a lookup asks for when the sets of some numbers are gone: more each time, for there may
// be millions of these in a row, until a run is thinned out.
const (
	leastAsked = 64
	mostAsked  = 1 << 12
)

// page reads the next label sets, so many unless there are no more.
func (l *lookup) page(ctx context.Context, limit int) (page []storage.Candidate, err error) {
	for least := 0; len(page) < limit; least = min(max(2*least, leastAsked), mostAsked) {
		numbers, err := l.next(ctx, max(limit-len(page), least))
		if err != nil {
			return nil, err
		}
		if len(numbers) == 0 {
			break
		}
		l.rounds++
		if page, err = appendCandidates(ctx, l.c, page, numbers); err != nil {
			return nil, err
		}
	}
	return page[:min(len(page), limit)], nil
}

// appendCandidates reads label sets by ascending numbers; those that retention has removed
// are left out.
func appendCandidates(ctx context.Context, c *pgconn.PgConn, page []storage.Candidate, numbers []int64) ([]storage.Candidate, error) {
	var a arguments
	sets := make(map[int64]*alert.LabelSet, len(numbers))
	err := query(ctx, c, `SELECT id, fingerprint, labels FROM label_sets WHERE id = ANY (`+a.int8s(numbers)+`)`, a, func(v row) (err error) {
		sets[v.int8(0)], err = labelSet(v, 1)
		return err
	})
	for _, n := range numbers {
		if set := sets[n]; set != nil {
			page = append(page, storage.Candidate{Number: n, Set: set})
		}
	}
	return page, err
}

// lookup goes through the numbers of the label sets that have all of some keys.
type lookup struct {
	c    *pgconn.PgConn
	keys []runs.Key
	runs []*runLookup // that may have some still

	rounds int // statements that have read label sets
}

// begin reads for each run and key the page in which the first entry is, or behind which it
// would be: all in one statement.
func (l *lookup) begin(ctx context.Context, from int64) (err error) {
	keys := make([]int64, len(l.keys))
	for i, k := range l.keys {
		keys[i] = int64(k)
	}
	var a arguments
	first := a.int8(from)
	sql := `SELECT r.number, r.first_id, r.last_id, r.sets, k.n, p.key, p.number, p.packed
		FROM (SELECT * FROM label_runs WHERE last_id >= ` + first + ` OFFSET 0) r
		CROSS JOIN unnest(` + a.int8s(keys) + `) WITH ORDINALITY AS k (key, n)
		CROSS JOIN LATERAL (SELECT * FROM label_pages p
			WHERE p.run = r.number AND (p.key, p.number) <= (k.key, greatest(r.first_id, ` + first + `))
			ORDER BY p.key DESC, p.number DESC LIMIT 1) p`
	batch := &pgconn.Batch{}
	batch.ExecParams(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`, nil, nil, nil, nil)
	batch.ExecParams(sql, a.values, a.oids, allBinary(), allBinary())
	answers := l.c.ExecBatch(ctx, batch)
	defer func() {
		if closeErr := answers.Close(); closeErr != nil {
			err = closeErr
		}
	}()
	byNumber := map[int64]*runLookup{}
	for answers.NextResult() {
		err = readRows(answers.ResultReader(), func(v row) error {
			r := byNumber[v.int8(0)]
			if r == nil {
				run := labelRunOf(v)
				r = &runLookup{at: max(run.First, from)}
				byNumber[run.number] = r
				l.runs = append(l.runs, r)
			}
			r.lists = append(r.lists, newPostings(labelRunOf(v), l.keys[v.int8(4)-1], labelPage(v, 5)))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// next returns the next numbers, ascending, so many at most; none at the end.
func (l *lookup) next(ctx context.Context, limit int) (numbers []int64, err error) {
	for len(numbers) < limit && len(l.runs) > 0 {
		least := 0
		for i, r := range l.runs {
			if r.at < l.runs[least].at {
				least = i
			}
		}
		r := l.runs[least]
		if !r.found {
			if r.found, err = r.advance(ctx, l.c); err != nil {
				return nil, err
			}
			if !r.found {
				l.runs = slices.Delete(l.runs, least, least+1)
			}
			continue // others may come before it now
		}
		for ; r.at <= r.last && len(numbers) < limit; r.at++ {
			numbers = append(numbers, r.at)
		}
		r.found = r.at <= r.last
	}
	return numbers, nil
}

// runLookup is what a lookup does in one run.
type runLookup struct {
	lists []*postings // of each key
	at    int64       // the next number is this or a later one
	found bool        // it is this, and all up to last have the keys, too
	last  int64
}

// advance goes on to the next number that all lists have.
func (r *runLookup) advance(ctx context.Context, c *pgconn.PgConn) (found bool, err error) {
	r.last = math.MaxInt64
	for i := 0; i < len(r.lists); i++ {
		e, ok, err := r.lists[i].seek(ctx, c, r.at)
		if !ok || err != nil {
			return false, err
		}
		if e.First > r.at {
			r.at, r.last, i = e.First, math.MaxInt64, -1 // all lists anew
			continue
		}
		r.last = min(r.last, e.Last)
	}
	return true, nil
}

// postings is the list of the label sets of one run that have one key.
type postings struct {
	run  labelRun
	key  runs.Key
	page runs.Page // at hand
	next []runs.Page
	end  bool // there are no pages behind those

	cursor runs.Cursor
	entry  runs.Entry
	any    bool // the cursor has come to entry
	fetch  int  // how many pages to read next
}

func newPostings(run labelRun, key runs.Key, page runs.Page) *postings {
	return &postings{run: run, key: key, page: page, cursor: runs.NewCursor(page, run.First), fetch: 4}
}

// mostFetched is how many pages of a list are read at once when it turns out to be long.
const mostFetched = 64

// seek returns the first entry that ends at number or later.
func (p *postings) seek(ctx context.Context, c *pgconn.PgConn, number int64) (e runs.Entry, ok bool, err error) {
	for !p.any || p.entry.Last < number {
		e, ok := p.cursor.Next()
		if ok && e.Key <= p.key {
			p.entry, p.any = e, e.Key == p.key
			continue
		}
		if ok { // the list is over
			p.next, p.end, p.cursor = nil, true, runs.Cursor{}
		}
		if err := p.cursor.Err(); err != nil {
			return e, false, fmt.Errorf("run %d, page (%d, %d): %w", p.run.number, p.page.Key, p.page.Number, err)
		}
		if len(p.next) == 0 && !p.end {
			if err := p.read(ctx, c, number); err != nil {
				return e, false, err
			}
		}
		if len(p.next) == 0 {
			return e, false, nil
		}
		p.page, p.next = p.next[0], p.next[1:]
		p.cursor = runs.NewCursor(p.page, p.run.First)
	}
	return p.entry, true, nil
}

// read reads pages of the list behind the one at hand, from the one on that has the number.
func (p *postings) read(ctx context.Context, c *pgconn.PgConn, number int64) error {
	var a arguments
	of := `run = ` + a.int8(p.run.number) + ` AND key = ` + a.int8(int64(p.key))
	behind := int64(math.MinInt64)
	if p.page.Key == p.key {
		behind = p.page.Number
	}
	last := a.int8(behind)
	sql := `SELECT ` + labelPageFields + ` FROM label_pages WHERE ` + of + ` AND number > ` + last + ` AND number >= coalesce((
		SELECT number FROM label_pages WHERE ` + of + ` AND number > ` + last + ` AND number <= ` + a.int8(number) + ` ORDER BY number DESC LIMIT 1), ` + last + `)
		ORDER BY number LIMIT ` + strconv.Itoa(p.fetch)
	err := query(ctx, c, sql, a, func(v row) error {
		p.next = append(p.next, labelPage(v, 0))
		return nil
	})
	p.end = len(p.next) < p.fetch
	p.fetch = min(2*p.fetch, mostFetched)
	return err
}
