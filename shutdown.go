package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// closeGrace is what a step gets beyond the deadline to notice that its context
// has ended and to return.
const closeGrace = time.Second

// teardown closes what was opened, last opened first, all of it within one
// timeout. Whoever opens a part adds how to close it right away, so that an
// error on the way up takes the same way down as a signal.
type teardown struct {
	timeout time.Duration

	mu     sync.Mutex // held while closing: a second close waits for the first
	steps  []teardownStep
	closed bool
	err    error
}

type teardownStep struct {
	name string
	stop func(context.Context) error
}

func newTeardown(timeout time.Duration) *teardown { return &teardown{timeout: timeout} }

// add puts a step on top. stop is called once; its context ends with the
// timeout of the whole teardown.
func (t *teardown) add(name string, stop func(context.Context) error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		panic(fmt.Sprintf("BUG: %q added to the teardown after it has run", name))
	}
	t.steps = append(t.steps, teardownStep{name, stop})
}

// close runs every step, also after one has failed and after the timeout: a
// journal wants to be closed even when the server would not stop. It returns
// all errors, each with its step's name, and the same when called again.
func (t *teardown) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return t.err
	}
	t.closed = true

	ctx, cancel := context.WithTimeout(context.Background(), t.timeout)
	defer cancel()
	var errs []error
	for i := len(t.steps) - 1; i >= 0; i-- {
		step := t.steps[i]
		if err := t.run(ctx, step); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", step.name, err))
		}
	}
	t.steps = nil
	t.err = errors.Join(errs...)
	return t.err
}

// run gives up on a step that outlives the deadline by closeGrace; its
// goroutine ends with the process.
func (t *teardown) run(ctx context.Context, step teardownStep) error {
	done := make(chan error, 1)
	go func() { done <- step.stop(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	grace := time.NewTimer(closeGrace)
	defer grace.Stop()
	select {
	case err := <-done:
		return err
	case <-grace.C:
		return fmt.Errorf("still busy after shutdown.timeout (%s): %w", t.timeout, ctx.Err())
	}
}
