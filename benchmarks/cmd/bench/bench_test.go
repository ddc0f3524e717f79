package main

import (
	"io"
	"slices"
	"testing"

	"stormdrain/benchmarks/report"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	o, err := parseOptions(nil, io.Discard)
	if err != nil || len(o.targets) != len(targets()) || o.rounds != 3 || len(o.cases) != 7 || len(o.rates) != 8 || !o.whole() {
		t.Errorf("%+v, %v", o, err)
	}
	o, err = parseOptions([]string{"-quick", "-targets", "ceiling;fsync, Postgres", "-postgres", "a=1", "-postgres", "b=2"}, io.Discard)
	if err != nil || o.rounds != 1 || o.rows != "1x" || len(o.cases) != 3 || len(o.targets) != 2 || !slices.Equal(o.postgres, []string{"a=1", "b=2"}) || o.whole() {
		t.Errorf("%+v, %v", o, err)
	}
	o, err = parseOptions([]string{"-cases", "hard/1000,mix", "-rates", "50,20,50", "-full"}, io.Discard)
	if err != nil || !slices.Equal(o.cases, []report.Case{{Mode: report.Hard, Alerts: 1000}, {Mode: report.Mix}}) || !slices.Equal(o.rates, []int{20, 50}) || !o.full {
		t.Errorf("%+v, %v", o, err)
	}
	refused := func(args ...string) {
		t.Helper()
		if o, err := parseOptions(args, io.Discard); err == nil {
			t.Errorf("%v gives %+v", args, o)
		}
	}
	refused("-rounds", "0")
	refused("-duration", "500ms")
	refused("-warmup", "0s")
	refused("-connections", "0")
	refused("-rate", "0")
	refused("-rates", "10,0")
	refused("-rates", "many")
	refused("-step", "0s")
	refused("-cases", "calm/10")
	refused("-cases", "storm")
	refused("-cases", "storm/7")
	refused("-cases", "mix/10")
	refused("-targets", "fsync, Oracle")
	refused("now")
}

// A result that stands for the project leaves nothing out.
func TestWhole(t *testing.T) {
	t.Parallel()
	f := func(whole bool, args ...string) {
		t.Helper()
		o, err := parseOptions(args, io.Discard)
		if err != nil || o.whole() != whole {
			t.Errorf("%v: %v, %v", args, o.whole(), err)
		}
	}
	f(true, "-rounds", "9", "-full")
	f(false, "-rounds", "1")
	f(false, "-cases", "storm/10")
	f(false, "-targets", "fsync, Postgres")
	f(false, "-steady", "0")
	f(false, "-rates", "")
	f(false, "-rows", "")
	f(false, "-postgres", "fsync=off")
}

func TestMatrix(t *testing.T) {
	t.Parallel()
	count := func(o options) (n int) {
		for _, c := range o.cases {
			for _, target := range targets() {
				if o.measures(target, c) {
					n++
				}
			}
		}
		return n
	}
	f := func(want int, args ...string) {
		t.Helper()
		o, err := parseOptions(args, io.Discard)
		if got := count(o); err != nil || got != want {
			t.Errorf("%v: %d runs a round, %v; want %d", args, got, err, want)
		}
	}
	f(12 + 3*5 + 2 + 3*3)
	f(7*12, "-full")
	f(12+2*2, "-quick")
}
