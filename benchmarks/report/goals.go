package report

import (
	"fmt"
	"time"
)

// Goal is a figure that the project has promised itself.
type Goal struct {
	Name string
	Want string
	Got  string
	Met  bool
}

const (
	leastRatio        = 0.40
	leastPace         = 0.90 // with episodes, of what it is without
	mostAllocs        = 2
	mostP50           = time.Millisecond
	mostP99           = 5 * time.Millisecond
	mostP999          = 10 * time.Millisecond
	syncsInP99        = 3 // what the disk may add to the ceiling's p99
	mostCPU           = 0.5
	mostResidentStorm = 64 << 20
	mostResident      = 160 << 20
	mostJournalBytes  = 150
	mostStoreBytes    = 110
	leastRows         = 300_000
)

// usual is the load of most goals.
var usual = Case{Mode: Storm, Alerts: 10}

// Goals compares what was measured with what was promised. What was not
// measured is left out.
func (r *Report) Goals() []Goal {
	g := &goals{r: r}
	g.ratio()
	g.allIn("Postgres", Durable, Storm, 200_000)
	g.allIn("Postgres", Durable, Hard, 50_000)
	g.allIn("SQLite", DurableSQLite, Storm, 80_000)
	g.allIn("SQLite", DurableSQLite, Hard, 40_000)
	g.pace("Postgres", Durable, Alone)
	g.pace("SQLite", DurableSQLite, AloneSQLite)
	g.latencies()
	g.resident()
	g.sizes()
	if s := r.rows("postgres", "entries=known"); len(s) > 0 {
		m := spreadOf(s).median
		g.add("narrow rows/s into Postgres", "≥ "+thousands(leastRows), thousands(m), m >= leastRows)
	}
	return g.all
}

// goals is the list in the making.
type goals struct {
	r   *Report
	all []Goal
}

func (g *goals) add(name, want, got string, met bool) {
	g.all = append(g.all, Goal{name, want, got, met})
}

func (g *goals) ratio() {
	if s := g.r.ratios(Durable, usual); len(s) > 0 {
		m := spreadOf(s).median
		g.add("durable 2xx, as a part of the ceiling", fmt.Sprintf("≥ %.2f", leastRatio), fmt.Sprintf("%.3f", m), m >= leastRatio)
	}
	if s := g.r.closed(Durable, usual, func(c *Closed) float64 { return c.Server.AllocsPerRequest() }); len(s) > 0 {
		m := spreadOf(s).median
		g.add("allocations per request", fmt.Sprintf("≤ %d", mostAllocs), fmt.Sprintf("%.1f", m), m <= mostAllocs)
	}
}

// allIn takes the size that does best: how many alerts a request has is up to
// the senders.
func (g *goals) allIn(store, target, mode string, least float64) {
	best, at := 0.0, Case{}
	for _, c := range g.r.cases(mode) {
		if m := g.r.allIn(target, c).median; m > best {
			best, at = m, c
		}
	}
	if best > 0 {
		g.add(fmt.Sprintf("alerts/s received and stored in %s, %s", store, mode), "≥ "+thousands(least),
			fmt.Sprintf("%s (%s)", thousands(best), at), best >= least)
	}
}

// pace is what episodes leave of the storm: of what is acknowledged, and of what is
// stored as well, each at the size that suffers most.
func (g *goals) pace(store, with, without string) {
	add := func(what string, f func(*Closed) float64) {
		worst, at := 0.0, Case{}
		for _, c := range g.r.cases(Storm) {
			if s := g.r.pairs(with, without, c, f); len(s) > 0 {
				if m := spreadOf(s).median; at == (Case{}) || m < worst {
					worst, at = m, c
				}
			}
		}
		if at != (Case{}) {
			g.add(fmt.Sprintf("%s in %s with episodes, as a part of events alone", what, store), fmt.Sprintf("≥ %.2f", leastPace),
				fmt.Sprintf("%.3f (%s)", worst, at), worst >= leastPace)
		}
	}
	add("durable 2xx", perSecond)
	add("alerts received and stored", (*Closed).AllIn)
}

// latencies are for the durable target at the constant rate, which it has to
// hold for any of them to count.
func (g *goals) latencies() {
	r, rate := g.r, g.r.Settings.Rate
	if len(r.steady(Durable, rate, func(*Steady) float64 { return 0 })) == 0 {
		return
	}
	held := r.held(Durable, rate)
	latency := func(name, want string, f func(*Steady) time.Duration, most time.Duration) {
		got, beside := r.latency(Durable, rate, f), ""
		if least := r.latency(DiskCeiling, rate, f); least > 0 {
			beside = fmt.Sprintf(" (%s: %s)", DiskCeiling, short(float64(least)))
		}
		g.add(fmt.Sprintf("%s at %s requests/s", name, thousands(float64(rate))), want, short(float64(got))+beside+unlessHeld(held), held && got < most)
	}
	latency("p50", "< "+short(float64(mostP50)), func(s *Steady) time.Duration { return s.Load.P50 }, mostP50)
	most, want := r.allowedP99()
	latency("p99", want, func(s *Steady) time.Duration { return s.Load.P99 }, most)
	latency("p99.9", "< "+short(float64(mostP999)), func(s *Steady) time.Duration { return s.Load.P999 }, mostP999)
	if cores := float64(r.Machine.Cores); cores > 0 {
		used := spreadOf(r.steady(Durable, rate, func(s *Steady) float64 { return s.Server.cores() })).median / cores
		g.add(fmt.Sprintf("CPU at %s requests/s", thousands(float64(rate))), fmt.Sprintf("< %s of the machine", percent(mostCPU)),
			percent(used)+unlessHeld(held), held && used < mostCPU)
	}
}

func unlessHeld(held bool) string {
	if held {
		return ""
	}
	return ", and the rate was not held"
}

// allowedP99 is what the machine itself needs at that rate, and three times what
// its disk does, but no more than mostP99.
func (r *Report) allowedP99() (most time.Duration, want string) {
	ceiling := r.latency(Ceiling, r.Settings.Rate, func(s *Steady) time.Duration { return s.Load.P99 })
	if disk := r.syncP99(); ceiling > 0 && disk > 0 {
		if own := ceiling + syncsInP99*disk; own < mostP99 {
			return own, fmt.Sprintf("< %s, the ceiling's %s + %d × the disk's %s", short(float64(own)), short(float64(ceiling)), syncsInP99, short(float64(disk)))
		}
	}
	return mostP99, "< " + short(float64(mostP99))
}

// resident takes the worst of all runs: a limit of memory is met always or not
// at all.
func (g *goals) resident() {
	r, rate := g.r, g.r.Settings.Rate
	if s := r.steady(Durable, rate, func(s *Steady) float64 { return float64(s.Server.ResidentPeak) }); len(s) > 0 {
		worst, held := spreadOf(s).high, r.held(Durable, rate)
		g.add(fmt.Sprintf("resident memory at %s requests/s, peak", thousands(float64(rate))), fmt.Sprintf("< %d MiB", mostResidentStorm>>20),
			mebibytes(worst)+" MiB"+unlessHeld(held), held && worst < mostResidentStorm)
	}
	worst, where := 0.0, ""
	look := func(target, what string, peak int64) {
		if !isCeiling(target) && !IsReference(target) && float64(peak) > worst {
			worst, where = float64(peak), target+"; "+what
		}
	}
	for i := range r.Closed {
		look(r.Closed[i].Target, r.Closed[i].Case.String(), r.Closed[i].Server.ResidentPeak)
	}
	for i := range r.Steady {
		look(r.Steady[i].Target, thousands(float64(r.Steady[i].Rate))+" requests/s", r.Steady[i].Server.ResidentPeak)
	}
	if worst > 0 {
		g.add("resident memory anywhere, peak", fmt.Sprintf("< %d MiB", mostResident>>20), fmt.Sprintf("%s MiB (%s)", mebibytes(worst), where), worst < mostResident)
	}
}

func (g *goals) sizes() {
	size := func(name string, most float64, f func(*Server) float64) {
		if m := spreadOf(g.r.closed(Durable, usual, func(c *Closed) float64 { return f(&c.Server) })).median; m > 0 {
			g.add(name, fmt.Sprintf("≤ %.0f", most), fmt.Sprintf("%.1f", m), m <= most)
		}
	}
	size("bytes in the journal per known alert", mostJournalBytes, (*Server).JournalBytesPerAlert)
	size("bytes in Postgres per event, indexes included", mostStoreBytes, (*Server).StoreBytesPerEvent)
}
