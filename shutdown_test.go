package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestTeardownOrderAndErrors(t *testing.T) {
	t.Parallel()
	down := newTeardown(time.Minute)
	var order []string
	broken := errors.New("disk is gone")
	for _, name := range []string{"store", "journal", "server"} {
		down.add(name, func(context.Context) error {
			order = append(order, name)
			if name == "server" {
				return nil
			}
			return broken
		})
	}
	err := down.close()
	if !slices.Equal(order, []string{"server", "journal", "store"}) {
		t.Errorf("order %v", order)
	}
	if !errors.Is(err, broken) || err.Error() != "close journal: disk is gone\nclose store: disk is gone" {
		t.Errorf("%v", err)
	}
	if again := down.close(); again != err || len(order) != 3 {
		t.Errorf("second close: %v, %v", again, order)
	}
}

func TestTeardownOfNothing(t *testing.T) {
	t.Parallel()
	if err := newTeardown(time.Second).close(); err != nil {
		t.Error(err)
	}
}

func TestTeardownConcurrently(t *testing.T) {
	t.Parallel()
	down := newTeardown(time.Minute)
	calls := 0 // no lock: close must be the only one to count
	down.add("store", func(context.Context) error { calls++; return errors.New("once") })
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := down.close(); err == nil || err.Error() != "close store: once" {
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	if calls != 1 {
		t.Errorf("closed %d times", calls)
	}
}

// TestTeardownTimeout: one deadline for all steps; a step that heeds it ends
// with it, one that does not is left behind, and the rest is closed all the same.
func TestTeardownTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		down := newTeardown(30 * time.Second)
		hang := make(chan struct{})
		defer close(hang)
		var storeDeadline error
		down.add("store", func(ctx context.Context) error { storeDeadline = ctx.Err(); return nil })
		down.add("stubborn", func(context.Context) error { <-hang; return nil })
		down.add("patient", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		start := time.Now()
		err := down.close()
		if took := time.Since(start); took != 30*time.Second+closeGrace {
			t.Errorf("took %v", took)
		}
		if !errors.Is(storeDeadline, context.DeadlineExceeded) {
			t.Errorf("store was closed with %v", storeDeadline)
		}
		if err == nil || !strings.Contains(err.Error(), "close patient: context deadline exceeded") ||
			!strings.Contains(err.Error(), "close stubborn: still busy after shutdown.timeout (30s)") || strings.Contains(err.Error(), "store") {
			t.Errorf("%v", err)
		}
	})
}

func TestTeardownAddAfterClose(t *testing.T) {
	t.Parallel()
	down := newTeardown(time.Second)
	_ = down.close()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	down.add("late", nil)
}
