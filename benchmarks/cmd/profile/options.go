package main

import (
	"flag"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"stormdrain/benchmarks/subject"
)

// options is the command line.
type options struct {
	mode   string
	length time.Duration // of each recording
	store  string
	rate   int    // requests a second; 0: as fast as it goes
	url    string // of a server that runs; empty: start one
	out    string // folder
	pgo    string // file; not empty: record for the compiler, into it

	rest time.Duration // longest wait for goroutines to end after the storm
}

// The longest recording keeps a storm below what its script can number, and
// what it writes on the disk below some gigabytes.
const (
	shortest = time.Second
	longest  = 5 * time.Minute
)

// idleWorkers is how long fasthttp keeps the goroutine of a connection that has
// gone: ten seconds, and as long again until it looks.
const idleWorkers = 20 * time.Second

func parseOptions(args []string, stderr io.Writer) (options, error) {
	o := options{rest: idleWorkers}
	f := flag.NewFlagSet("profile", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.mode, "mode", "cpu", strings.Join(modes(), ", ")+"; memory is heap")
	f.DurationVar(&o.length, "time", 30*time.Second, "length of each recording; whole seconds. A trace is never longer than "+traceLimit.String())
	f.StringVar(&o.store, "store", "sqlite", strings.Join(subject.Stores(), " or "))
	f.IntVar(&o.rate, "rate", 0, "requests a second, open loop; 0: as fast as wrk gets answers")
	f.StringVar(&o.url, "url", "", "profile the server that runs there, under what comes in there; it needs --debug.pprof")
	f.StringVar(&o.out, "out", "profiles", "folder to write to")
	f.StringVar(&o.pgo, "pgo", "", "record the CPU of a storm with each store, for the compiler, and write both as one profile to this file")
	err := f.Parse(args)
	if err != nil {
		return o, err
	}
	if o.mode == "memory" { // as older scripts of this kind say
		o.mode = "heap"
	}
	o.length = o.length.Truncate(time.Second)
	o.url = strings.TrimSuffix(o.url, "/")
	if err = o.validate(); err == nil && f.NArg() > 0 {
		err = fmt.Errorf("%q is no flag", f.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(stderr, "profile:", err)
	}
	return o, err
}

func (o *options) validate() error {
	switch {
	case !slices.Contains(modes(), o.mode):
		return fmt.Errorf("-mode %q is none of %s", o.mode, strings.Join(modes(), ", "))
	case !slices.Contains(subject.Stores(), o.store):
		return fmt.Errorf("-store %q is neither %s", o.store, strings.Join(subject.Stores(), " nor "))
	case o.length < shortest || o.length > longest:
		return fmt.Errorf("-time %v: from %v to %v", o.length, shortest, longest)
	case o.rate < 0 || o.rate > mostRate:
		return fmt.Errorf("-rate %d: from 1 to %d, or 0 for as fast as it goes", o.rate, mostRate)
	case o.pgo != "" && o.url != "":
		return fmt.Errorf("-pgo records a storm of its own; -url does not go with it")
	case o.url == "":
		return nil
	}
	if u, err := url.Parse(o.url); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("-url %q is no URL like http://127.0.0.1:9567", o.url)
	}
	return nil
}
