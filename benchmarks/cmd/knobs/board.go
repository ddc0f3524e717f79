package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stormdrain/benchmarks/look"
	"stormdrain/benchmarks/machine"
	"stormdrain/benchmarks/measure"
	"stormdrain/benchmarks/module"
	"stormdrain/benchmarks/report"
)

// board is everything that is made once: programs, a folder and databases.
type board struct {
	opts     options
	progress io.Writer

	knobs  []knob
	runner measure.Runner // with a PostgreSQL at its defaults
	tests  string         // of the store whose benchmarks are asked for, compiled; empty: of none

	databases map[string]*measure.Postgres // at something else, by name=value
}

func (b *board) say(format string, args ...any) { fmt.Fprintf(b.progress, format+"\n", args...) }

func (b *board) close() {
	if b.runner.Postgres != nil {
		b.runner.Postgres.Close()
	}
	for _, p := range b.databases {
		p.Close()
	}
	if b.runner.Dir != "" {
		os.RemoveAll(b.runner.Dir)
	}
}

// prepare builds what is measured and starts every PostgreSQL that is needed:
// between its turns one does nothing.
func (b *board) prepare(ctx context.Context) (err error) {
	b.knobs, b.databases = b.opts.knobs(), map[string]*measure.Postgres{}
	r := &b.runner
	r.Connections, r.Warmup, r.Duration = connections, warmup, b.opts.duration
	if r.Dir, err = os.MkdirTemp("", "stormdrain-knobs"); err != nil {
		return err
	}
	if r.Tree, err = module.Find(ctx); err != nil {
		return err
	}
	b.say("building")
	r.Stormdrain, r.Ceiling = filepath.Join(r.Dir, "stormdrain"), filepath.Join(r.Dir, "ceiling")
	if err := r.Build(ctx, r.Tree); err != nil {
		return err
	}
	if r.Postgres, err = measure.OpenPostgres(); err != nil {
		return err
	}
	for i := range b.knobs {
		if err := b.prepareKnob(ctx, &b.knobs[i]); err != nil {
			return fmt.Errorf("%s: %w", b.knobs[i].Setting, err)
		}
	}
	return nil
}

func (b *board) prepareKnob(ctx context.Context, k *knob) (err error) {
	if k.loads[0].rows != "" {
		b.tests = filepath.Join(b.runner.Dir, "store.test")
		return measure.BuildRows(ctx, b.runner.Tree, b.tests, k.loads[0].store)
	}
	name, ok := k.ofPostgres()
	if !ok {
		return nil
	}
	if err := b.choose(ctx, k, name); err != nil {
		return err
	}
	for _, value := range k.Values {
		if value == k.Default {
			continue
		}
		if b.databases[name+"="+value], err = measure.OpenPostgres(name + "=" + value); err != nil {
			delete(b.databases, name+"="+value)
			return err
		}
	}
	return nil
}

// choose leaves out what this PostgreSQL was built without, and makes sure that
// the default is what we take for it.
func (b *board) choose(ctx context.Context, k *knob, name string) error {
	_, settings, err := b.runner.Postgres.Settings(ctx)
	if err != nil {
		return err
	}
	if settings[name] != k.Default {
		return fmt.Errorf("the default is %s here, not %s", settings[name], k.Default)
	}
	known, err := b.runner.Postgres.Takes(ctx, name)
	if err != nil || known == nil {
		return err
	}
	k.Values = slices.DeleteFunc(k.Values, func(v string) bool {
		if slices.Contains(known, v) {
			return false
		}
		b.say("%s: this PostgreSQL knows no %s", k.Setting, v)
		return true
	})
	return nil
}

// measure does everything that was asked for, round after round.
func (b *board) measure(ctx context.Context) (*report.Knobs, error) {
	o := &b.opts
	rep := &report.Knobs{
		Time: time.Now(), Commit: b.runner.Tree.Commit(ctx), Quick: o.quick, Whole: o.whole(), Machine: machine.Describe(b.runner.Dir),
		Rounds: o.rounds, Duration: o.duration, Warmup: warmup, Connections: connections,
	}
	if fs := rep.Machine.FileSystem; fs == "tmpfs" && !o.quick {
		return nil, errors.New("temporary files are on tmpfs, where an fsync costs nothing; set TMPDIR to a folder on the disk")
	}
	if err := b.describe(ctx, rep); err != nil {
		return nil, err
	}
	n := 0
	for i := range b.knobs {
		rep.Knobs = append(rep.Knobs, b.knobs[i].Knob)
		n += b.knobs[i].runs()
	}
	b.say("%d runs a round, %d rounds", n, o.rounds)
	for round := range o.rounds {
		for i := range b.knobs {
			k := &b.knobs[i]
			for _, l := range k.loads {
				if err := b.turn(ctx, rep, k, l, round+1); err != nil {
					return nil, fmt.Errorf("%s: %w", k.Setting, err)
				}
			}
		}
	}
	return rep, nil
}

func (b *board) describe(ctx context.Context, rep *report.Knobs) error {
	var err error
	if rep.Versions, rep.Postgres, err = b.runner.Describe(ctx); err != nil {
		return err
	}
	looked := map[string]bool{"": true}
	for _, k := range b.knobs {
		for _, l := range k.loads {
			if looked[l.kind] {
				continue
			}
			looked[l.kind] = true
			c, err := measure.ParseCase(l.kind)
			if err != nil {
				return err
			}
			seen, err := look.Load(ctx, b.runner.Script(), c)
			if err != nil {
				return fmt.Errorf("load %q is not what it should be: %w", c, err)
			}
			rep.Loads = append(rep.Loads, seen)
		}
	}
	return nil
}

// turn measures each value of a knob once under one load, one after the other.
func (b *board) turn(ctx context.Context, rep *report.Knobs, k *knob, l load, round int) error {
	if l.rows != "" {
		return b.copies(ctx, rep, k, l, round)
	}
	for _, value := range k.turns(round) {
		runner := b.runner
		if name, ok := k.ofPostgres(); ok && value != k.Default {
			runner.Postgres = b.databases[name+"="+value]
		}
		at := report.Turn{Setting: k.Setting, Value: value}
		t := k.target(l.store, value)
		if l.constant {
			s := report.KnobSteady{Turn: at, Steady: report.Steady{Round: round, Target: t.Name, Rate: b.opts.rate}}
			if err := runner.Steady(ctx, t, &s.Steady, b.opts.duration); err != nil {
				return err
			}
			b.say("round %d, %s %s, %d requests/s: p99 %v, held: %v %s", round, k.Setting, value, s.Rate, s.Load.P99, s.Held(), s.Invalid)
			rep.Steady = append(rep.Steady, s)
			continue
		}
		load, err := measure.ParseCase(l.kind)
		if err != nil {
			return err
		}
		c := report.KnobClosed{Turn: at, Closed: report.Closed{
			Round: round, Target: t.Name, Case: load, Connections: measure.ConnectionsFor(load, connections),
		}}
		if err := runner.Closed(ctx, t, &c.Closed); err != nil {
			return fmt.Errorf("%s, %s: %w", value, l.kind, err)
		}
		b.say("round %d, %s %s, %s, %s: %.0f requests/s, %.0f alerts/s all in, %d MiB %s", round, k.Setting, value, load, t.Name,
			c.Wrk.PerSecond, c.AllIn(), c.Server.ResidentPeak>>20, c.Invalid)
		rep.Closed = append(rep.Closed, c)
	}
	return nil
}

// copies runs the benchmark of a store that has both ways to write rows.
func (b *board) copies(ctx context.Context, rep *report.Knobs, k *knob, l load, round int) error {
	found, err := measure.Rows(ctx, b.runner.Tree, b.tests, l.store, l.rows, b.opts.rows)
	if err != nil {
		return err
	}
	for _, r := range found {
		way, ok := copies[r.Name]
		if !ok {
			return fmt.Errorf("the benchmark has a part %q that nobody asked for", r.Name)
		}
		r.Round = round
		b.say("round %d, %s %s: %.0f rows/s", round, k.Setting, way, r.PerSecond)
		rep.Rows = append(rep.Rows, report.KnobRows{Turn: report.Turn{Setting: k.Setting, Value: way}, Rows: r})
	}
	if len(found) != len(copies) {
		return fmt.Errorf("the benchmark has %d of the parts %s", len(found), strings.Join(k.Values, ", "))
	}
	return nil
}
