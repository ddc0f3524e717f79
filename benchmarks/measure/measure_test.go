package measure

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stormdrain/benchmarks/load"
	"stormdrain/benchmarks/report"
	"stormdrain/benchmarks/scrape"
)

func TestConnectionsFor(t *testing.T) {
	t.Parallel()
	if ConnectionsFor(report.Case{Mode: report.Storm, Alerts: 1000}, 64) != 8 || ConnectionsFor(report.Case{Mode: report.Mix}, 64) != 64 {
		t.Error("connections")
	}
}

func TestSegmentBytes(t *testing.T) {
	t.Parallel()
	f := func(want int64, flags ...string) {
		t.Helper()
		if got, err := segmentBytes(flags); got != want || (err != nil) != (want == 0) {
			t.Errorf("%v: %d, %v", flags, got, err)
		}
	}
	f(64 << 20)
	f(64<<20, "--journal.max-bytes=1GiB")
	f(8<<20, "--tuning.gogc=50", "--journal.segment-bytes=8MiB")
	f(0, "--journal.segment-bytes=8000")
	f(0, "--journal.segment-bytes=manyMiB")
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
	if n, err := i.journaled(); n != 10*64<<20+48+132 || err != nil {
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
