package pipeline

import (
	"context"
	"sync/atomic"
	"time"
)

// Folder is what the pipeline asks of a store for its episodes; storage.Folder
// says it in full.
type Folder interface {
	Fold(ctx context.Context) (more bool, err error)
	Pending() float64
	Folded() uint64
}

// foldShare is how many times as long as a fold took the next one waits: so folding
// takes a tenth of the storing goroutine's time at most, and in a storm an episode's
// row is written once a fold and not once a receipt.
const foldShare = 10

// foldCalm is how many times as long the next one waits where that is no more than
// foldCalmMost: a storm's label sets are all in each fold, however soon it comes.
const (
	foldCalm     = 50
	foldCalmMost = 2 * time.Second
)

// foldPause is from the end of a fold to the beginning of the next.
func foldPause(took time.Duration) time.Duration {
	return max(foldShare*took, min(foldCalm*took, foldCalmMost))
}

// foldEarly is how much of what may be put aside makes a fold due at once: what is
// let go of must be read again. Where so much is new, storing goes on beside the fold, until as much
// has come again: the store is busy with the one while the other waits for its answers. Where a fold is due
// by the clock, storing waits for it: at once, they would hold up everybody else.
const foldEarly = 0.5

// folding decides when the store folds. It belongs to the batcher's goroutine, in which
// a fold runs, too, unless it is beside. It ends with the session; the next one begins it again.
type folding struct {
	p     *Pipeline
	timer *time.Timer // runs while there is something to fold that is not due yet

	owed   bool        // something was stored since the last fold began, or there was more
	due    time.Time   // no earlier, but for foldEarly
	failed int         // folds in a row
	beside bool        // a fold is under way
	over   chan folded // gets its result
}

// folded is a fold that is over.
type folded struct {
	began time.Time
	took  time.Duration
	more  bool
	err   error
}

// newFolding owes the fold of what the process before has left. nil where nothing is
// folded.
func (p *Pipeline) newFolding() *folding {
	if p.folder == nil {
		return nil
	}
	f := &folding{p: p, timer: time.NewTimer(0), owed: true, over: make(chan folded, 1)}
	p.unfolded.begin(time.Now())
	return f
}

// stored is called after each commit; busy is fold's.
func (f *folding) stored(ctx context.Context, busy bool) {
	if f == nil {
		return
	}
	f.owed = true
	f.p.unfolded.begin(time.Now())
	if f.beside && f.full() {
		f.finish(ctx, <-f.over, busy)
	}
	switch {
	case f.beside:
	case f.full():
		f.foldBeside(ctx)
	case !time.Now().Before(f.due):
		f.fold(ctx, busy)
	default:
		f.timer.Reset(time.Until(f.due))
	}
}

// full reports whether a fold is due at once.
func (f *folding) full() bool { return f.failed == 0 && f.p.folder.Pending() >= foldEarly }

// ready is what wakes the batcher for a fold.
func (f *folding) ready() <-chan time.Time {
	if f == nil {
		return nil
	}
	return f.timer.C
}

// done has the result of a fold that was under way beside.
func (f *folding) done() <-chan folded {
	if f == nil {
		return nil
	}
	return f.over
}

// fold folds, and sets the time of the next. busy: more is waiting to be stored, so
// that folding on, after a crash, must leave time for it.
func (f *folding) fold(ctx context.Context, busy bool) {
	if f.begin() {
		f.finish(ctx, f.p.foldOnce(ctx), busy)
	}
}

// foldBeside folds while storing goes on.
func (f *folding) foldBeside(ctx context.Context) {
	if f.begin() {
		f.beside = true
		go func() { f.over <- f.p.foldOnce(ctx) }()
	}
}

// begin reports whether a fold is to begin: one is owed, until then, and none is under way.
func (f *folding) begin() bool {
	if f.beside || !f.owed {
		return false
	}
	f.timer.Stop()
	f.owed = false
	return true
}

// finish takes what a fold has come to, and sets the time of the next.
func (f *folding) finish(ctx context.Context, r folded, busy bool) {
	f.beside = false
	if r.err != nil {
		f.owed = true
		if ctx.Err() == nil {
			f.retry(r.err)
		}
		return
	}
	if f.failed > 0 {
		f.p.log.Info().Msg("episodes are being folded again")
	}
	f.failed = 0
	f.due = time.Now().Add(foldPause(r.took))
	switch {
	case !r.more && !f.owed:
		f.p.unfolded.end()
	case !r.more: // what was stored meanwhile
		f.p.unfolded.end()
		f.p.unfolded.begin(r.began)
		f.timer.Reset(time.Until(f.due))
	case busy:
		f.owed = true
		f.timer.Reset(foldShare * r.took)
	default:
		f.owed = true
		f.timer.Reset(0)
	}
}

// retry waits longer each time. Storing goes on meanwhile: what the store has put
// aside it lets go of when it is too much, and reads it again.
func (f *folding) retry(err error) {
	if f.failed == 0 {
		f.p.log.Warn().Err(err).Msg("episodes are not folded, and are behind what is stored; it is tried again")
	}
	wait := f.p.backoff(f.failed)
	f.failed++
	f.due = time.Now().Add(wait)
	f.timer.Reset(wait)
}

// end stops the timer, and waits for the fold that is under way: its context has ended.
func (f *folding) end() {
	if f == nil {
		return
	}
	f.timer.Stop()
	if f.beside {
		<-f.over
	}
}

// foldOnce calls Fold and tells the observer.
func (p *Pipeline) foldOnce(ctx context.Context) (r folded) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.WriteTimeout)
	defer cancel()
	before := p.folder.Folded()
	r.began = time.Now()
	r.more, r.err = p.folder.Fold(ctx)
	r.took = time.Since(r.began)
	if r.err == nil {
		p.observer.Folded(r.took, p.folder.Folded()-before)
	}
	return r
}

// foldLast folds what is put aside before the program ends: the next one need not
// read it again. The storing goroutine has ended.
func (p *Pipeline) foldLast(ctx context.Context) {
	if p.folder == nil || !p.storeUp.Load() {
		return
	}
	// Twice: what a fold that was broken off had taken comes before the rest.
	for range 2 {
		if p.folder.Pending() == 0 || ctx.Err() != nil {
			return
		}
		if err := p.foldOnce(ctx).err; err != nil {
			p.log.Warn().Err(err).Msg("the last episodes are not folded; the next start does it")
			return
		}
	}
}

// since is when something began that is not over, as other goroutines may ask.
type since struct{ nanos atomic.Int64 }

func (s *since) begin(at time.Time) { s.nanos.CompareAndSwap(0, at.UnixNano()) }
func (s *since) end()               { s.nanos.Store(0) }

// FoldedBehind returns for how long something has been stored that is not folded.
func (p *Pipeline) FoldedBehind() time.Duration {
	began := p.unfolded.nanos.Load()
	if began == 0 {
		return 0
	}
	return max(0, time.Since(time.Unix(0, began)))
}
