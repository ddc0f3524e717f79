package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
)

const (
	postgres = "postgres"
	sqlite   = "sqlite"
)

// options is the command line.
type options struct {
	postgresEvents int64 // 0: Postgres is not filled
	sqliteEvents   int64
	step           int64   // events from one point of the curves to the next
	looks          []int64 // at how many events queries are timed; the end comes by itself
	queries        int     // of each kind, each time

	perBody     int // alerts in a request
	connections int
	known       int   // label sets that come again and again
	newEvery    int64 // of so many alerts one has a label set that never came
	behind      int64 // alerts that may wait in the journal while a store is filled

	backlogBytes int64 // of the journal; 0: no backlog is measured
	normal       int64 // alerts stored before and after it, to compare

	settings []string // of PostgreSQL
	out      string   // where the results go; empty: nowhere
	quick    bool
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	o := options{looks: []int64{1_000_000, 10_000_000}}
	f := flag.NewFlagSet("growth", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Int64Var(&o.postgresEvents, "events", 50_000_000, "stored in PostgreSQL; 0: none")
	f.Int64Var(&o.sqliteEvents, "sqlite", 10_000_000, "events stored in SQLite; 0: none")
	f.Int64Var(&o.step, "step", 1_000_000, "events from one point of the curves to the next")
	f.IntVar(&o.queries, "queries", 300, "of each kind, at 1 000 000 and 10 000 000 events and at the end")
	f.IntVar(&o.perBody, "alerts", 100, "in a request")
	f.IntVar(&o.connections, "connections", 4, "that send, each as fast as it is answered")
	f.IntVar(&o.known, "known", 2000, "label sets that come again and again")
	f.Int64Var(&o.newEvery, "new", 10_000, "of so many alerts one has a label set that never came")
	f.Int64Var(&o.behind, "behind", 200_000, "alerts that may wait in the journal: senders pause then, so that the store sets the pace")
	backlog := f.Int64("backlog", 8192, "MiB of journal for the start with a backlog; 0: none")
	f.Int64Var(&o.normal, "normal", 500_000, "alerts stored before and after the backlog, to compare with")
	f.Func("postgres", "a setting of the private PostgreSQL, name=value; repeatable", func(s string) error {
		o.settings = append(o.settings, s)
		return nil
	})
	f.StringVar(&o.out, "out", "", "folder for the results; empty: they are only printed")
	f.BoolVar(&o.quick, "quick", false, "a smoke run of a minute, whose figures mean nothing")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.backlogBytes = *backlog << 20
	if o.quick {
		o.shorten()
	}
	err := o.validate()
	if f.NArg() > 0 {
		err = fmt.Errorf("%q is no flag", f.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(stderr, "growth:", err)
	}
	return o, err
}

// shorten leaves of everything as little as there can be.
func (o *options) shorten() {
	o.postgresEvents, o.sqliteEvents = min(o.postgresEvents, 200_000), min(o.sqliteEvents, 200_000)
	o.step, o.looks, o.queries = 20_000, []int64{100_000}, 20
	o.behind = 10_000
	o.backlogBytes, o.normal = min(o.backlogBytes, 64<<20), 20_000
}

// leastNew: with fewer of them there is no rare set to ask for.
const leastNew = 10

func (o *options) validate() error {
	switch {
	case o.perBody < 1 || o.perBody > 10_000 || o.connections < 1 || o.connections > 1000:
		return fmt.Errorf("-alerts %d, -connections %d: from 1 to 10000, and to 1000", o.perBody, o.connections)
	case o.known < 1 || o.known > 1_000_000 || o.newEvery < int64(o.perBody):
		return fmt.Errorf("-known %d, -new %d: from 1 to a million; one in a request at most", o.known, o.newEvery)
	case o.queries < 1 || o.step < 1 || o.behind < int64(o.perBody):
		return fmt.Errorf("-queries %d, -step %d, -behind %d: too few", o.queries, o.step, o.behind)
	case o.backlogBytes < 0 || o.normal < 1:
		return fmt.Errorf("-backlog %d, -normal %d: too few", o.backlogBytes>>20, o.normal)
	}
	for _, events := range []int64{o.postgresEvents, o.sqliteEvents} {
		if events != 0 && events < o.newEvery*leastNew {
			return fmt.Errorf("%d events: %d are the least with -new %d, or 0", events, o.newEvery*leastNew, o.newEvery)
		}
	}
	return nil
}

// looksUpTo returns when queries are timed while a store is filled.
func (o *options) looksUpTo(events int64) []int64 {
	all := slices.DeleteFunc(slices.Clone(o.looks), func(n int64) bool { return n >= events })
	return append(all, events)
}
