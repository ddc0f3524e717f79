package measure

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"stormdrain/benchmarks/load"
	"stormdrain/benchmarks/report"
)

// Steady starts a target, sends to it at the rate of s for so long, whether it
// keeps up or not, and stops it again. What was measured is put into s.
func (r *Runner) Steady(ctx context.Context, t Target, s *report.Steady, long time.Duration) error {
	return r.onEach(ctx, t, load.Alerts, func(i *instance) error { return r.steadyRun(ctx, i, s, long) })
}

// warmRate is one that every target holds, so that a warm-up that fails is a
// fault and no overload.
func warmRate(t Target, rate int) int {
	if t.Variant != "" {
		return min(rate, 100)
	}
	return min(rate, 1000)
}

// constantRate sends from a request of the storm on; no two runs on one server may
// send the same one. The label sets are the same, so that a warm-up makes them known.
func (r *Runner) constantRate(ctx context.Context, i *instance, first, rate int, long time.Duration) (load.Result, error) {
	cfg := load.DefaultConfig("storm")
	cfg.Address, cfg.Path, cfg.Rate, cfg.Duration, cfg.Connections, cfg.First = i.address, Path, rate, long, r.Connections, first
	return load.Run(ctx, cfg)
}

func (r *Runner) steadyRun(ctx context.Context, i *instance, s *report.Steady, long time.Duration) error {
	warm, err := r.constantRate(ctx, i, 0, warmRate(i.Target, s.Rate), r.Warmup)
	if err != nil {
		return err
	}
	if s.Invalid, err = r.warmed(ctx, i, warm.Failures()); err != nil || s.Invalid != "" {
		return err
	}
	s.Server, s.Invalid, err = r.observed(ctx, i, func() (time.Duration, error) {
		before := ownCPU()
		s.Load, err = r.constantRate(ctx, i, warm.Due, s.Rate, long)
		return ownCPU() - before, err
	})
	if err != nil {
		return err
	}
	if i.Store == "" {
		s.Server.Requests = int64(s.Load.Acknowledged)
	}
	switch failures := s.Load.Failures(); {
	case s.Invalid != "":
	case failures != "" && !overloaded(&s.Load):
		s.Invalid = failures
	case s.Server.Requests < int64(s.Load.Acknowledged):
		s.Invalid = fmt.Sprintf("%d requests acknowledged, the server answered %d", s.Load.Acknowledged, s.Server.Requests)
	}
	return nil
}

// overloaded reports that requests failed because there were more of them than
// the server could answer: the time of some ran out before they were sent, and
// of those that were on their way then. Anything else that fails is a fault.
func overloaded(r *load.Result) bool {
	for what := range r.Failed {
		if what != "no answer" && what != "timeout" {
			return false
		}
	}
	return r.Unsent > 0
}

// ownCPU is what this process has used, as the client is part of it.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0 // cannot fail for ourselves; then others' share is too high
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
