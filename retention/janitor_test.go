package retention

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"stormdrain/internal/alert"
)

// fake is a store that has so many pieces to remove, each in a step that takes a
// while, and fails as often as it is told to.
type fake struct {
	mu            sync.Mutex // of all of it
	pieces, fails int
	err           error
	steps         []time.Time
	befores       []time.Time
	step          time.Duration
	busy          time.Duration // in all steps
	oldest        int64
}

func (f *fake) Retain(ctx context.Context, before int64) (alert.Removed, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.steps = append(f.steps, time.Now())
	f.befores = append(f.befores, time.UnixMicro(before))
	f.mu.Unlock()
	time.Sleep(f.step)
	f.mu.Lock()
	f.busy += f.step
	if f.fails > 0 {
		f.fails--
		return alert.Removed{}, false, f.err
	}
	if f.pieces == 0 {
		return alert.Removed{}, false, nil
	}
	f.pieces--
	return alert.Removed{Pieces: 1, Entries: 2}, f.pieces > 0, ctx.Err()
}

func (f *fake) Oldest(context.Context) (int64, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.oldest, f.oldest != 0, nil
}

// pass lets time pass; the rest of the time the store is the test's.
func (f *fake) pass(d time.Duration) {
	f.mu.Unlock()
	time.Sleep(d)
	f.mu.Lock()
}

type busyError struct{}

func (busyError) Error() string { return "somebody reads" }
func (busyError) Busy() bool    { return true }

func start(f *fake, kept time.Duration) (*Janitor, *bytes.Buffer) {
	var log bytes.Buffer
	j := Start(f, kept, zerolog.New(&log))
	f.mu.Lock()
	return j, &log
}

func (f *fake) stop(t *testing.T, j *Janitor) {
	t.Helper()
	f.mu.Unlock()
	for range 2 {
		if err := j.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// TestRun: everything is removed, a fifth of the time at most is spent in steps, and
// one line says what was done.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{pieces: 20, step: 100 * time.Millisecond, oldest: time.Now().Add(-time.Hour).UnixMicro()}
		j, log := start(f, 32*24*time.Hour)
		begun := time.Now()
		f.pass(time.Nanosecond)
		if age := j.OldestAge(); age < time.Hour || age > time.Hour+time.Second {
			t.Errorf("the oldest is %s old, want an hour", age)
		}
		f.pass(firstWithin + time.Minute)
		if got, want := j.Removed(), (alert.Removed{Pieces: 20, Entries: 40}); got != want {
			t.Errorf("removed %+v, want %+v", got, want)
		}
		run := f.steps[len(f.steps)-1].Sub(f.steps[0])
		if f.busy > run/5+f.step {
			t.Errorf("%s of %s were spent in steps", f.busy, run)
		}
		if want := f.steps[0].Add(-32 * 24 * time.Hour); f.befores[0].Sub(want).Abs() > time.Millisecond || f.befores[19] != f.befores[0] {
			t.Errorf("removed what was before %s, want %s, for the whole run", f.befores[0], want)
		}
		if first := f.steps[0].Sub(begun); first > firstWithin {
			t.Errorf("the first run began after %s", first)
		}
		f.pieces = 0
		f.pass(48 * time.Hour)
		if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), `"pieces":20,"entries":40`) {
			t.Errorf("the log says %d lines: %s", n, log)
		}
		if n := len(f.steps) - 20; n < 2 || n > 4 {
			t.Errorf("%d runs in the two days after", n)
		}
		f.stop(t, j)
	})
}

// TestShortRetention: what is kept for seconds is gone within seconds, and a run that
// takes long is followed by a rest that is longer.
func TestShortRetention(t *testing.T) {
	f := func(kept, step, most time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			f := &fake{step: step}
			j, _ := start(f, kept)
			last := time.Now()
			f.pass(2 * time.Minute)
			for i, at := range f.steps {
				if took := at.Sub(last); took > most {
					t.Errorf("keeping %s, run %d began %s after the one before", kept, i, took)
				}
				last = at
			}
			if n := len(f.steps); n < 5 || f.busy > 2*time.Minute/6+step {
				t.Errorf("keeping %s, %d runs took %s of two minutes", kept, n, f.busy)
			}
			f.stop(t, j)
		})
	}
	f(2*time.Second, time.Millisecond, 2*time.Second+time.Millisecond)
	f(time.Nanosecond, time.Millisecond, time.Second+time.Millisecond)
	f(2*time.Second, 3*time.Second, 6*3*time.Second)
}

// TestErrors: what fails is tried again, less and less often, and the log is not
// filled with it; a reader who is in the way is not worth a line.
func TestErrors(t *testing.T) {
	f := func(name string, err error, lines int) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{pieces: 1, fails: 6, err: err}
				j, log := start(f, 24*time.Hour)
				f.pass(firstWithin + 5*time.Minute)
				if got := j.Removed().Pieces; got != 1 {
					t.Errorf("removed %d pieces", got)
				}
				if last := f.steps[6].Sub(f.steps[5]); last < 32*time.Second {
					t.Errorf("after six failures the next attempt came %s later", last)
				}
				if n := strings.Count(log.String(), `"warn"`); n != lines {
					t.Errorf("%d warnings, want %d: %s", n, lines, log)
				}
				f.stop(t, j)
			})
		})
	}
	f("failure", errors.New("disk full"), 1)
	f("busy", busyError{}, 0)
}

// TestSet: a retention that is set while everything is kept takes effect at once,
// and so does its end.
func TestSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{pieces: 3}
		j, _ := start(f, 0)
		f.pass(10 * time.Hour)
		if len(f.steps) > 0 {
			t.Fatalf("%d steps though everything is kept", len(f.steps))
		}
		j.Set(time.Hour)
		f.pass(time.Second)
		if f.pieces != 0 || len(f.befores) == 0 || time.Since(f.befores[0]) > time.Hour+time.Second {
			t.Errorf("%d pieces left after %v", f.pieces, f.befores)
		}
		f.pieces = 100_000
		f.step = time.Second
		f.pass(10 * time.Minute)
		j.Set(0)
		f.pass(10 * time.Second)
		n := len(f.steps)
		f.pass(10 * time.Hour)
		if n < 10 || len(f.steps) != n {
			t.Errorf("%d steps, %d after everything was to be kept", n, len(f.steps)-n)
		}
		f.stop(t, j)
	})
}

// TestCloseEndsARun.
func TestCloseEndsARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{pieces: 1 << 40}
		j, _ := start(f, time.Hour)
		f.pass(firstWithin + time.Minute)
		f.stop(t, j)
		if n := j.Removed().Pieces; n < 100 {
			t.Errorf("%d pieces removed", n)
		}
	})
}
