package report

import (
	"fmt"
	"strings"
)

// Markdown returns the report for people: medians over the rounds, with the
// lowest and the highest in brackets.
func (k *Knobs) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# What each default was chosen by, %s at %s\n\n", k.Time.UTC().Format("2006-01-02 15:04"), k.Commit)
	if k.Quick {
		b.WriteString("A smoke run: that it works is all it says.\n\n")
	}
	m := k.Machine
	fmt.Fprintf(&b, "%s, %d cores, %d MiB, Linux %s, data on %s; %s. Load generator, server and database share the machine.\n",
		m.CPU, m.Cores, m.MemoryBytes>>20, m.Kernel, m.FileSystem, pairs(k.Versions, " "))
	fmt.Fprintf(&b, "Postgres, unless a table says otherwise: %s.\n\n", pairs(k.Postgres, "="))
	fmt.Fprintf(&b, "One setting at a time, the others at their default; its values in turn, %d rounds, %v each after %v of warm-up, each with a new process, an empty\n"+
		"data directory and an empty database; %d connections. Medians, with the lowest and the highest in brackets. \"Of the default\" is each run divided by the\n"+
		"default's of the same round, and of that the median. Where the ranges overlap there is no difference that this machine could tell.\n\n",
		k.Rounds, k.Duration, k.Warmup, k.Connections)
	describeLoads(&b, k.Loads)
	for i := range k.Knobs {
		knob := &k.Knobs[i]
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", knob.Setting, knob.About)
		k.closedTable(&b, knob)
		k.steadyTable(&b, knob)
		k.rowsTable(&b, knob)
	}
	for _, reason := range k.Invalid() {
		fmt.Fprintf(&b, "\n**Invalid:** %s\n", reason)
	}
	return b.String()
}

// closedTable compares by requests a second and by alerts a second until all is
// stored: a setting of the storing side may do well by the first of them while
// the journal grows.
func (k *Knobs) closedTable(b *strings.Builder, knob *Knob) {
	type key struct {
		target string
		load   Case
	}
	mine := of(k.Closed, knob)
	if len(mine) == 0 {
		return
	}
	t := bareTable(b, "load", "store", "value", "requests/s", "of the default", "alerts/s all in", "of the default", "p99",
		"CPU/request", "Postgres' CPU/request", "Postgres' log, bytes/alert", "RSS peak MiB", "others' CPU")
	rate := func(c *KnobClosed) float64 { return c.Wrk.PerSecond }
	for _, at := range unique(mine, func(c *KnobClosed) key { return key{c.Target, c.Case} }) {
		same := func(c *KnobClosed) bool { return c.Target == at.target && c.Case == at.load }
		standard := rounds(mine, knob.Default, same)
		for _, value := range knob.Values {
			runs := rounds(mine, value, same)
			if len(runs) == 0 {
				continue
			}
			pg, log, stored, storedRatio := "", "", "", ""
			if at.target != Ceiling {
				stored, storedRatio = ranged(runs, (*KnobClosed).AllIn, thousands), ratioed(runs, standard, (*KnobClosed).AllIn)
			}
			if at.target == Durable {
				pg = ranged(runs, func(c *KnobClosed) float64 { return per(int64(c.Server.PostgresCPU), c.Server.Requests) }, short)
				log = ranged(runs, func(c *KnobClosed) float64 { return c.Server.LogBytesPerAlert() }, thousands)
			}
			t.row(at.load.String(), storeOf(at.target), knob.marked(value),
				ranged(runs, rate, thousands), ratioed(runs, standard, rate), stored, storedRatio,
				ranged(runs, func(c *KnobClosed) float64 { return float64(c.Wrk.P99) }, short),
				ranged(runs, func(c *KnobClosed) float64 { return float64(c.Server.CPUPerRequest()) }, short), pg, log,
				ranged(runs, func(c *KnobClosed) float64 { return float64(c.Server.ResidentPeak) }, mebibytes),
				ranged(runs, func(c *KnobClosed) float64 { return c.Server.Surroundings.othersShare(k.Machine.Cores) }, percent))
		}
	}
}

func (k *Knobs) steadyTable(b *strings.Builder, knob *Knob) {
	type key struct {
		target string
		rate   int
	}
	mine := of(k.Steady, knob)
	if len(mine) == 0 {
		return
	}
	b.WriteString("\nAt a constant rate of requests with ten alerts, latency from when each was due:\n")
	t := bareTable(b, "requests/s", "store", "value", "answered/s", "held in", "p50", "p99", "of the default",
		"CPU/request", "RSS peak MiB", "others' CPU")
	p99 := func(s *KnobSteady) float64 { return float64(s.Load.P99) }
	for _, at := range unique(mine, func(s *KnobSteady) key { return key{s.Target, s.Rate} }) {
		same := func(s *KnobSteady) bool { return s.Target == at.target && s.Rate == at.rate }
		standard := rounds(mine, knob.Default, same)
		for _, value := range knob.Values {
			runs := rounds(mine, value, same)
			if len(runs) == 0 {
				continue
			}
			held := rounds(mine, value, func(s *KnobSteady) bool { return same(s) && s.Held() })
			t.row(thousands(float64(at.rate)), storeOf(at.target), knob.marked(value),
				ranged(runs, func(s *KnobSteady) float64 { return s.Load.PerSecond }, thousands), fmt.Sprintf("%d of %d", len(held), len(runs)),
				ranged(runs, func(s *KnobSteady) float64 { return float64(s.Load.P50) }, short),
				ranged(runs, p99, short), ratioed(runs, standard, p99),
				ranged(runs, func(s *KnobSteady) float64 { return float64(s.Server.CPUPerRequest()) }, short),
				ranged(runs, func(s *KnobSteady) float64 { return float64(s.Server.ResidentPeak) }, mebibytes),
				ranged(runs, func(s *KnobSteady) float64 { return s.Server.Surroundings.othersShare(k.Machine.Cores) }, percent))
		}
	}
}

func (k *Knobs) rowsTable(b *strings.Builder, knob *Knob) {
	mine := of(k.Rows, knob)
	if len(mine) == 0 {
		return
	}
	t := bareTable(b, "store", "value", "rows/s", "of the default")
	rate := func(r *KnobRows) float64 { return r.PerSecond }
	for _, store := range unique(mine, func(r *KnobRows) string { return r.Store }) {
		same := func(r *KnobRows) bool { return r.Store == store }
		standard := rounds(mine, knob.Default, same)
		for _, value := range knob.Values {
			if runs := rounds(mine, value, same); len(runs) > 0 {
				t.row(storeOf(store), knob.marked(value), ranged(runs, rate, thousands), ratioed(runs, standard, rate))
			}
		}
	}
}

// run is a KnobClosed, a KnobSteady or a KnobRows.
type run[E any] interface {
	*E
	at() (t Turn, round int, counts bool)
}

// of returns the runs of one knob that count.
func of[E any, R run[E]](all []E, knob *Knob) (mine []E) {
	for i := range all {
		if t, _, counts := R(&all[i]).at(); counts && t.Setting == knob.Setting {
			mine = append(mine, all[i])
		}
	}
	return mine
}

// rounds returns those of one value, by their round.
func rounds[E any, R run[E]](mine []E, value string, same func(R) bool) map[int]R {
	runs := map[int]R{}
	for i := range mine {
		r := R(&mine[i])
		if t, round, _ := r.at(); t.Value == value && same(r) {
			runs[round] = r
		}
	}
	return runs
}

func (k *Knob) marked(value string) string {
	if value == k.Default {
		return "**" + value + "** (default)"
	}
	return value
}

// storeOf turns the name of a target, or of a package, into that of its store.
func storeOf(target string) string {
	switch target {
	case Durable, "postgres":
		return "Postgres"
	case DurableSQLite, "sqlite":
		return "SQLite"
	}
	return target
}

// ranged writes the median with its range, alone where there is but one run.
func ranged[R any](runs map[int]R, f func(R) float64, write func(float64) string) string {
	var all []float64
	for _, r := range runs {
		all = append(all, f(r))
	}
	s := spreadOf(all)
	if len(all) < 2 {
		return write(s.median)
	}
	return fmt.Sprintf("%s (%s to %s)", write(s.median), write(s.low), write(s.high))
}

// ratioed divides each run by the default's of the same round, which were made
// within a minute: what else the machine did then weighed on both. It is "" where
// a round has no run of the default.
func ratioed[R any](runs, standard map[int]R, f func(R) float64) string {
	ratios := map[int]float64{}
	for round, r := range runs {
		if d, ok := standard[round]; ok && f(d) > 0 {
			ratios[round] = f(r) / f(d)
		}
	}
	if len(ratios) == 0 {
		return ""
	}
	return ranged(ratios, func(r float64) float64 { return r }, func(r float64) string { return fmt.Sprintf("%.2f", r) })
}
