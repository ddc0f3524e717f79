// Package measure runs a server under a load, as fast as it goes or at a
// constant rate, says what that cost, and whether everything that was
// acknowledged is there. Each run is a new process with an empty data directory
// and an empty database.
package measure

import (
	"context"
	"path/filepath"
	"runtime"
	"time"

	"stormdrain/benchmarks/module"
	"stormdrain/benchmarks/wrk"
)

// Runner is what all runs of a benchmark have in common.
type Runner struct {
	Programs
	Tree     *module.Module
	Dir      string    // of the data
	Postgres *Postgres // nil where no target needs one

	Connections int           // of a run at a constant rate
	Warmup      time.Duration // before each run
	Duration    time.Duration // of a run as fast as it goes
}

// Programs are the files of what can be run. A benchmark builds those that it
// needs.
type Programs struct{ Stormdrain, Ceiling, Reference string }

// Build compiles those programs that have a name.
func (p *Programs) Build(ctx context.Context, tree *module.Module) error {
	for _, b := range []struct{ out, pkg string }{
		{p.Stormdrain, "."}, {p.Ceiling, "./benchmarks/ceiling"}, {p.Reference, "./benchmarks/reference"},
	} {
		if b.out == "" {
			continue
		}
		if err := tree.Build(ctx, b.out, b.pkg); err != nil {
			return err
		}
	}
	return nil
}

// Script is what wrk sends.
func (r *Runner) Script() string { return filepath.Join(r.Tree.Root, "benchmarks", "wrk", "storm.lua") }

// Describe returns the versions of what takes part, and the settings of the
// database that bear on speed.
func (r *Runner) Describe(ctx context.Context) (versions, settings map[string]string, err error) {
	version, settings, err := r.Postgres.Settings(ctx)
	if err != nil {
		return nil, nil, err
	}
	client, err := wrk.Version(ctx)
	if err != nil {
		return nil, nil, err
	}
	return map[string]string{"go": runtime.Version(), "postgres": version, "wrk": client}, settings, nil
}
