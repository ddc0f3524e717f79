package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// options is the command line.
type options struct {
	duration time.Duration // of the load that is sampled
	rate     int           // webhooks a second
	stores   []string
	warm     int    // label sets that come once, before: every bounded table is full then
	out      string // where the results go; empty: nowhere
}

const (
	postgres = "postgres"
	sqlite   = "sqlite"
)

// leastDuration gives the second half, on which everything is decided, enough
// samples. It decides nothing worth knowing before two minutes.
const leastDuration = 30 * time.Second

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("soak", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.DurationVar(&o.duration, "duration", 30*time.Minute, "how long the load is sampled")
	f.IntVar(&o.rate, "rate", 200, "webhooks a second, eight alerts each on average")
	stores := f.String("store", "postgres,sqlite", "postgres, sqlite, or both with a comma between, which then run at the same time")
	f.IntVar(&o.warm, "warm", 70_000, "label sets that come once, before the load; fewer leave tables that fill during it")
	f.StringVar(&o.out, "out", "", "folder for samples and plots; empty: a summary is printed, no more")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.stores = strings.Split(*stores, ",")
	err := o.validate()
	if f.NArg() > 0 {
		err = fmt.Errorf("%q is no flag", f.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(stderr, "soak:", err)
	}
	return o, err
}

func (o *options) validate() error {
	switch {
	case o.duration < leastDuration || o.duration > 24*time.Hour:
		return fmt.Errorf("-duration %v: from %v to a day", o.duration, leastDuration)
	case o.rate < 1 || o.rate > 5000:
		return fmt.Errorf("-rate %d: from 1 to 5000", o.rate)
	case o.warm < 0 || o.warm > 1_000_000:
		return fmt.Errorf("-warm %d: from 0 to a million", o.warm)
	}
	seen := map[string]bool{}
	for _, s := range o.stores {
		if s != postgres && s != sqlite || seen[s] {
			return fmt.Errorf("-store %s: postgres, sqlite, or both", strings.Join(o.stores, ","))
		}
		seen[s] = true
	}
	return nil
}
