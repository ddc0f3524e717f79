package main

import (
	"context"

	"stormdrain/benchmarks/measure"
	"stormdrain/benchmarks/report"
)

// closedRound measures each target once under each load, as fast as it goes.
func (b *bench) closedRound(ctx context.Context, r *report.Report, round int) error {
	for _, load := range b.opts.cases {
		for _, t := range b.chosen() {
			if !b.opts.measures(t, load) {
				continue
			}
			c := report.Closed{Round: round, Target: t.Name, Case: load, Connections: measure.ConnectionsFor(load, b.opts.connections)}
			if err := b.runner.Closed(ctx, t, &c); err != nil {
				return err
			}
			b.say("round %d, %s, %s: %.0f requests/s %s", round, load, t.Name, c.Wrk.PerSecond, c.Invalid)
			r.Closed = append(r.Closed, c)
		}
	}
	return nil
}
