package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"stormdrain/benchmarks/load"
	"stormdrain/benchmarks/report"
)

// leastRate is where the rates begin for all but the reference, which may not
// hold even that.
const leastRate = 1000

// steadyRound measures once at the constant rate what answers when it is on the
// disk, and the ceiling; then at the other rates.
func (b *bench) steadyRound(ctx context.Context, r *report.Report, round int) error {
	if b.opts.steady == 0 {
		return nil
	}
	for _, t := range b.chosen() {
		if t.store == "" || t.ack == "fsync" {
			if _, err := b.steadyTarget(ctx, r, t, round, b.opts.rate, b.opts.steady); err != nil {
				return err
			}
		}
	}
	for _, t := range b.chosen() {
		if t.store == "" || t.variant != "" || t.name == report.Durable {
			if err := b.climb(ctx, r, t, round); err != nil {
				return err
			}
		}
	}
	return nil
}

// climb goes from rate to rate until one is not held. What was not held in a
// round is not tried again in the next.
func (b *bench) climb(ctx context.Context, r *report.Report, t target, round int) error {
	for _, rate := range b.opts.rates {
		if t.variant == "" && (rate == b.opts.rate || rate < leastRate) {
			continue // measured already; or too low to tell anything
		}
		if b.fell[t.name] > 0 && rate >= b.fell[t.name] {
			return nil
		}
		held, err := b.steadyTarget(ctx, r, t, round, rate, b.opts.step)
		if err != nil {
			return err
		}
		if !held {
			b.fell[t.name] = rate
		}
	}
	return nil
}

func (b *bench) steadyTarget(ctx context.Context, r *report.Report, t target, round, rate int, long time.Duration) (held bool, err error) {
	s := report.Steady{Round: round, Target: t.name, Rate: rate}
	err = b.onEach(ctx, t, alertsEach, func(i *instance) error { return b.steadyRun(ctx, i, &s, long) })
	if err != nil {
		return false, err
	}
	b.say("round %d, %d requests/s, %s: p99 %v, held: %v %s", round, rate, t.name, s.Load.P99, s.Held(), s.Invalid)
	r.Steady = append(r.Steady, s)
	return s.Held(), nil
}

// alertsEach is what package load sends.
const alertsEach = load.Alerts

// warmRate is one that every target holds, so that a warm-up that fails is a
// fault and no overload.
func warmRate(t target, rate int) int {
	if t.variant != "" {
		return min(rate, 100)
	}
	return min(rate, 1000)
}

// constantRate sends; no two runs on one server may have the same number.
func (b *bench) constantRate(ctx context.Context, i *instance, number, rate int, long time.Duration) (load.Result, error) {
	cfg := load.DefaultConfig(fmt.Sprint("run", number))
	cfg.Address, cfg.Path, cfg.Rate, cfg.Duration, cfg.Connections = i.address, path, rate, long, b.opts.connections
	return load.Run(ctx, cfg)
}

func (b *bench) steadyRun(ctx context.Context, i *instance, s *report.Steady, long time.Duration) error {
	warm, err := b.constantRate(ctx, i, 0, warmRate(i.target, s.Rate), b.opts.warmup)
	if err != nil {
		return err
	}
	if s.Invalid, err = b.warmed(ctx, i, warm.Failures()); err != nil || s.Invalid != "" {
		return err
	}
	s.Server, s.Invalid, err = b.observed(ctx, i, func() (time.Duration, error) {
		before := ownCPU()
		s.Load, err = b.constantRate(ctx, i, 1, s.Rate, long)
		return ownCPU() - before, err
	})
	if err != nil {
		return err
	}
	if i.store == "" {
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
