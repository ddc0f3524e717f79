package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stormdrain/benchmarks/load"
	"stormdrain/benchmarks/wrk"
)

// sample is two rounds on a machine that was half as fast in the second.
func sample() *Report {
	r := &Report{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Commit: "abc1234", Settings: Settings{Rounds: 2, Rate: 10000}}
	r.Machine.Cores = 2
	for i, speed := range []float64{40000, 20000} {
		round := i + 1
		server := Server{
			Requests: 1000, Mallocs: int64(8000 + 1000*i), ResidentPeak: int64(80+30*i) << 20, CPU: time.Second,
			Surroundings: Surroundings{Elapsed: time.Second, Others: time.Second},
		}
		r.Closed = append(r.Closed,
			Closed{Round: round, Target: Ceiling, Mode: Storm, Wrk: wrk.Result{PerSecond: speed}},
			Closed{Round: round, Target: Durable, Mode: Storm, Wrk: wrk.Result{PerSecond: speed / 4}, Server: server})
		r.Steady = append(r.Steady, Steady{Round: round, Target: Durable, Load: load.Result{PerSecond: 9999}, Server: server})
		r.Rows = append(r.Rows, Rows{Round: round, Store: "postgres", Name: "entries=known", PerSecond: 300000 * float64(round)})
	}
	return r
}

func TestGoals(t *testing.T) {
	t.Parallel()
	f := func(g Goal, got string, met bool) {
		t.Helper()
		if g.Got != got || g.Met != met {
			t.Errorf("%s: %q, met: %v; want %q, %v", g.Name, g.Got, g.Met, got, met)
		}
	}
	goals := sample().Goals()
	if len(goals) != 4 {
		t.Fatalf("%+v", goals)
	}
	f(goals[0], "0.250", true)
	f(goals[1], "8.5", true)
	f(goals[2], "110.0 MiB, at 9 999 requests/s", false) // the worst round counts
	f(goals[3], "450 000", true)

	slow := sample()
	for i := range slow.Steady {
		slow.Steady[i].Server.ResidentPeak = 1 << 20
		slow.Steady[i].Load.PerSecond = 5000
	}
	f(slow.Goals()[2], "1.0 MiB, at 5 000 requests/s", false) // little memory, but not at that rate
	if goals := new(Report).Goals(); len(goals) != 0 {
		t.Errorf("goals of nothing: %+v", goals)
	}
}

// A round of the ceiling that is missing leaves its round out, and is not taken
// for a rate of zero.
func TestRatiosPairRounds(t *testing.T) {
	t.Parallel()
	r := sample()
	r.Closed = r.Closed[1:]
	if got := r.ratios(Durable, Storm); len(got) != 1 || got[0] != .25 {
		t.Errorf("%v", got)
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	f := func(want spread, samples ...float64) {
		t.Helper()
		if got := spreadOf(samples); got != want {
			t.Errorf("%v: %+v, want %+v", samples, got, want)
		}
	}
	f(spread{})
	f(spread{3, 3, 3}, 3)
	f(spread{1, 2, 9}, 9, 1, 2)
	f(spread{1, 2.5, 9}, 9, 1, 2, 3)
}

func TestFigures(t *testing.T) {
	t.Parallel()
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(thousands(0), "0")
	f(thousands(999.6), "1 000")
	f(thousands(1234567), "1 234 567")
	f(mebibytes(1<<19), "0.5")
	f(percent(.256), "26 %")
	f(short(0), "0s")
	f(short(612345), "612.3µs")
	f(short(1234567), "1.23ms")
	f(short(123456789), "123.5ms")
	f(short(1.23456789e9), "1.23s")
}

func TestWrite(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "results")
	r := sample()
	names, err := r.Write(dir)
	if err != nil || strings.Join(names, " ") != "2026-01-02T0304-abc1234.json 2026-01-02T0304-abc1234.md" {
		t.Fatalf("%v, %v", names, err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, names[0]))
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(raw, &back); err != nil || len(back.Closed) != 4 || back.Closed[3] != r.Closed[3] {
		t.Errorf("%v: %s", err, raw)
	}
	text, err := os.ReadFile(filepath.Join(dir, names[1]))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| ceiling | 30 000 (20 000 to 40 000) | 1.000 (1.000 to 1.000) |",
		"| fsync, Postgres | 7 500 (5 000 to 10 000) | 0.250 (0.250 to 0.250) |", "| 50 % |",
		"| postgres | entries=known | 450 000 (300 000 to 600 000) |",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	r := sample()
	if got := r.Invalid(); len(got) != 0 {
		t.Errorf("%v", got)
	}
	r.Closed[1].Invalid, r.Steady[1].Invalid = "one timeout", "two timeouts"
	got := strings.Join(r.Invalid(), "\n")
	if !strings.Contains(got, "round 1: one timeout") || !strings.Contains(r.Markdown(), "round 2: two timeouts") {
		t.Error(got)
	}
}
