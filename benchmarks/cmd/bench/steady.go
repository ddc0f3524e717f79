package main

import (
	"context"
	"time"

	"stormdrain/benchmarks/measure"
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
		if t.Store == "" || t.Name == report.Durable || t.Name == report.DurableSQLite {
			if _, err := b.steadyTarget(ctx, r, t, round, b.opts.rate, b.opts.steady); err != nil {
				return err
			}
		}
	}
	for _, t := range b.chosen() {
		if t.Store == "" || t.Variant != "" || t.Name == report.Durable {
			if err := b.climb(ctx, r, t, round); err != nil {
				return err
			}
		}
	}
	return nil
}

// climb goes from rate to rate until one is not held. What was not held in a
// round is not tried again in the next.
func (b *bench) climb(ctx context.Context, r *report.Report, t measure.Target, round int) error {
	for _, rate := range b.opts.rates {
		if t.Variant == "" && (rate == b.opts.rate || rate < leastRate) {
			continue // measured already; or too low to tell anything
		}
		if b.fell[t.Name] > 0 && rate >= b.fell[t.Name] {
			return nil
		}
		held, err := b.steadyTarget(ctx, r, t, round, rate, b.opts.step)
		if err != nil {
			return err
		}
		if !held {
			b.fell[t.Name] = rate
		}
	}
	return nil
}

func (b *bench) steadyTarget(ctx context.Context, r *report.Report, t measure.Target, round, rate int, long time.Duration) (held bool, err error) {
	s := report.Steady{Round: round, Target: t.Name, Rate: rate}
	if err := b.runner.Steady(ctx, t, &s, long); err != nil {
		return false, err
	}
	b.say("round %d, %d requests/s, %s: p99 %v, held: %v %s", round, rate, t.Name, s.Load.P99, s.Held(), s.Invalid)
	r.Steady = append(r.Steady, s)
	return s.Held(), nil
}
