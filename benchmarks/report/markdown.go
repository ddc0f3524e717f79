package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Markdown returns the report for people. Figures are medians over the rounds,
// with the lowest and the highest in brackets where they matter.
func (r *Report) Markdown() string {
	var b strings.Builder
	r.header(&b)
	r.goals(&b)
	for _, mode := range unique(r.Closed, func(c *Closed) string { return c.Mode }) {
		r.closedTable(&b, mode)
	}
	r.steadyTable(&b)
	r.rowsTable(&b)
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
	s := r.Settings
	fmt.Fprintf(b, "%d rounds in turn, %v each after %v of warm-up, %d connections.\n", s.Rounds, s.Duration, s.Warmup, s.Connections)
	for _, l := range r.Loads {
		fmt.Fprintf(b, "Load %q: %d alerts and %s bytes a request; %s label sets in %s requests, no two of them the same.\n",
			l.Mode, l.Alerts, thousands(float64(l.Bytes)), thousands(float64(l.LabelSets)), thousands(float64(l.Requests)))
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

func (r *Report) closedTable(b *strings.Builder, mode string) {
	t := newTable(b, "As fast as it goes: "+mode, "target", "requests/s", "of the ceiling", "p50", "p90", "p99",
		"CPU/request", "allocs/request", "RSS max MiB", "backlog at the end", "drained in", "others' CPU")
	for _, target := range unique(r.Closed, func(c *Closed) string { return c.Target }) {
		median := func(f func(*Closed) float64) float64 { return spreadOf(r.closed(target, mode, f)).median }
		rate := spreadOf(r.closed(target, mode, func(c *Closed) float64 { return c.Wrk.PerSecond }))
		if rate.high == 0 {
			continue
		}
		ratio := spreadOf(r.ratios(target, mode))
		cells := []string{target,
			fmt.Sprintf("%s (%s to %s)", thousands(rate.median), thousands(rate.low), thousands(rate.high)),
			fmt.Sprintf("%.3f (%.3f to %.3f)", ratio.median, ratio.low, ratio.high),
			short(median(func(c *Closed) float64 { return float64(c.Wrk.P50) })),
			short(median(func(c *Closed) float64 { return float64(c.Wrk.P90) })),
			short(median(func(c *Closed) float64 { return float64(c.Wrk.P99) })),
			short(median(func(c *Closed) float64 { return float64(c.Server.CPUPerRequest()) })),
			"", mebibytes(median(func(c *Closed) float64 { return float64(c.Server.ResidentMax) })),
			"", "", percent(median(func(c *Closed) float64 { return c.Server.Surroundings.othersShare(r.Machine.Cores) }))}
		if target != Ceiling {
			cells[7] = fmt.Sprintf("%.1f", median(func(c *Closed) float64 { return c.Server.AllocsPerRequest() }))
			cells[9] = thousands(median(func(c *Closed) float64 { return float64(c.Server.Backlog) }))
			cells[10] = short(median(func(c *Closed) float64 { return float64(c.Server.Drain) }))
		}
		t.row(cells...)
	}
}

func (r *Report) steadyTable(b *strings.Builder) {
	if len(r.Steady) == 0 {
		return
	}
	t := newTable(b, fmt.Sprintf("At %s requests/s, latency from when each was due", thousands(float64(r.Settings.Rate))),
		"target", "held", "p50", "p95", "p99", "p99.9", "max", "CPU", "allocs/request", "RSS median MiB", "RSS peak MiB", "others' CPU")
	for _, target := range unique(r.Steady, func(s *Steady) string { return s.Target }) {
		of := func(f func(*Steady) float64) spread { return spreadOf(r.steady(target, f)) }
		latency := func(f func(*Steady) time.Duration) string {
			return short(of(func(s *Steady) float64 { return float64(f(s)) }).median)
		}
		t.row(target,
			thousands(of(func(s *Steady) float64 { return s.Load.PerSecond }).median)+"/s",
			latency(func(s *Steady) time.Duration { return s.Load.P50 }),
			latency(func(s *Steady) time.Duration { return s.Load.P95 }),
			latency(func(s *Steady) time.Duration { return s.Load.P99 }),
			latency(func(s *Steady) time.Duration { return s.Load.P999 }),
			latency(func(s *Steady) time.Duration { return s.Load.Max }),
			percent(of(func(s *Steady) float64 { return s.Server.cores() }).median)+" of a core",
			fmt.Sprintf("%.1f", of(func(s *Steady) float64 { return s.Server.AllocsPerRequest() }).median),
			mebibytes(of(func(s *Steady) float64 { return float64(s.Server.ResidentMedian) }).median),
			mebibytes(of(func(s *Steady) float64 { return float64(s.Server.ResidentPeak) }).high),
			percent(of(func(s *Steady) float64 { return s.Server.Surroundings.othersShare(r.Machine.Cores) }).median))
	}
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

// cores is how many processors the server kept busy while the load ran.
func (s *Server) cores() float64 {
	if s.Surroundings.Elapsed == 0 {
		return 0
	}
	return float64(s.LoadCPU) / float64(s.Surroundings.Elapsed)
}

// othersShare is the part of the machine that was not ours.
func (s *Surroundings) othersShare(cores int) float64 {
	if s.Elapsed == 0 || cores == 0 {
		return 0
	}
	return float64(s.Others+s.Stolen) / float64(s.Elapsed) / float64(cores)
}

type table struct {
	b       *strings.Builder
	columns int
}

func newTable(b *strings.Builder, title string, columns ...string) *table {
	fmt.Fprintf(b, "\n## %s\n\n", title)
	t := &table{b, len(columns)}
	t.row(columns...)
	b.WriteString(strings.Repeat("| --- ", len(columns)) + "|\n")
	return t
}

func (t *table) row(cells ...string) {
	if len(cells) != t.columns {
		panic(fmt.Sprintf("BUG: %d cells in a table of %d columns", len(cells), t.columns))
	}
	t.b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func pairs(m map[string]string, sep string) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		all = append(all, k+sep+m[k])
	}
	return strings.Join(all, ", ")
}

// thousands writes a number without a fraction, in groups of three.
func thousands(f float64) string {
	s := strconv.FormatInt(int64(f+.5), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

func mebibytes(f float64) string { return fmt.Sprintf("%.1f", f/(1<<20)) }

func percent(f float64) string { return fmt.Sprintf("%.0f %%", 100*f) }

// short writes nanoseconds with three digits or so.
func short(nanoseconds float64) string {
	d := time.Duration(nanoseconds)
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	default:
		return d.Round(100 * time.Nanosecond).String()
	}
}
