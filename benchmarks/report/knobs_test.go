package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stormdrain/benchmarks/load"
	"stormdrain/benchmarks/wrk"
)

// knobSample is two rounds, the second on a machine that was half as fast.
func knobSample() *Knobs {
	k := &Knobs{
		Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Commit: "abc1234", Whole: true, Rounds: 2,
		Knobs: []Knob{
			{Setting: "a.b", About: "This against that.", Values: []string{"1", "2"}, Default: "2"},
			{Setting: "copying", About: "Two ways.", Values: []string{"ours", "theirs"}, Default: "ours"},
		},
	}
	k.Machine.Cores = 2
	for i, speed := range []float64{10000, 5000} {
		round := i + 1
		for _, v := range []struct {
			value string
			part  float64
		}{{"1", .5}, {"2", 1}} {
			at := Turn{"a.b", v.value}
			server := Server{
				Requests: 1000, CPU: time.Second / 10, PostgresCPU: time.Second / 100, Received: 10_000, Stored: 10_000, LogBytes: 1_230_000,
				ResidentPeak: 50 << 20, Drain: time.Second,
			}
			k.Closed = append(k.Closed, KnobClosed{at, Closed{
				Round: round, Target: Durable, Case: usual, Wrk: wrk.Result{PerSecond: speed * v.part, Elapsed: time.Second, P99: 2 * time.Millisecond}, Server: server,
			}})
			k.Steady = append(k.Steady, KnobSteady{at, Steady{
				Round: round, Target: DurableSQLite, Rate: 1000, Server: server,
				Load: load.Result{Due: 1000, Acknowledged: 1000, Elapsed: time.Second * time.Duration(round), PerSecond: 1000, P99: time.Duration(float64(time.Second) / speed / v.part)},
			}})
		}
		k.Rows = append(k.Rows,
			KnobRows{Turn{"copying", "ours"}, Rows{Round: round, Store: "postgres", PerSecond: 30 * speed}},
			KnobRows{Turn{"copying", "theirs"}, Rows{Round: round, Store: "postgres", PerSecond: 15 * speed}})
	}
	return k
}

func TestKnobsMarkdown(t *testing.T) {
	t.Parallel()
	text := knobSample().Markdown()
	for _, line := range []string{
		"# What each default was chosen by, 2026-01-02 03:04 at abc1234",
		"\n## a.b\n\nThis against that.\n\n| load |",
		"| storm, 10 alerts a request | Postgres | 1 | 3 750 (2 500 to 5 000) | 0.50 (0.50 to 0.50) | 5 000 (5 000 to 5 000) | 1.00 (1.00 to 1.00) | 2ms (2ms to 2ms) | 100µs (100µs to 100µs) | 10µs (10µs to 10µs) | 123 (123 to 123) | 50.0 (50.0 to 50.0) |",
		"| storm, 10 alerts a request | Postgres | **2** (default) | 7 500 (5 000 to 10 000) | 1.00 (1.00 to 1.00) |",
		"| 1 000 | SQLite | 1 | 1 000 (1 000 to 1 000) | 1 of 2 | 0s (0s to 0s) | 300µs (200µs to 400µs) | 2.00 (2.00 to 2.00) |",
		"| Postgres | **ours** (default) | 225 000 (150 000 to 300 000) | 1.00 (1.00 to 1.00) |\n| Postgres | theirs | 112 500 (75 000 to 150 000) | 0.50 (0.50 to 0.50) |",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
	if n := strings.Count(text, "\n| ---"); n != 3 {
		t.Errorf("%d tables in\n%s", n, text)
	}
}

// A run that went wrong is named, is no part of a median, and nothing is compared
// with it.
func TestKnobsInvalid(t *testing.T) {
	t.Parallel()
	k := knobSample()
	if r := k.Invalid(); r != nil {
		t.Errorf("all is well: %v", r)
	}
	k.Closed[1].Invalid = "a row is missing" // the default's of round 1
	k.Steady[0].Invalid = "a socket error"
	want := []string{
		"a.b 2, fsync, Postgres, storm, 10 alerts a request, round 1: a row is missing",
		"a.b 1, fsync, SQLite at 1 000 requests/s, round 1: a socket error",
	}
	if got := k.Invalid(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	text := k.Markdown()
	for _, line := range []string{
		"**Invalid:** " + want[0], "| Postgres | **2** (default) | 5 000 | 1.00 |", "| Postgres | 1 | 3 750 (2 500 to 5 000) | 0.50 |",
		"| 1 000 | SQLite | 1 | 1 000 | 0 of 1 |",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
}

func TestKnobsWrite(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "results")
	k := knobSample()
	if names, err := k.Write(dir); err != nil || !slices.Equal(names, []string{"knobs.json", "knobs.md"}) {
		t.Errorf("%v, %v", names, err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "knobs.json"))
	if err != nil {
		t.Fatal(err)
	}
	var back Knobs
	if err := json.Unmarshal(raw, &back); err != nil || back.Markdown() != k.Markdown() {
		t.Errorf("the samples do not give the tables again: %v\n%s", err, back.Markdown())
	}
	k.Whole = false
	if names, err := k.Write(dir); err != nil || !slices.Equal(names, []string{"knobs-part.json", "knobs-part.md"}) {
		t.Errorf("a part of it: %v, %v", names, err)
	}
}
