package report

import (
	"fmt"
	"strings"
	"time"
)

// Markdown returns the report for people. Figures are medians over the rounds,
// with the lowest and the highest in brackets where they matter.
func (r *Report) Markdown() string {
	var b strings.Builder
	r.header(&b)
	r.goals(&b)
	for _, c := range r.cases("") {
		r.closedTable(&b, c)
	}
	r.steadyTable(&b)
	r.ladderTable(&b)
	r.rowsTable(&b)
	for _, reason := range r.Excluded() {
		fmt.Fprintf(&b, "\nNot counted: %s\n", reason)
	}
	for _, reason := range r.Invalid() {
		fmt.Fprintf(&b, "\n**Invalid:** %s\n", reason)
	}
	return b.String()
}

func (r *Report) header(b *strings.Builder) {
	fmt.Fprintf(b, "# Benchmark of %s at %s\n\n", r.Time.UTC().Format("2006-01-02 15:04"), r.Commit)
	if r.Quick {
		b.WriteString("A smoke run: that it works is all it says.\n\n")
	}
	m := r.Machine
	fmt.Fprintf(b, "%s, %d cores, %d MiB, Linux %s, data on %s; %s. Load generator, server and database share the machine.\n",
		m.CPU, m.Cores, m.MemoryBytes>>20, m.Kernel, m.FileSystem, pairs(r.Versions, " "))
	fmt.Fprintf(b, "Postgres: %s.\n", pairs(r.Postgres, "="))
	if len(r.Disk) > 0 {
		var middle []float64
		for _, d := range r.Disk {
			middle = append(middle, float64(d.P50))
		}
		fmt.Fprintf(b, "An fdatasync of 4 KiB: p50 %s, p99 %s.\n", short(spreadOf(middle).median), short(float64(r.syncP99())))
	}
	s := r.Settings
	fmt.Fprintf(b, "%d rounds in turn, %v each after %v of warm-up.\n\n", s.Rounds, s.Duration, s.Warmup)
	describeLoads(b, r.Loads)
}

func describeLoads(b *strings.Builder, loads []Load) {
	for _, l := range loads {
		mean := ""
		if l.Case.Alerts == 0 {
			mean = fmt.Sprintf("%.1f alerts a request in the mean, ", l.Alerts)
		}
		fmt.Fprintf(b, "* Load \"%v\": %s%s bytes a request; %s label sets and %s sets of annotations in %s requests, no two of them the same.\n",
			l.Case, mean, thousands(float64(l.Bytes)), thousands(float64(l.LabelSets)), thousands(float64(l.AnnotationSets)), thousands(float64(l.Requests)))
	}
}

func (r *Report) goals(b *strings.Builder) {
	goals := r.Goals()
	if len(goals) == 0 {
		return
	}
	t := newTable(b, "Goals", "goal", "wanted", "measured", "")
	for _, g := range goals {
		verdict := "missed"
		switch {
		case r.Quick:
			verdict = "smoke run"
		case g.Met:
			verdict = "met"
		}
		t.row(g.Name, g.Want, g.Got, verdict)
	}
}

func (r *Report) closedTable(b *strings.Builder, load Case) {
	connections := 0
	for i := range r.Closed {
		if r.Closed[i].Case == load {
			connections = r.Closed[i].Connections
		}
	}
	t := newTable(b, fmt.Sprintf("As fast as it goes: %s, %d connections", load, connections), "target", "requests/s", "of the ceiling",
		"alerts/s", "alerts/s all in", "p50", "p99", "CPU/request", "allocs/request", "RSS peak MiB", "backlog at the end", "drained in", "others' CPU")
	for _, target := range unique(r.Closed, func(c *Closed) string { return c.Target }) {
		median := func(f func(*Closed) float64) float64 { return spreadOf(r.closed(target, load, f)).median }
		rates := r.closed(target, load, func(c *Closed) float64 { return c.Wrk.PerSecond })
		if len(rates) == 0 {
			continue
		}
		rate := spreadOf(rates)
		ratio := spreadOf(r.ratios(target, load))
		cells := []string{target,
			fmt.Sprintf("%s (%s to %s)", thousands(rate.median), thousands(rate.low), thousands(rate.high)),
			fmt.Sprintf("%.3f (%.3f to %.3f)", ratio.median, ratio.low, ratio.high),
			thousands(r.alertsPerSecond(target, load).median), "",
			short(median(func(c *Closed) float64 { return float64(c.Wrk.P50) })),
			short(median(func(c *Closed) float64 { return float64(c.Wrk.P99) })),
			short(median(func(c *Closed) float64 { return float64(c.Server.CPUPerRequest()) })),
			"", mebibytes(spreadOf(r.closed(target, load, func(c *Closed) float64 { return float64(c.Server.ResidentPeak) })).high),
			"", "", percent(median(func(c *Closed) float64 { return c.Server.Surroundings.othersShare(r.Machine.Cores) }))}
		if !isCeiling(target) {
			cells[4] = thousands(r.allIn(target, load).median)
			cells[8] = fmt.Sprintf("%.1f", median(func(c *Closed) float64 { return c.Server.AllocsPerRequest() }))
			cells[10] = thousands(median(func(c *Closed) float64 { return float64(c.Server.Backlog) }))
			cells[11] = short(median(func(c *Closed) float64 { return float64(c.Server.Drain) }))
		}
		t.row(cells...)
	}
}

func (r *Report) steadyTable(b *strings.Builder) {
	rate := r.Settings.Rate
	if len(r.Steady) == 0 {
		return
	}
	t := newTable(b, fmt.Sprintf("At %s requests/s for %v, latency from when each was due", thousands(float64(rate)), r.Settings.Steady),
		"target", "answered", "held", "p50", "p95", "p99", "p99.9", "max", "CPU", "allocs/request", "RSS median MiB", "RSS peak MiB", "others' CPU", "of it stolen")
	for _, target := range unique(r.Steady, func(s *Steady) string { return s.Target }) {
		of := func(f func(*Steady) float64) spread { return spreadOf(r.steady(target, rate, f)) }
		answered := of(func(s *Steady) float64 { return s.Load.PerSecond })
		if answered.high == 0 {
			continue
		}
		latency := func(f func(*Steady) time.Duration) string { return short(float64(r.latency(target, rate, f))) }
		allocs := ""
		if !isCeiling(target) {
			allocs = fmt.Sprintf("%.1f", of(func(s *Steady) float64 { return s.Server.AllocsPerRequest() }).median)
		}
		t.row(target, thousands(answered.median)+"/s", yes(r.held(target, rate)),
			latency(func(s *Steady) time.Duration { return s.Load.P50 }),
			latency(func(s *Steady) time.Duration { return s.Load.P95 }),
			latency(func(s *Steady) time.Duration { return s.Load.P99 }),
			latency(func(s *Steady) time.Duration { return s.Load.P999 }),
			latency(func(s *Steady) time.Duration { return s.Load.Max }),
			percent(of(func(s *Steady) float64 { return s.Server.cores() }).median)+" of a core",
			allocs,
			mebibytes(of(func(s *Steady) float64 { return float64(s.Server.ResidentMedian) }).median),
			mebibytes(of(func(s *Steady) float64 { return float64(s.Server.ResidentPeak) }).high),
			percent(of(func(s *Steady) float64 { return s.Server.Surroundings.othersShare(r.Machine.Cores) }).median),
			percent(of(func(s *Steady) float64 { return s.Server.Surroundings.stolenShare(r.Machine.Cores) }).median))
	}
}

func (r *Report) ladderTable(b *strings.Builder) {
	targets := unique(r.Steady, func(s *Steady) string { return s.Target })
	if len(unique(r.Steady, func(s *Steady) int { return s.Rate })) < 2 {
		return
	}
	t := newTable(b, "Latency against rate", "target", "requests/s", "answered", "held", "p50", "p99", "p99.9", "CPU")
	for _, target := range targets {
		for _, rate := range r.rates(target) {
			of := func(f func(*Steady) float64) float64 { return spreadOf(r.steady(target, rate, f)).median }
			t.row(target, thousands(float64(rate)), thousands(of(func(s *Steady) float64 { return s.Load.PerSecond }))+"/s", yes(r.held(target, rate)),
				short(float64(r.latency(target, rate, func(s *Steady) time.Duration { return s.Load.P50 }))),
				short(float64(r.latency(target, rate, func(s *Steady) time.Duration { return s.Load.P99 }))),
				short(float64(r.latency(target, rate, func(s *Steady) time.Duration { return s.Load.P999 }))),
				percent(of(func(s *Steady) float64 { return s.Server.cores() }))+" of a core")
		}
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (r *Report) rowsTable(b *strings.Builder) {
	if len(r.Rows) == 0 {
		return
	}
	t := newTable(b, "The stores alone", "store", "batch", "rows/s")
	type key struct{ store, name string }
	for _, k := range unique(r.Rows, func(w *Rows) key { return key{w.Store, w.Name} }) {
		s := spreadOf(r.rows(k.store, k.name))
		t.row(k.store, k.name, fmt.Sprintf("%s (%s to %s)", thousands(s.median), thousands(s.low), thousands(s.high)))
	}
}
