package main

import (
	"context"

	"stormdrain/benchmarks/measure"
	"stormdrain/benchmarks/report"
)

// rowsRound runs the benchmarks of the stores once, each store in turn.
func (b *bench) rowsRound(ctx context.Context, r *report.Report, round int) error {
	if b.opts.rows == "" {
		return nil
	}
	for _, store := range measure.Stores() {
		found, err := measure.Rows(ctx, b.tree, b.tests[store], store, "", b.opts.rows)
		if err != nil {
			return err
		}
		for _, w := range found {
			w.Round = round
			b.say("round %d, %s, %s: %.0f rows/s", round, store, w.Name, w.PerSecond)
			r.Rows = append(r.Rows, w)
		}
	}
	return nil
}
