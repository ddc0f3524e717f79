package pipeline

import (
	"context"
	"sync/atomic"
	"time"
)

// Folder is what the pipeline asks of a store for its episodes; storage.Folder
// says it in full. The storing goroutine calls it.
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
// let go of must be read again.
const foldEarly = 0.5

// folding decides when the store folds, beside the batcher and in its goroutine. It
// ends with the session; the next one begins it again.
type folding struct {
	p     *Pipeline
	timer *time.Timer // runs while there is something to fold that is not due yet

	owed   bool      // something was stored since the last fold, or there was more
	due    time.Time // no earlier, but for foldEarly
	failed int       // folds in a row
}

// newFolding owes the fold of what the process before has left. nil where nothing is
// folded.
func (p *Pipeline) newFolding() *folding {
	if p.folder == nil {
		return nil
	}
	f := &folding{p: p, timer: time.NewTimer(0), owed: true}
	p.unfolded.begin()
	return f
}

// stored is called after each commit; busy is fold's.
func (f *folding) stored(ctx context.Context, busy bool) {
	if f == nil {
		return
	}
	f.owed = true
	f.p.unfolded.begin()
	if !time.Now().Before(f.due) || f.failed == 0 && f.p.folder.Pending() >= foldEarly {
		f.fold(ctx, busy)
		return
	}
	f.timer.Reset(time.Until(f.due))
}

// ready is what wakes the batcher for a fold.
func (f *folding) ready() <-chan time.Time {
	if f == nil {
		return nil
	}
	return f.timer.C
}

// fold folds, and sets the time of the next. busy: more is waiting to be stored, so
// that folding on, after a crash, must leave time for it.
func (f *folding) fold(ctx context.Context, busy bool) {
	f.timer.Stop()
	if !f.owed {
		return
	}
	more, took, err := f.p.foldOnce(ctx)
	if err != nil {
		if ctx.Err() == nil {
			f.retry(err)
		}
		return
	}
	if f.failed > 0 {
		f.p.log.Info().Msg("episodes are being folded again")
	}
	f.failed, f.owed = 0, more
	f.due = time.Now().Add(foldPause(took))
	if !more {
		f.p.unfolded.end()
		return
	}
	if busy {
		f.timer.Reset(foldShare * took)
	} else {
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

// end stops the timer.
func (f *folding) end() {
	if f != nil {
		f.timer.Stop()
	}
}

// foldOnce calls Fold and tells the observer.
func (p *Pipeline) foldOnce(ctx context.Context) (more bool, took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.WriteTimeout)
	defer cancel()
	before, start := p.folder.Folded(), time.Now()
	more, err = p.folder.Fold(ctx)
	took = time.Since(start)
	if err == nil {
		p.observer.Folded(took, p.folder.Folded()-before)
	}
	return more, took, err
}

// foldLast folds what is put aside before the program ends: the next one need not
// read it again. The storing goroutine has ended.
func (p *Pipeline) foldLast(ctx context.Context) {
	if p.folder == nil || p.folder.Pending() == 0 || !p.storeUp.Load() || ctx.Err() != nil {
		return
	}
	if _, _, err := p.foldOnce(ctx); err != nil {
		p.log.Warn().Err(err).Msg("the last episodes are not folded; the next start does it")
	}
}

// since is when something began that is not over, as other goroutines may ask.
type since struct{ nanos atomic.Int64 }

func (s *since) begin() { s.nanos.CompareAndSwap(0, time.Now().UnixNano()) }
func (s *since) end()   { s.nanos.Store(0) }

// FoldedBehind returns for how long something has been stored that is not folded.
func (p *Pipeline) FoldedBehind() time.Duration {
	began := p.unfolded.nanos.Load()
	if began == 0 {
		return 0
	}
	return max(0, time.Since(time.Unix(0, began)))
}
