package main

import (
	"context"
	"path/filepath"

	"stormdrain/benchmarks/measure"
	"stormdrain/benchmarks/module"
)

// build finds the module and compiles what will be measured: the
// servers, and the tests of the stores when they are asked for.
func (b *bench) build(ctx context.Context) (err error) {
	if b.tree, err = module.Find(ctx); err != nil {
		return err
	}
	in := func(name string) string { return filepath.Join(b.dir, name) }
	b.runner = &measure.Runner{
		Programs: measure.Programs{Stormdrain: in("stormdrain"), Ceiling: in("ceiling"), Reference: in("reference")},
		Tree:     b.tree, Dir: b.dir, Connections: b.opts.connections, Warmup: b.opts.warmup, Duration: b.opts.duration,
	}
	b.say("building")
	if err := b.runner.Build(ctx, b.tree); err != nil {
		return err
	}
	if b.opts.rows == "" {
		return nil
	}
	for _, store := range measure.Stores() {
		b.tests[store] = in(store + ".test")
		if err := measure.BuildRows(ctx, b.tree, b.tests[store], store); err != nil {
			return err
		}
	}
	return nil
}
