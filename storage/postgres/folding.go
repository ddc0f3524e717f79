package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"

	"stormdrain/internal/alert"
	"stormdrain/storage"
	"stormdrain/storage/fold"
)

// folder is what a store keeps between folds. Write puts aside in one half while
// Fold brings the other into the tables.
type folder struct {
	folded        atomic.Uint64 // events
	begunResolved atomic.Uint64 // episodes

	// Who takes a lock has a connection already, and never the other way round; mu
	// comes behind turn.
	turn sync.Mutex // one fold at a time; of all but aside
	mu   sync.Mutex // for no longer than memory takes; of aside

	aside *aside // where Write adds

	taken      *aside                // what is being folded, or was when the last fold failed
	own        map[alert.ID]struct{} // journals whose position was asked for: no other process folds them while it can be helped
	everything bool                  // journals of others are folded like own ones, until all are
	behind     *fold.Pending         // for what is read again; nil: nothing is
	severities severities
	reached    *fold.Reached
	steps      steps // of reading again
}

const noTime = math.MinInt64

func newFolder() *folder {
	return &folder{own: map[alert.ID]struct{}{}, aside: newAside(), taken: newAside(), reached: fold.NewReached(), steps: defaultSteps}
}

// begin goes on behind the position of a journal.
func (f *folder) begin(journal alert.ID, position uint64) {
	f.turn.Lock()
	defer f.turn.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.own[journal] = struct{}{}
	f.aside.begin(journal, position)
	f.taken.begin(journal, position)
	f.severities.forget()
}

// add takes a batch that is committed, and the label sets that it has added.
func (f *folder) add(b *alert.Batch, numbers []int64, epoch int64, added []addedSet) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.aside.add(b, numbers, epoch, added)
}

// take makes what was put aside what is to be folded. some is left where what a fold
// that failed has taken comes first.
func (f *folder) take() (some bool) {
	if !f.taken.empty() {
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.aside, f.taken = f.taken, f.aside
	f.aside.follow(f.taken)
	return false
}

// holds reports whether what is stored up to a position, and not folded behind another,
// was put aside meanwhile.
func (f *folder) holds(journal alert.ID, folded uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.aside.pending.Journal() == journal && f.aside.pending.From() <= folded
}

// Pending implements storage.Folder. What is being folded is not put aside any more,
// but what a fold that failed has left is.
func (s *Store) Pending() float64 {
	left := 0.0
	if s.folder.turn.TryLock() { // nobody folds
		left = s.folder.taken.pending.Filled()
		s.folder.turn.Unlock()
	}
	s.folder.mu.Lock()
	defer s.folder.mu.Unlock()
	return left + s.folder.aside.pending.Filled()
}

// Folded implements storage.Folder.
func (s *Store) Folded() uint64 { return s.folder.folded.Load() }

// BegunResolved implements storage.Folder.
func (s *Store) BegunResolved() uint64 { return s.folder.begunResolved.Load() }

// Fold implements storage.Folder. Processes take turns: whoever folds has read what
// the one before has written.
func (s *Store) Fold(ctx context.Context) (more bool, err error) {
	if err := s.migrate(ctx); err != nil {
		return false, err
	}
	c, release, err := s.pool.acquire(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	s.folder.turn.Lock()
	defer s.folder.turn.Unlock()
	f := &folding{folder: s.folder, c: c, left: s.folder.take()} // before the position is read, which is behind it then
	if err := f.begin(ctx); err != nil {
		rollback(ctx, c)
		return false, fmt.Errorf("begin to fold: %w", err)
	}
	j, others := f.next()
	if j == nil {
		rollback(ctx, c) // there was nothing to do
		s.folder.behind, s.folder.everything = nil, false
		return false, nil
	}
	more, err = f.fold(ctx, j)
	if err != nil {
		rollback(ctx, c)
		return false, fmt.Errorf("fold journal %x behind position %d: %w", j.id, j.folded, err)
	}
	return more || others, nil
}

// folding is one Fold: a transaction.
type folding struct {
	*folder
	c        *pgconn.PgConn
	left     bool // something is put aside that was there before
	journals []unfolded

	p         *fold.Pending   // what is folded: what was taken, or what was read again
	sources   []int32         // their numbers, in the order of p.Sources
	before    []*alert.Source // what was known of them; nil: nothing
	alerts    []touched
	receivers map[int64]string   // by the numbers of envelopes that came
	known     map[int64][]string // receivers that rows have, by the numbers of episodes
	begun     uint64             // episodes that begin with a resolve
}

// unfolded is a journal, mostly one that is not folded as far as it is stored.
type unfolded struct {
	number           int32
	id               alert.ID
	position, folded uint64
	foldedAt         int64 // noTime: unknown
	gone             bool  // its position has not moved for a minute
}

// begin opens the transaction, waits for its turn and looks at the journals.
// Statements go by indexes, however little the server knows of the tables yet.
func (f *folding) begin(ctx context.Context) error {
	const journals = `SELECT number, id, position, folded, folded_at, moved_at < now() - interval '1 minute' FROM journals`
	batch := &pgconn.Batch{}
	batch.ExecParams(`BEGIN`, nil, nil, nil, nil)
	batch.ExecParams(shareDictionary, nil, nil, nil, nil)
	batch.ExecParams(fmt.Sprintf(`SELECT pg_advisory_xact_lock(%d)`, lockFold), nil, nil, nil, nil)
	batch.ExecParams(`SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)`, nil, nil, nil, nil)
	batch.ExecParams(`SELECT epoch FROM retention`, nil, nil, allBinary(), allBinary())
	batch.ExecParams(journals, nil, nil, allBinary(), allBinary())
	return f.answers(ctx, batch, func(i int, v row) error {
		if i == 4 {
			f.taken.renew(v.int8(0))
		}
		if i == 5 {
			j := unfolded{v.int4(0), v.uuid(1), uint64(v.int8(2)), uint64(v.int8(3)), noTime, v[5][0] != 0}
			if !v.null(4) {
				j.foldedAt = v.time(4)
			}
			f.journals = append(f.journals, j)
			f.reached.See(j.id, j.folded)
		}
		return nil
	})
}

// answers calls take for each row of each statement of a batch.
func (f *folding) answers(ctx context.Context, batch *pgconn.Batch, take func(statement int, v row) error) (err error) {
	rr := f.c.ExecBatch(ctx, batch)
	for i := 0; err == nil && rr.NextResult(); i++ {
		err = readRows(rr.ResultReader(), func(v row) error { return take(i, v) })
	}
	if closeErr := rr.Close(); closeErr != nil {
		return closeErr
	}
	return err
}

// next returns the journal to fold: that of what was taken, or else another of
// this process, or else one whose process is gone. others says whether there are more.
func (f *folding) next() (j *unfolded, others bool) {
	rank := func(k *unfolded) int {
		_, own := f.own[k.id]
		switch {
		case k.id == f.taken.pending.Journal() && (k.folded < k.position || !f.taken.empty()):
			return 3
		case (own || f.everything) && k.folded < k.position:
			return 2
		case k.gone && k.folded < k.position:
			return 1
		}
		return 0
	}
	best, eligible := 0, 0
	for i := range f.journals {
		r := rank(&f.journals[i])
		if r > 0 {
			eligible++
		}
		if r > best {
			j, best = &f.journals[i], r
		}
	}
	return j, eligible > 1
}

// fold folds a journal on: what was taken, or, where others come before that, a
// chunk of what is read again.
func (f *folding) fold(ctx context.Context, j *unfolded) (more bool, err error) {
	if upTo := f.taken.pending.Behind(j.id, j.folded, j.position); upTo > j.folded {
		return f.catchUp(ctx, j, f.reached.Bound(j.id, j.folded, upTo))
	}
	if f.taken.empty() { // others have folded it
		rollback(ctx, f.c)
		return false, nil
	}
	f.p = f.taken.pending
	if err := f.apply(ctx); err != nil {
		return false, err
	}
	to := f.p.To()
	if err := f.finish(ctx, j, to, f.taken.at); err != nil {
		return false, err
	}
	f.behind = nil // its room is for what is seldom
	f.taken.reset()
	return to < j.position && (f.left || !f.holds(j.id, to)), nil
}

// apply brings what f.p has into the tables.
func (f *folding) apply(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		f.loadSources, f.loadNewest, f.loadOpen, f.loadNamed, f.applyRules, f.writeStates, f.writeTallies,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// finish moves the folded position, from where it was thought to be, and commits.
func (f *folding) finish(ctx context.Context, j *unfolded, to uint64, at int64) error {
	var a arguments
	sql := `UPDATE journals SET folded = ` + a.int8(int64(to))
	if at != noTime {
		sql += `, folded_at = ` + a.time(at)
	}
	sql += ` WHERE number = ` + a.int8(int64(j.number)) + ` AND folded = ` + a.int8(int64(j.folded)) + ` RETURNING number`
	moved := false
	err := query(ctx, f.c, sql, a, func(row) error { moved = true; return nil })
	if err == nil && !moved {
		err = errors.New("somebody else has moved its folded position")
	}
	if err == nil {
		err = commitNow(ctx, f.c)
	}
	if err == nil && f.p != nil {
		f.folded.Add(uint64(f.p.Events()))
		if f.reached.First(j.id, j.folded) {
			f.begunResolved.Add(f.begun)
		}
		f.reached.See(j.id, to)
	}
	return err
}

// ForgetEpisodes implements storage.Folder. What this process folds next is all journals,
// also those whose processes are there but have nothing to store. Who reads the tables for long, as people
// do, is not waited for longer than that takes to be an error.
func (s *Store) ForgetEpisodes(ctx context.Context) error {
	if err := s.migrate(ctx); err != nil {
		return err
	}
	c, release, err := s.pool.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	sql := fmt.Sprintf(`BEGIN; SET LOCAL lock_timeout = '10s'; SELECT pg_advisory_xact_lock(%d);
		TRUNCATE episodes, episode_beginnings, sources, minutes;
		UPDATE journals SET folded = 0, folded_at = NULL`, lockFold)
	if err := c.Exec(ctx, sql).Close(); err != nil {
		rollback(ctx, c)
		return fmt.Errorf("forget all episodes: %w", err)
	}
	if err := commitNow(ctx, c); err != nil {
		return err
	}
	s.folder.turn.Lock()
	defer s.folder.turn.Unlock()
	s.folder.everything = true
	return nil
}

var _ storage.Folder = (*Store)(nil)
