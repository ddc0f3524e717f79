package main

import (
	"context"
	"syscall"
	"time"

	"stormdrain/benchmarks/load"
	"stormdrain/benchmarks/report"
)

const alertsEach = load.Alerts

// steadyRound measures the durable targets once at the constant rate.
func (b *bench) steadyRound(ctx context.Context, r *report.Report, round int) error {
	if b.opts.steady == 0 {
		return nil
	}
	for _, t := range b.chosen() {
		if t.ack != "fsync" {
			continue
		}
		s := report.Steady{Round: round, Target: t.name}
		err := b.onEach(ctx, t, func(i *instance) error { return b.steadyRun(ctx, i, &s) })
		if err != nil {
			return err
		}
		b.say("round %d, %d requests/s, %s: p99 %v, peak %d MiB %s", round, b.opts.rate, t.name, s.Load.P99, s.Server.ResidentPeak>>20, s.Invalid)
		r.Steady = append(r.Steady, s)
	}
	return nil
}

func (b *bench) steadyRun(ctx context.Context, i *instance, s *report.Steady) error {
	cfg := load.DefaultConfig("warm")
	cfg.Address, cfg.Path, cfg.Rate, cfg.Duration, cfg.Connections = i.address, path, b.opts.rate, b.opts.warmup, b.opts.connections
	warm, err := load.Run(ctx, cfg)
	if err != nil {
		return err
	}
	if err := b.warmed(ctx, i, warm.Failures()); err != nil {
		return err
	}
	cfg.Script.Run, cfg.Duration = "steady", b.opts.steady
	s.Server, s.Invalid, err = b.observed(ctx, i, func() (time.Duration, error) {
		before := ownCPU()
		s.Load, err = load.Run(ctx, cfg)
		return ownCPU() - before, err
	})
	if err != nil {
		return err
	}
	if failures := s.Load.Failures(); failures != "" {
		s.Invalid = failures
	}
	return nil
}

// ownCPU is what this process has used, as the client is part of it.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0 // cannot fail for ourselves; then others' share is too high
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
