package main

import (
	"flag"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"stormdrain/benchmarks/subject"
)

// options is the command line.
type options struct {
	scenarios []string
	rate      int           // requests a second; 0: the scenario's own
	duration  time.Duration // of a scenario; 0: its own
	target    string        // URL of a server that runs; empty: start one
	store     string
	quick     bool
	program   string        // k6; empty: ours, built where it is not there
	limit     time.Duration // after it a scenario is killed
}

const (
	// longestOwn is what a scenario without a duration takes at most, the soak.
	longestOwn = time.Hour
	// spareTime is for k6's start and for its last requests. A spike that is cut
	// into whole seconds takes a little longer than was asked for.
	spareTime = 5 * time.Minute
	longest   = 7 * 24 * time.Hour
	mostRate  = 200_000

	quickRate     = 50
	quickDuration = 5 * time.Second
)

func scenarios() []string { return []string{"steady", "spike", "stress", "soak"} }

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("k6", flag.ContinueOnError)
	f.SetOutput(stderr)
	scenario := f.String("scenario", "steady", strings.Join(scenarios(), ", ")+", or all")
	f.IntVar(&o.rate, "rate", 0, "requests a second; 0: as many as the scenario is about")
	f.DurationVar(&o.duration, "duration", 0, "of a scenario; whole seconds; 0: as long as the scenario is about")
	f.StringVar(&o.target, "target", "", "URL of a server that runs; empty: start one on the loopback interface")
	f.StringVar(&o.store, "store", "sqlite", strings.Join(subject.Stores(), " or "))
	f.BoolVar(&o.quick, "quick", false, "50 requests a second for some five seconds, and no thresholds: does it work?")
	f.StringVar(&o.program, "k6", "", "another k6 than the one that is built into bin/")
	err := f.Parse(args)
	if err != nil {
		return o, err
	}
	o.scenarios = []string{*scenario}
	if *scenario == "all" {
		o.scenarios = scenarios()
	}
	if o.quick {
		o.rate, o.duration = quickRate, quickDuration
	}
	o.target = strings.TrimSuffix(o.target, "/")
	if err = o.validate(); err == nil && f.NArg() > 0 {
		err = fmt.Errorf("%q is no flag", f.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(stderr, "k6:", err)
	}
	o.limit = longestOwn + spareTime
	if o.duration > 0 {
		o.limit = o.duration + spareTime
	}
	return o, err
}

func (o *options) validate() error {
	for _, s := range o.scenarios {
		if !slices.Contains(scenarios(), s) {
			return fmt.Errorf("-scenario %q is none of %s and all", s, strings.Join(scenarios(), ", "))
		}
	}
	switch {
	case !slices.Contains(subject.Stores(), o.store):
		return fmt.Errorf("-store %q is neither %s", o.store, strings.Join(subject.Stores(), " nor "))
	case o.rate < 0 || o.rate > mostRate:
		return fmt.Errorf("-rate %d: from 1 to %d, or 0 for the scenario's own", o.rate, mostRate)
	case o.duration != 0 && (o.duration < time.Second || o.duration > longest || o.duration%time.Second != 0):
		return fmt.Errorf("-duration %v: whole seconds, from 1s to %v, or 0 for the scenario's own", o.duration, longest)
	case o.target == "":
		return nil
	}
	if u, err := url.Parse(o.target); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("-target %q is no URL like http://127.0.0.1:9567", o.target)
	}
	return nil
}

// variables are what the scenarios read, name=value.
func (o *options) variables(target string) []string {
	all := []string{"TARGET=" + target}
	if o.rate > 0 {
		all = append(all, "RATE="+strconv.Itoa(o.rate))
	}
	if o.duration > 0 {
		all = append(all, fmt.Sprintf("DURATION=%ds", o.duration/time.Second))
	}
	return all
}
