package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"stormdrain/benchmarks/measure"
	"stormdrain/benchmarks/report"
)

// options is the command line.
type options struct {
	rounds      int
	duration    time.Duration // of a run of wrk
	warmup      time.Duration
	connections int
	cases       []report.Case // the first is the one that all targets are measured under
	targets     []string      // names of targets; the ceiling is always there
	full        bool          // every target under every load
	rate        int           // requests a second
	steady      time.Duration
	rates       []int // others, from the lowest on
	step        time.Duration
	rows        string   // -test.benchtime of the stores' benchmarks; empty: none
	postgres    []string // settings of the private server
	out         string   // where the results go; empty: nowhere
	quick       bool
}

const (
	defaultCases = "storm/10,storm/1,storm/100,storm/1000,mix,hard/10,hard/100"
	defaultRates = "200,500,1000,2000,5000,10000,15000,20000"
)

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&o.rounds, "rounds", 3, "how often everything is measured, in turn")
	f.DurationVar(&o.duration, "duration", 4*time.Second, "of a run as fast as it goes; whole seconds")
	f.DurationVar(&o.warmup, "warmup", time.Second, "before each run; whole seconds")
	f.IntVar(&o.connections, "connections", 64, "of the load; an eighth of it with 1 000 alerts a request")
	cases := f.String("cases", defaultCases, "loads, with commas between; every target is measured under the first")
	targets := f.String("targets", allTargets(), "with semicolons between")
	f.BoolVar(&o.full, "full", false, "every target under every load")
	f.IntVar(&o.rate, "rate", 10_000, "requests a second of the run at a constant rate")
	f.DurationVar(&o.steady, "steady", 10*time.Second, "length of the run at a constant rate; 0: none, and none of -rates")
	rates := f.String("rates", defaultRates, "other constant rates, for latency against rate, with commas between; below 1000 for the reference alone; empty: none")
	f.DurationVar(&o.step, "step", 3*time.Second, "length of the runs at -rates")
	f.StringVar(&o.rows, "rows", "2s", "how long each benchmark of a store runs, as go test -benchtime takes it; empty: none")
	f.Func("postgres", "a setting of the private PostgreSQL, name=value; repeatable", func(s string) error {
		o.postgres = append(o.postgres, s)
		return nil
	})
	f.StringVar(&o.out, "out", "", "folder for the results; empty: they are only printed")
	f.BoolVar(&o.quick, "quick", false, "a smoke run of a minute, whose figures mean nothing")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.targets = strings.Split(*targets, ";")
	if o.quick {
		*cases, *rates = o.shorten(), "200"
	}
	var err error
	if f.NArg() > 0 {
		err = fmt.Errorf("%q is no flag", f.Arg(0))
	} else if o.cases, err = measure.ParseCases(*cases); err != nil {
		err = fmt.Errorf("-cases: %w", err)
	} else if o.rates, err = parseRates(*rates); err != nil {
		err = fmt.Errorf("-rates: %w", err)
	} else {
		err = o.validate()
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
	}
	return o, err
}

// shorten leaves of everything as little as there can be, and returns the loads.
func (o *options) shorten() (cases string) {
	o.rounds, o.duration, o.warmup = 1, time.Second, time.Second
	o.rate = 300
	o.steady, o.step = min(o.steady, time.Second), time.Second
	if o.rows != "" {
		o.rows = "1x"
	}
	return "storm/10,storm/1000,mix"
}

func parseRates(s string) (rates []int, err error) {
	if s == "" {
		return nil, nil
	}
	for text := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no rate", text)
		}
		rates = append(rates, n)
	}
	slices.Sort(rates)
	return slices.Compact(rates), nil
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
	case o.step < time.Second || o.step > time.Hour:
		return fmt.Errorf("-step %v: from a second to an hour", o.step)
	}
	for _, name := range o.targets {
		if !slices.ContainsFunc(targets(), func(t measure.Target) bool { return t.Name == name }) {
			return fmt.Errorf("-targets: %q is none of %s", name, allTargets())
		}
	}
	return nil
}

// whole reports that nothing of the default is left out, so that the result may
// stand for the project.
func (o *options) whole() bool {
	cases, _ := measure.ParseCases(defaultCases)
	rates, _ := parseRates(defaultRates)
	for _, c := range cases {
		if !slices.Contains(o.cases, c) {
			return false
		}
	}
	for _, rate := range rates {
		if !slices.Contains(o.rates, rate) {
			return false
		}
	}
	for _, t := range targets() {
		if t.Name != report.Ceiling && !slices.Contains(o.targets, t.Name) {
			return false
		}
	}
	return o.rounds >= 3 && o.steady > 0 && o.rows != "" && len(o.postgres) == 0 && !o.quick
}
