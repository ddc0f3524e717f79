package main

import (
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"stormdrain/benchmarks/measure"
	"stormdrain/benchmarks/report"
	"stormdrain/internal/config"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	o, err := parseOptions(nil, io.Discard)
	if err != nil || o.rounds != 3 || o.duration != 3*time.Second || len(o.knobs()) != len(knobs()) || !o.whole() {
		t.Errorf("%+v, %v", o, err)
	}
	o, err = parseOptions([]string{"-quick", "-only", "gogc|wal_"}, io.Discard)
	if err != nil || o.rounds != 1 || o.duration != time.Second || len(o.knobs()) != 2 || o.whole() {
		t.Errorf("%+v, %v", o, err)
	}
	whole := func(want bool, args ...string) {
		t.Helper()
		if o, err := parseOptions(args, io.Discard); err != nil || o.whole() != want {
			t.Errorf("%v: %v, %v", args, o.whole(), err)
		}
	}
	whole(true, "-rounds", "5", "-duration", "5s")
	whole(false, "-rounds", "2")
	whole(false, "-only", ".*")
	refused := func(args ...string) {
		t.Helper()
		if o, err := parseOptions(args, io.Discard); err == nil {
			t.Errorf("%v gives %+v", args, o)
		}
	}
	refused("-rounds", "0")
	refused("-duration", "10ms")
	refused("-rate", "0")
	refused("-only", "(")
	refused("-only", "colour")
	refused("now")
}

// workedOut are settings whose 0 stands for what the program then takes.
var workedOut = map[string]string{"tuning.gogc": "50", "tuning.memory_limit": "80 % of the machine"}

// What the list calls the default is the program's, and every flag is one.
func TestKnobs(t *testing.T) {
	t.Parallel()
	defaults := configured()
	seen := map[string]bool{}
	for _, k := range knobs() {
		if seen[k.Setting] || !slices.Contains(k.Values, k.Default) || len(k.Values) < 2 || len(k.loads) == 0 || k.About == "" {
			t.Errorf("%+v", k)
		}
		seen[k.Setting] = true
		for _, l := range k.loads {
			if slices.Contains(measure.Stores(), l.store) == (k.Setting == sockets) || l.rows != "" && l.kind != "" || l.constant && l.kind != "" {
				t.Errorf("%s: load %+v", k.Setting, l)
			}
			if l.constant || l.rows != "" {
				continue
			}
			if _, err := measure.ParseCase(l.kind); err != nil {
				t.Errorf("%s: %v", k.Setting, err)
			}
		}
		if _, ok := k.ofPostgres(); ok || k.Setting == copying || k.Setting == sockets {
			continue
		}
		want, ok := workedOut[k.Setting]
		if !ok {
			want = defaults[k.Setting]
		} else if defaults[k.Setting] != "0" {
			t.Errorf("%s: the default is %q, and no longer worked out", k.Setting, defaults[k.Setting])
		}
		if want == "" || k.Default != want {
			t.Errorf("%s: the default is %q, not %q", k.Setting, want, k.Default)
		}
		for _, value := range k.Values {
			flags := k.target(pg, value).Flags
			if len(flags) > 1 || len(flags) == 0 != (value == k.Default) {
				t.Errorf("%s %s: %v", k.Setting, value, flags)
			}
			var said strings.Builder
			if _, command, code := config.Parse(append([]string{"serve"}, flags...), nil, io.Discard, &said); command != "serve" {
				t.Errorf("%v: %d, %s", flags, code, said.String())
			}
		}
	}
}

// configured returns the defaults of all settings, as they are written.
func configured() map[string]string {
	all := map[string]string{}
	groups := reflect.TypeFor[config.Config]()
	for i := range groups.NumField() {
		group, ok := groups.Field(i).Tag.Lookup("group")
		if !ok {
			continue
		}
		for j := range groups.Field(i).Type.NumField() {
			tag := groups.Field(i).Type.Field(j).Tag
			all[group+"."+tag.Get("key")] = tag.Get("default")
		}
	}
	return all
}

func TestTarget(t *testing.T) {
	t.Parallel()
	k := knob{Knob: report.Knob{Setting: "storage.batch_rows", Values: []string{"500", "5000", "20000"}, Default: "5000"}}
	if got := k.target(lite, "500"); got.Name != report.DurableSQLite || got.Store != "sqlite" || !slices.Equal(got.Flags, []string{"--storage.batch-rows=500"}) {
		t.Errorf("%+v", got)
	}
	if got := k.target(pg, "5000"); got.Name != report.Durable || got.Ack != "fsync" || got.Flags != nil {
		t.Errorf("the default: %+v", got)
	}
	if got := k.target(none, "500"); got.Name != report.Ceiling || got.Ack != "" || !slices.Equal(got.Flags, []string{"-socket=500"}) {
		t.Errorf("%+v", got)
	}
	k.Setting = postgresPrefix + "wal_compression"
	if name, ok := k.ofPostgres(); !ok || name != "wal_compression" || k.target(pg, "500").Flags != nil {
		t.Errorf("a setting of the database: %s, %+v", name, k.target(pg, "500"))
	}
}

func TestTurns(t *testing.T) {
	t.Parallel()
	k := knob{Knob: report.Knob{Values: []string{"a", "b", "c"}}}
	for round, want := range []string{"abc", "bca", "cab", "abc"} {
		if got := strings.Join(k.turns(round+1), ""); got != want {
			t.Errorf("round %d: %s, want %s", round+1, got, want)
		}
	}
}
