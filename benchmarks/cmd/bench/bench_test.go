package main

import (
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stormdrain/benchmarks/load"
	"stormdrain/benchmarks/report"
	"stormdrain/benchmarks/scrape"
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
	f(9 + 3*5 + 3*3)
	f(7*9, "-full")
	f(9+2*2, "-quick")
	o := options{connections: 64}
	if o.connectionsFor(report.Case{Mode: report.Storm, Alerts: 1000}) != 8 || o.connectionsFor(report.Case{Mode: report.Mix}) != 64 {
		t.Error("connections")
	}
}

func TestDoesNotAddUp(t *testing.T) {
	t.Parallel()
	f := func(want string, alerts int, s report.Server, text string) {
		t.Helper()
		m, err := scrape.Parse(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := doesNotAddUp(&s, m, alerts); !strings.Contains(got, want) || got == "" != (want == "") {
			t.Errorf("%q, want %q", got, want)
		}
	}
	const good = "reference_http_requests_total{code=\"200\",handler=\"webhook\"} 3\nreference_alerts_received_total 30\n"
	f("", 10, report.Server{Requests: 2, Received: 20, Rows: 30}, good) // the third was the warm-up's
	f("", 0, report.Server{Requests: 2, Received: 7, Rows: 30}, good)
	f("29 rows", 10, report.Server{Requests: 2, Received: 20, Rows: 29}, good)
	f("31 rows", 10, report.Server{Requests: 2, Received: 20, Rows: 31}, good)
	f("19 alerts received in 2", 10, report.Server{Requests: 2, Received: 19, Rows: 30}, good)
	f("1 alerts received in 2", 0, report.Server{Requests: 2, Received: 1, Rows: 30}, good)
	f("quarantine", 10, report.Server{Requests: 2, Received: 20, Rows: 30}, good+"stormdrain_alerts_quarantined_total{reason=\"x\"} 1\n")
	f("1 webhooks", 10, report.Server{Requests: 2, Received: 20, Rows: 30}, good+"reference_http_requests_total{code=\"503\",handler=\"webhook\"} 1\n")
}

func TestOverloaded(t *testing.T) {
	t.Parallel()
	f := func(want bool, r load.Result) {
		t.Helper()
		if got := overloaded(&r); got != want {
			t.Errorf("%+v: %v", r, got)
		}
	}
	f(true, load.Result{Unsent: 1})
	f(true, load.Result{Unsent: 1, Failed: map[string]int{"no answer": 64}})
	f(false, load.Result{Failed: map[string]int{"no answer": 1}})
	f(false, load.Result{Unsent: 1, Failed: map[string]int{"status 503": 1}})
	f(false, load.Result{})
}

func TestJournaled(t *testing.T) {
	t.Parallel()
	i := &instance{dir: t.TempDir()}
	if n, err := i.journaled(); n != 0 || err != nil {
		t.Errorf("no journal: %d, %v", n, err)
	}
	journal := filepath.Join(i.dir, "data", "journal")
	if err := os.MkdirAll(journal, 0o755); err != nil {
		t.Fatal(err)
	}
	record := func(length int) []byte {
		b := make([]byte, length)
		binary.LittleEndian.PutUint32(b, uint32(length))
		return b
	}
	segment := slices.Concat(make([]byte, segmentHeader), record(100), record(32), make([]byte, 5000)) // zeros ahead
	for _, name := range []string{"0000000000000009.seg", "000000000000000a.seg"} {
		if err := os.WriteFile(filepath.Join(journal, name), segment, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := i.journaled(); n != 10*segmentBytes+48+132 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	f := func(segment []byte, want int64) {
		t.Helper()
		if got := recordsEnd(segment); got != want {
			t.Errorf("%d, want %d", got, want)
		}
	}
	f(nil, 48)
	f(slices.Concat(make([]byte, segmentHeader), record(100)[:99]), 48) // torn
	f(slices.Concat(make([]byte, segmentHeader), record(32)), 80)
}

func TestParseRows(t *testing.T) {
	t.Parallel()
	const out = `goos: linux
goarch: amd64
pkg: stormdrain/storage/postgres
BenchmarkWrite/entries=known-2         	     100	  12204566 ns/op	       103.0 B/event	    409683 rows/s	  330116 B/op	      97 allocs/op
BenchmarkWrite/entries=known/rows=pgx-2         	      90	  18204566 ns/op	    274657 rows/s
BenchmarkWrite/entries=new             	       1	239144632 ns/op	     20908 rows/s
BenchmarkOther-2                        	     100	       1.5 ns/op
PASS
`
	want := []report.Rows{
		{Name: "entries=known", PerSecond: 409683},
		{Name: "entries=known/rows=pgx", PerSecond: 274657},
		{Name: "entries=new", PerSecond: 20908},
	}
	if got := parseRows(out); !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	if got := parseRows("FAIL\n"); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
}
