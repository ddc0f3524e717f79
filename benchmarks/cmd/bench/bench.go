package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"stormdrain/benchmarks/look"
	"stormdrain/benchmarks/machine"
	"stormdrain/benchmarks/measure"
	"stormdrain/benchmarks/module"
	"stormdrain/benchmarks/report"
)

// bench is everything that is made once: programs, a folder and PostgreSQL.
type bench struct {
	opts     options
	progress io.Writer

	tree   *module.Module
	dir    string // of the programs and of the data, removed by close
	runner *measure.Runner
	tests  map[string]string // of each store, compiled

	fell map[string]int // the lowest rate that a target did not hold
}

// prepare builds everything and starts PostgreSQL.
func prepare(ctx context.Context, opts options, progress io.Writer) (_ *bench, err error) {
	b := &bench{opts: opts, progress: progress, tests: map[string]string{}, fell: map[string]int{}}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if b.dir, err = os.MkdirTemp("", "stormdrain-bench"); err != nil {
		return nil, err
	}
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	b.runner.Postgres, err = measure.OpenPostgres(opts.postgres...)
	return b, err
}

func (b *bench) close() {
	if b.runner != nil && b.runner.Postgres != nil {
		b.runner.Postgres.Close()
	}
	if b.dir != "" {
		os.RemoveAll(b.dir)
	}
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.progress, format+"\n", args...) }

// measure does everything that was asked for, in turn.
func (b *bench) measure(ctx context.Context) (*report.Report, error) {
	o := &b.opts
	r := &report.Report{
		Time: time.Now(), Commit: b.tree.Commit(ctx), Quick: o.quick, Machine: machine.Describe(b.dir),
		Settings: report.Settings{
			Whole: o.whole(), Rounds: o.rounds, Duration: o.duration, Warmup: o.warmup, Connections: o.connections,
			Rate: o.rate, Steady: o.steady, Step: o.step,
		},
	}
	if fs := r.Machine.FileSystem; fs == "tmpfs" && !o.quick {
		return nil, fmt.Errorf("temporary files are on %s, where an fsync costs nothing; set TMPDIR to a folder on the disk", fs)
	}
	var err error
	if r.Versions, r.Postgres, err = b.runner.Describe(ctx); err != nil {
		return nil, err
	}
	for _, c := range o.cases {
		l, err := look.Load(ctx, b.runner.Script(), c)
		if err != nil {
			return nil, fmt.Errorf("load %q is not what it should be: %w", c, err)
		}
		r.Loads = append(r.Loads, l)
	}
	for _, step := range []func(context.Context, *report.Report, int) error{b.closedRound, b.diskRound, b.steadyRound, b.rowsRound} {
		for round := range o.rounds {
			if err := step(ctx, r, round+1); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

// probe is how long the disk is measured in a round.
const probe = 2 * time.Second

// diskRound asks the disk that all data are on what a journal has to wait for.
func (b *bench) diskRound(_ context.Context, r *report.Report, round int) error {
	machine.Settle()
	s, err := machine.MeasureSync(b.dir, min(probe, b.opts.duration))
	if err != nil {
		return err
	}
	b.say("round %d, fdatasync: p50 %v, p99 %v", round, s.P50, s.P99)
	r.Disk = append(r.Disk, report.Disk{Round: round, Sync: s})
	return nil
}

// chosen returns the ceiling and the targets that were asked for.
func (b *bench) chosen() (all []measure.Target) {
	for _, t := range targets() {
		if t.Name == report.Ceiling || slices.Contains(b.opts.targets, t.Name) {
			all = append(all, t)
		}
	}
	return all
}
