// Package retention has the store forget what is older than storage.retention:
// step by step, with pauses that leave the store to those who write and read.
package retention

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"stormdrain/internal/alert"
)

// Store is what the janitor asks of a store; storage.Retainer says it in full.
type Store interface {
	Retain(ctx context.Context, before int64) (removed alert.Removed, more bool, err error)
	Oldest(ctx context.Context) (at int64, ok bool, err error)
}

const (
	// A run begins every sixteenth of the retention, within these bounds: every
	// run reads what is kept, to find out what nothing refers to any more. That is
	// little where the retention is shorter than leastInterval: then a run begins
	// every retention, but no sooner than after shortestInterval.
	runsPerRetention = 16
	leastInterval    = time.Minute
	mostInterval     = 24 * time.Hour
	shortestInterval = time.Second

	// lookInterval is how often the oldest event is looked for.
	lookInterval = time.Hour

	// firstWithin is when the first run begins at the latest: at some moment before
	// that, so that processes that start together do not sweep together.
	firstWithin = 5 * time.Minute

	// A step is followed by a pause of so many times what it took, and this at least.
	// So is a run, as far as leastInterval.
	restFactor = 5
	leastRest  = 20 * time.Millisecond

	firstBackoff = time.Second
	mostBackoff  = 5 * time.Minute
)

// Janitor runs retention. One goroutine, loop, does.
type Janitor struct {
	store Store
	log   zerolog.Logger

	retention atomic.Int64  // 0: everything is kept
	changed   chan struct{} // one message: retention has changed
	stop      context.CancelFunc
	done      chan struct{}

	mu      sync.Mutex
	removed alert.Removed // since the start
	oldest  int64         // when it was received, in microseconds since 1970; 0: there is none
}

// Start begins with retention; 0 keeps everything.
func Start(store Store, retention time.Duration, log zerolog.Logger) *Janitor {
	ctx, stop := context.WithCancel(context.Background())
	j := &Janitor{store: store, log: log, changed: make(chan struct{}, 1), stop: stop, done: make(chan struct{})}
	j.retention.Store(int64(retention))
	go j.loop(ctx)
	return j
}

// Set changes the retention. A run that is under way ends with the one before.
func (j *Janitor) Set(retention time.Duration) {
	if time.Duration(j.retention.Swap(int64(retention))) == retention {
		return
	}
	j.again()
}

// again has the next run begin at once.
func (j *Janitor) again() {
	select {
	case j.changed <- struct{}{}:
	default: // it will anyway
	}
}

// Close ends a run between two steps, or in one as soon as the store returns. It
// may be called twice.
func (j *Janitor) Close(ctx context.Context) error {
	j.stop()
	select {
	case <-j.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Removed returns what was removed since the start.
func (j *Janitor) Removed() alert.Removed {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.removed
}

// OldestAge returns how long ago the oldest event was received, as of the last run;
// 0 when there is none.
func (j *Janitor) OldestAge() time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.oldest == 0 {
		return 0
	}
	return max(0, time.Since(time.UnixMicro(j.oldest)))
}

func (j *Janitor) loop(ctx context.Context) {
	defer close(j.done)
	next := time.Now().Add(j.interval(firstWithin))
	for {
		j.look(ctx)
		changed, err := j.sleep(ctx, min(time.Until(next), lookInterval))
		if err != nil {
			return
		}
		if !changed && time.Now().Before(next) {
			continue
		}
		begun := time.Now()
		if kept := time.Duration(j.retention.Load()); kept > 0 {
			j.run(ctx, kept)
		}
		rest := min(restFactor*time.Since(begun), leastInterval)
		next = time.Now().Add(max(j.interval(mostInterval), rest))
	}
}

// interval returns how long to wait for the next run, with a jitter of half of it.
func (j *Janitor) interval(most time.Duration) time.Duration {
	d := most
	if kept := time.Duration(j.retention.Load()); kept > 0 {
		least := max(min(kept, leastInterval), shortestInterval)
		d = min(max(kept/runsPerRetention, least), most)
	}
	return d/2 + rand.N(d/2)
}

// sleep ends early when the retention has changed.
func (j *Janitor) sleep(ctx context.Context, d time.Duration) (changed bool, err error) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return false, nil
	case <-j.changed:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// run removes what is older than kept now.
func (j *Janitor) run(ctx context.Context, kept time.Duration) {
	begun := time.Now()
	before := begun.Add(-kept)
	var removed alert.Removed
	for failed, more := 0, true; more; {
		var step alert.Removed
		var err error
		at := time.Now()
		step, more, err = j.store.Retain(ctx, before.UnixMicro())
		took := time.Since(at)
		if ctx.Err() != nil {
			break
		}
		removed.Add(step)
		j.count(step)
		rest := max(restFactor*took, leastRest)
		if err != nil {
			more = true
			rest = max(rest, min(firstBackoff<<min(failed, 10), mostBackoff))
			j.complain(err, failed, rest)
			failed++
		} else {
			failed = 0
		}
		if more && !j.pause(ctx, rest) {
			break
		}
	}
	if removed != (alert.Removed{}) {
		j.log.Info().Time("before", before).Int64("pieces", removed.Pieces).Int64("entries", removed.Entries).
			Int64("episodes", removed.Episodes).Dur("took", time.Since(begun)).
			Msg("retention removed what was received before that")
	}
}

// complain says that a step failed, once for each time that the pauses get long.
// That somebody uses what is to be removed is worth no line before that.
func (j *Janitor) complain(err error, failed int, rest time.Duration) {
	var busy interface{ Busy() bool }
	if errors.As(err, &busy) && busy.Busy() && rest < mostBackoff {
		return
	}
	if failed == 0 || rest >= mostBackoff {
		j.log.Warn().Err(err).Dur("again_in", rest).Msg("retention cannot remove what is too old; storing goes on")
	}
}

// pause returns false when the run is to end: ctx has ended, or the retention has
// changed.
func (j *Janitor) pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-j.changed:
		j.again()
		return false
	case <-ctx.Done():
		return false
	}
}

func (j *Janitor) count(step alert.Removed) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.removed.Add(step)
}

// look finds out how old the oldest event is. A store that is down is somebody
// else's line in the log.
func (j *Janitor) look(ctx context.Context) {
	at, ok, err := j.store.Oldest(ctx)
	if err != nil {
		return
	}
	if !ok {
		at = 0
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.oldest = at
}
