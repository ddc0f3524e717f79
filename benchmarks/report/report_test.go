package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stormdrain/benchmarks/load"
	"stormdrain/benchmarks/machine"
	"stormdrain/benchmarks/wrk"
)

var large = Case{Mode: Storm, Alerts: 100}

// sample is two rounds on a machine that was half as fast in the second.
func sample() *Report {
	r := &Report{
		Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Commit: "abc1234",
		Settings: Settings{Whole: true, Rounds: 2, Rate: 10000, Steady: time.Second},
		Loads:    []Load{{Case: usual, Alerts: 10}, {Case: Case{Mode: Mix}, Alerts: 12.5}},
	}
	r.Machine.Cores = 2
	for i, speed := range []float64{40000, 20000} {
		round := i + 1
		server := Server{
			Requests: 1000, Mallocs: int64(8000 + 1000*i), ResidentPeak: int64(50+30*i) << 20, CPU: time.Second, LoadCPU: time.Second / 2,
			Received: 10_000, Stored: 10_000, Rows: 20_000, StoreBytes: 1_050_000, JournalBytes: 1_510_000, Drain: 50 * time.Millisecond,
			Surroundings: Surroundings{Elapsed: time.Second, Others: time.Second},
		}
		for _, c := range []Case{usual, large} {
			r.Closed = append(r.Closed,
				Closed{Round: round, Target: Ceiling, Case: c, Wrk: wrk.Result{PerSecond: speed}},
				Closed{Round: round, Target: Durable, Case: c, Wrk: wrk.Result{PerSecond: speed / 2, Elapsed: time.Duration(c.Alerts) * time.Millisecond}, Server: server})
		}
		for _, rate := range []int{1000, 10000} {
			r.Steady = append(r.Steady,
				Steady{Round: round, Target: Ceiling, Rate: rate, Load: atRate(rate, 1)},
				Steady{Round: round, Target: Durable, Rate: rate, Load: atRate(rate, 3), Server: server})
		}
		r.Disk = append(r.Disk, Disk{Round: round, Sync: machine.Sync{Times: 9, P50: 200 * time.Microsecond, P99: 800 * time.Microsecond}})
		r.Rows = append(r.Rows, Rows{Round: round, Store: "postgres", Name: "entries=known", PerSecond: 300000 * float64(round)})
	}
	return r
}

// atRate is a run of a second that was held, with latencies of so many hundreds
// of microseconds.
func atRate(rate int, latency time.Duration) load.Result {
	unit := 100 * time.Microsecond
	return load.Result{
		Due: rate, Acknowledged: rate, Elapsed: time.Second, PerSecond: float64(rate),
		P50: latency * unit, P99: 10 * latency * unit, P999: 20 * latency * unit, Max: 30 * latency * unit,
	}
}

func goal(t *testing.T, r *Report, name string) Goal {
	t.Helper()
	for _, g := range r.Goals() {
		if g.Name == name {
			return g
		}
	}
	t.Errorf("no goal %q in %+v", name, r.Goals())
	return Goal{}
}

func TestGoals(t *testing.T) {
	t.Parallel()
	f := func(r *Report, name, got string, met bool) {
		t.Helper()
		if g := goal(t, r, name); g.Got != got || g.Met != met {
			t.Errorf("%s: %q, met: %v; want %q, %v", name, g.Got, g.Met, got, met)
		}
	}
	r := sample()
	if n := len(r.Goals()); n != 12 {
		t.Errorf("%d goals: %+v", n, r.Goals())
	}
	f(r, "durable 2xx, as a part of the ceiling", "0.500", true)
	f(r, "allocations per request", "8.5", false)
	f(r, "alerts/s received and stored in Postgres, storm", "166 667 (storm, 10 alerts a request)", false) // 10 000 in 10 ms and 50 ms
	f(r, "p50 at 10 000 requests/s", "300µs", true)
	f(r, "p99 at 10 000 requests/s", "3ms", true)
	f(r, "p99.9 at 10 000 requests/s", "6ms", true)
	f(r, "CPU at 10 000 requests/s", "25 %", true)
	f(r, "resident memory at 10 000 requests/s, peak", "80.0 MiB", false) // the worst round counts
	f(r, "resident memory anywhere, peak", "80.0 MiB (fsync, Postgres; storm, 10 alerts a request)", true)
	f(r, "bytes in the journal per known alert", "151.0", false)
	f(r, "bytes in Postgres per event, indexes included", "105.0", true)
	f(r, "narrow rows/s into Postgres", "450 000", true)
	if g := goal(t, r, "p99 at 10 000 requests/s"); g.Want != "< 3.4ms, the ceiling's 1ms + 3 × the disk's 800µs" {
		t.Errorf("%+v", g)
	}

	// What the machine takes to make anything durable stands beside it, and excuses nothing.
	beside := sample()
	beside.Steady = append(beside.Steady, Steady{Round: 1, Target: DiskCeiling, Rate: 10000, Load: atRate(10000, 4), Server: Server{
		LoadCPU: time.Second / 2, Surroundings: Surroundings{Elapsed: time.Second, Others: time.Second / 5, Stolen: time.Second / 10},
	}})
	f(beside, "p99 at 10 000 requests/s", "3ms (ceiling, fdatasync: 4ms)", true)
	if row := "| ceiling, fdatasync | 10 000/s | yes | 400µs | 0s | 4ms | 8ms | 12ms | 50 % of a core |  | 0.0 | 0.0 | 15 % | 5 % |\n"; !strings.Contains(beside.Markdown(), row) {
		t.Errorf("no %s in %s", row, beside.Markdown())
	}

	// A slow disk excuses no more than 5 ms.
	slow := sample()
	for i := range slow.Disk {
		slow.Disk[i].P99 = time.Second
	}
	if g := goal(t, slow, "p99 at 10 000 requests/s"); g.Want != "< 5ms" || !g.Met {
		t.Errorf("%+v", g)
	}

	// What does not hold the rate does not meet what is asked for at that rate.
	late := sample()
	for i := range late.Steady {
		late.Steady[i].Load.Elapsed += 200 * time.Millisecond
		late.Steady[i].Server.ResidentPeak = 1 << 20
	}
	f(late, "p50 at 10 000 requests/s", "300µs, and the rate was not held", false)
	f(late, "resident memory at 10 000 requests/s, peak", "1.0 MiB, and the rate was not held", false)
	if goals := new(Report).Goals(); len(goals) != 0 {
		t.Errorf("goals of nothing: %+v", goals)
	}
}

// What episodes cost is told by the load that suffers most, round by round.
func TestPace(t *testing.T) {
	t.Parallel()
	r := sample()
	for _, c := range r.Closed {
		if c.Target != Durable {
			continue
		}
		c.Target = Alone
		if c.Case == large {
			c.Wrk.PerSecond *= 1.25
		}
		r.Closed = append(r.Closed, c)
	}
	if g := goal(t, r, "durable 2xx in Postgres with episodes, as a part of events alone"); g.Met || g.Got != "0.800 (storm, 100 alerts a request)" {
		t.Errorf("%+v", g)
	}
	if g := goal(t, r, "alerts received and stored in Postgres with episodes, as a part of events alone"); !g.Met {
		t.Errorf("%+v", g)
	}
}

// A round of the ceiling that is missing leaves its round out, and is not taken
// for a rate of zero; nor is a ceiling under another load taken for it.
func TestRatiosPairRounds(t *testing.T) {
	t.Parallel()
	r := sample()
	r.Closed = r.Closed[1:]
	if got := r.ratios(Durable, usual); len(got) != 1 || got[0] != .5 {
		t.Errorf("%v", got)
	}
	if got := r.ratios(Durable, large); len(got) != 2 {
		t.Errorf("%v", got)
	}
}

func TestHeld(t *testing.T) {
	t.Parallel()
	f := func(held bool, change func(*Steady)) {
		t.Helper()
		s := Steady{Rate: 1000, Load: atRate(1000, 1)}
		change(&s)
		if s.Held() != held {
			t.Errorf("%+v: %v", s, s.Held())
		}
	}
	f(true, func(*Steady) {})
	f(true, func(s *Steady) { s.Load.Elapsed += 90 * time.Millisecond })
	f(false, func(s *Steady) { s.Load.Elapsed += 110 * time.Millisecond })
	f(true, func(s *Steady) { s.Load.Due, s.Load.Elapsed = 60_000, 60500*time.Millisecond })
	f(false, func(s *Steady) { s.Load.Unsent = 1 })
	f(false, func(s *Steady) { s.Load.Failed = map[string]int{"status 503": 1} })
	f(false, func(s *Steady) { *s = Steady{} })
}

func TestAllIn(t *testing.T) {
	t.Parallel()
	c := Closed{Wrk: wrk.Result{Elapsed: 4 * time.Second}, Server: Server{Received: 1_000_000, Drain: time.Second}}
	if got := c.AllIn(); got != 200_000 {
		t.Errorf("%v", got)
	}
	if got := new(Closed).AllIn(); got != 0 {
		t.Errorf("%v", got)
	}
	r := sample()
	if got := r.alertsPerSecond(Ceiling, usual).median; got != 300_000 {
		t.Errorf("%v", got)
	}
	if got := r.alertsEach(Case{Mode: Mix}); got != 12.5 {
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
	f(fmt.Sprint(Case{Mode: Mix}), "mix")
	f(fmt.Sprint(Case{Mode: Hard, Alerts: 1}), "hard, 1 alert a request")
	f(fmt.Sprint(Case{Mode: Storm, Alerts: 1000}), "storm, 1 000 alerts a request")
}

func TestPlots(t *testing.T) {
	t.Parallel()
	r := sample()
	r.Steady[1].Load.Unsent = 1 // in one of two rounds the lower rate was not held
	p := r.latencyPlot()
	var names []string
	for _, s := range p.Series {
		names = append(names, fmt.Sprint(s.Name, s.X, s.Y))
	}
	want := []string{
		"ceiling: p50[1000 10000] [0.1 0.1]", "ceiling: p99[1000 10000] [1 1]",
		"fsync, Postgres: p50[10000] [0.3]", "fsync, Postgres: p99[10000] [3]",
	}
	if !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
	names = nil
	for _, s := range r.sizePlot().Series {
		names = append(names, fmt.Sprint(s.Name, s.X, s.Dashed))
	}
	want = []string{"ceiling[10 100] false", "fsync, Postgres: answered[10 100] false", "fsync, Postgres: and stored[10 100] true"}
	if !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
	if got := new(Report).figures(); len(got) != 0 {
		t.Errorf("plots of nothing: %+v", got)
	}
}

const base = "2026-01-02T0304-abc1234"

func TestWrite(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "results")
	r := sample()
	names, err := r.Write(dir)
	want := []string{base + ".json", base + ".md", base + "-latency.svg", base + "-size.svg", "latest.md", "latest-latency.svg", "latest-size.svg"}
	if err != nil || !slices.Equal(names, want) {
		t.Fatalf("%v, %v", names, err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, names[0]))
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(raw, &back); err != nil || len(back.Closed) != 8 || back.Closed[3] != r.Closed[3] {
		t.Errorf("%v: %s", err, raw)
	}
	text, err := os.ReadFile(filepath.Join(dir, "latest.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| ceiling | 30 000 (20 000 to 40 000) | 1.000 (1.000 to 1.000) | 300 000 |",
		"| fsync, Postgres | 15 000 (10 000 to 20 000) | 0.500 (0.500 to 0.500) | 150 000 | 166 667 |", "| 50 % |",
		"| postgres | entries=known | 450 000 (300 000 to 600 000) |",
		"| fsync, Postgres | 1 000 | 1 000/s | yes | 300µs | 3ms | 6ms | 50 % of a core |",
		"An fdatasync of 4 KiB: p50 200µs, p99 800µs.",
		"](latest-latency.svg)", "](latest-size.svg)",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// What a smoke run or a part of a run says must not stand for the project.
func TestLatestIsWhole(t *testing.T) {
	t.Parallel()
	f := func(want string, change func(*Report)) {
		t.Helper()
		r := sample()
		change(r)
		names, err := r.Write(t.TempDir())
		if err != nil || names[0] != want || slices.Contains(names, "latest.md") {
			t.Errorf("%v, %v", names, err)
		}
	}
	f(base+".json", func(r *Report) { r.Settings.Whole = false })
	f(base+"-quick.json", func(r *Report) { r.Quick = true })
}

// A run of the reference that went wrong is left out; one of ours voids all.
func TestInvalid(t *testing.T) {
	t.Parallel()
	r := sample()
	if got := r.Invalid(); len(got) != 0 {
		t.Errorf("%v", got)
	}
	r.Closed = append(r.Closed, Closed{Round: 2, Target: Before, Case: usual, Wrk: wrk.Result{PerSecond: 7}, Invalid: "no timeout"})
	if got := r.Excluded(); len(r.Invalid()) != 0 || len(got) != 1 || !strings.Contains(r.Markdown(), "Not counted: reference, before, storm, 10 alerts a request, round 2: no timeout") {
		t.Errorf("%v", got)
	}
	if got := r.closed(Before, usual, func(*Closed) float64 { return 1 }); len(got) != 0 {
		t.Errorf("%v", got)
	}
	r.Closed[1].Invalid, r.Steady[7].Invalid = "one timeout", "two timeouts"
	got := strings.Join(r.Invalid(), "\n")
	if !strings.Contains(got, "round 1: one timeout") || !strings.Contains(r.Markdown(), "fsync, Postgres at 10 000 requests/s, round 2: two timeouts") {
		t.Error(got)
	}
}
