package main

import (
	"flag"
	"fmt"
	"io"
	"regexp"
	"time"
)

// options is the command line.
type options struct {
	only     *regexp.Regexp // settings; nil: all
	rounds   int
	duration time.Duration // of a run
	rate     int           // requests a second of the runs at a constant rate
	rows     string        // -test.benchtime of a store's benchmark
	out      string        // where the results go; empty: nowhere
	quick    bool
}

const (
	connections = 64
	warmup      = time.Second
	leastRounds = 3 // of a result that may stand for the project
)

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("knobs", flag.ContinueOnError)
	f.SetOutput(stderr)
	only := f.String("only", "", "regular expression of the settings to measure, as \"gogc|batch\"; empty: all")
	f.IntVar(&o.rounds, "rounds", leastRounds, "how often everything is measured, in turn")
	f.DurationVar(&o.duration, "duration", 3*time.Second, "of a run; whole seconds")
	f.IntVar(&o.rate, "rate", 5000, "requests a second of the runs at a constant rate")
	f.StringVar(&o.rows, "rows", "2s", "how long a benchmark of a store runs, as go test -benchtime takes it")
	f.StringVar(&o.out, "out", "", "folder for the results; empty: they are only printed")
	f.BoolVar(&o.quick, "quick", false, "one round of one second, whose figures mean nothing")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.quick {
		o.rounds, o.duration, o.rate, o.rows = 1, time.Second, 300, "1x"
	}
	err := o.validate()
	if err == nil && *only != "" {
		if o.only, err = regexp.Compile(*only); err == nil && len(o.knobs()) == 0 {
			err = fmt.Errorf("-only %q: there is no such setting here", *only)
		}
	}
	if f.NArg() > 0 {
		err = fmt.Errorf("%q is no flag", f.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(stderr, "knobs:", err)
	}
	return o, err
}

func (o *options) validate() error {
	switch {
	case o.rounds < 1 || o.rounds > 100:
		return fmt.Errorf("-rounds %d: from 1 to 100", o.rounds)
	case o.duration < time.Second || o.duration > time.Hour:
		return fmt.Errorf("-duration %v: from a second to an hour", o.duration)
	case o.rate < 1:
		return fmt.Errorf("-rate %d: at least one", o.rate)
	}
	return nil
}

// knobs returns those that were asked for.
func (o *options) knobs() (all []knob) {
	for _, k := range knobs() {
		if o.only == nil || o.only.MatchString(k.Setting) {
			all = append(all, k)
		}
	}
	return all
}

// whole reports that nothing of the default is left out.
func (o *options) whole() bool { return o.only == nil && o.rounds >= leastRounds && !o.quick }
