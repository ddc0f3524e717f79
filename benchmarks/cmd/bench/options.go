package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// options is the command line.
type options struct {
	rounds      int
	duration    time.Duration // of a run of wrk
	warmup      time.Duration
	connections int
	modes       []string // of the load, see storm.lua
	targets     []string // names of targets; the ceiling is always there
	rate        int      // requests a second
	steady      time.Duration
	rows        string   // -test.benchtime of the stores' benchmarks; empty: none
	postgres    []string // settings of the private server
	out         string   // where the results go; empty: nowhere
	quick       bool
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&o.rounds, "rounds", 5, "how often each target is measured, in turn")
	f.DurationVar(&o.duration, "duration", 5*time.Second, "of a run as fast as it goes; whole seconds")
	f.DurationVar(&o.warmup, "warmup", 2*time.Second, "before each run; whole seconds")
	f.IntVar(&o.connections, "connections", 64, "of the load")
	modes := f.String("modes", "storm", "of the load, with commas between: storm, hard")
	targets := f.String("targets", allTargets(), "with semicolons between")
	f.IntVar(&o.rate, "rate", 10_000, "requests a second of the run at a constant rate")
	f.DurationVar(&o.steady, "steady", 20*time.Second, "length of the run at a constant rate; 0: none")
	f.StringVar(&o.rows, "rows", "2s", "how long each benchmark of a store runs, as go test -benchtime takes it; empty: none")
	f.Func("postgres", "a setting of the private PostgreSQL, name=value; repeatable", func(s string) error {
		o.postgres = append(o.postgres, s)
		return nil
	})
	f.StringVar(&o.out, "out", "", "folder for the results; empty: they are only printed")
	f.BoolVar(&o.quick, "quick", false, "a smoke run of some seconds, whose figures mean nothing")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.modes, o.targets = strings.Split(*modes, ","), strings.Split(*targets, ";")
	if o.quick {
		o.shorten()
	}
	err := o.validate()
	if f.NArg() > 0 {
		err = fmt.Errorf("%q is no flag", f.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
	}
	return o, err
}

// shorten leaves of everything as little as there can be.
func (o *options) shorten() {
	o.rounds, o.duration, o.warmup = 1, time.Second, time.Second
	o.rate, o.steady = 300, time.Second
	if o.rows != "" {
		o.rows = "1x"
	}
}

func (o *options) validate() error {
	switch {
	case o.rounds < 1 || o.rounds > 100:
		return fmt.Errorf("-rounds %d: from 1 to 100", o.rounds)
	case o.duration < time.Second || o.warmup < time.Second || o.duration > time.Hour || o.warmup > time.Hour:
		return fmt.Errorf("-duration %v, -warmup %v: from a second to an hour", o.duration, o.warmup)
	case o.connections < 1 || o.connections > 10_000:
		return fmt.Errorf("-connections %d: from 1 to 10000", o.connections)
	case o.rate < 1 || o.steady < 0 || o.steady > time.Hour:
		return fmt.Errorf("-rate %d for -steady %v: at least one, for no more than an hour", o.rate, o.steady)
	}
	for _, m := range o.modes {
		if m != "storm" && m != "hard" {
			return fmt.Errorf("-modes: %q is neither storm nor hard", m)
		}
	}
	for _, name := range o.targets {
		if !slices.ContainsFunc(targets(), func(t target) bool { return t.name == name }) {
			return fmt.Errorf("-targets: %q is none of %s", name, allTargets())
		}
	}
	return nil
}
