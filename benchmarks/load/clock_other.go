//go:build !linux

package load

import (
	"context"
	"time"
)

// clock wakes its one user, as exactly as Go's timers do.
type clock struct {
	ctx   context.Context
	timer *time.Timer
}

func newClock(ctx context.Context) (*clock, error) {
	return &clock{ctx: ctx, timer: time.NewTimer(0)}, nil
}

// sleep returns false when the context has ended.
func (c *clock) sleep(d time.Duration) (bool, error) {
	c.timer.Reset(d)
	select {
	case <-c.timer.C:
		return true, nil
	case <-c.ctx.Done():
		return false, nil
	}
}

func (c *clock) close() { c.timer.Stop() }
