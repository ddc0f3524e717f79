package command

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"stormdrain/benchmarks/load"
)

// Report is what --format json prints. Times are in seconds.
type Report struct {
	Run              string `json:"run"`
	Target           string `json:"target"`
	Source           string `json:"source"`
	AlertsPerRequest int    `json:"alerts_per_request"`
	Connections      int    `json:"connections"`
	Distinct         int    `json:"distinct"`

	// With --rate 0, Steps are what was tried, HighestRate is what held for the
	// whole duration, and the rest is the last such run.
	HighestRate int    `json:"highest_rate,omitempty"`
	Steps       []Step `json:"steps,omitempty"`

	Rate     int     `json:"rate"` // requests a second
	Duration float64 `json:"duration_seconds"`
	Measured
	AlertsPerSecond float64 `json:"alerts_per_second"`

	Verify *Verified `json:"verify,omitempty"`
}

// Measured is one run.
type Measured struct {
	Due          int            `json:"due"`
	Sent         int            `json:"sent"`
	Acknowledged int            `json:"acknowledged"`
	Failed       map[string]int `json:"failed"` // by status, or by what went wrong
	Unsent       int            `json:"unsent"` // due, and no connection was free in time
	Interrupted  bool           `json:"interrupted"`

	Elapsed           float64 `json:"elapsed_seconds"`
	RequestsPerSecond float64 `json:"requests_per_second"` // acknowledged ones
	Latency           Latency `json:"latency_seconds"`
	CPU               float64 `json:"generator_cpus"` // that bench itself used; near 1 and more, it may be what limits
}

// Latency is of acknowledged requests, from when each was due.
type Latency struct {
	P50  float64 `json:"p50"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99.9"`
	Max  float64 `json:"max"`
}

func newMeasured(r *load.Result, cpu float64) Measured {
	return Measured{
		Due: r.Due, Sent: r.Sent, Acknowledged: r.Acknowledged, Failed: r.Failed, Unsent: r.Unsent, Interrupted: r.Interrupted,
		Elapsed: r.Elapsed.Seconds(), RequestsPerSecond: r.PerSecond, CPU: cpu,
		Latency: Latency{
			P50: r.P50.Seconds(), P95: r.P95.Seconds(), P99: r.P99.Seconds(), P999: r.P999.Seconds(), Max: r.Max.Seconds(),
		},
	}
}

func (r *Report) set(rate int, duration time.Duration, m Measured) {
	r.Rate, r.Duration, r.Measured = rate, duration.Seconds(), m
	r.AlertsPerSecond = r.RequestsPerSecond * float64(r.AlertsPerRequest)
}

// Step is one rate that was tried.
type Step struct {
	Rate  int  `json:"rate"`
	Holds bool `json:"holds"`
	Measured
}

// share is what part of the requests that were due was acknowledged.
func (m *Measured) share() float64 {
	if m.Due == 0 {
		return 0
	}
	return float64(m.Acknowledged) / float64(m.Due)
}

// printer says what happens, as it happens or at the end.
type printer interface {
	begin(c *command)
	step(s *Step)
	measured(c *command)
	verifying(c *command)
	end(c *command)
}

type jsonPrinter struct{ w io.Writer }

func (jsonPrinter) begin(*command)     {}
func (jsonPrinter) step(*Step)         {}
func (jsonPrinter) measured(*command)  {}
func (jsonPrinter) verifying(*command) {}

func (p jsonPrinter) end(c *command) {
	e := json.NewEncoder(p.w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(&c.report); err != nil {
		fmt.Fprintln(p.w, err) // the writer is broken, so nobody reads this
	}
}

// textPrinter writes lines of at most 80 columns, but for what the user chose.
type textPrinter struct{ w io.Writer }

func (p textPrinter) line(name, format string, args ...any) {
	fmt.Fprintf(p.w, "  %-13s %s\n", name, fmt.Sprintf(format, args...))
}

func (p textPrinter) begin(c *command) {
	fmt.Fprintf(p.w, "stormdrain bench, run %s (its events have the receiver %s)\n", c.script.Run, c.script.Receiver())
	p.line("target", "%s", c.target.post)
	if c.cfg.Rate > 0 {
		p.line("load", "%d requests/s of %d alerts for %v", c.cfg.Rate, c.cfg.Alerts, c.cfg.Duration)
	} else {
		p.line("load", "requests of %d alerts", c.cfg.Alerts)
	}
	p.line("", "%d connections, %d label sets", c.cfg.Connections, c.cfg.Distinct)
	if c.cfg.Rate > 0 {
		return
	}
	fmt.Fprintf(p.w, "\nLooking for the highest rate that holds: in steps of %v, at least %.0f %% of the\n"+
		"requests due are acknowledged, 99 %% of these within %v of when they were due.\n\n"+
		"    rate/s  acknowledged       p50       p99       max  own CPU  holds\n", c.cfg.Step, enough*100, c.cfg.MaxP99)
}

func (p textPrinter) step(s *Step) {
	holds := "yes"
	if !s.Holds {
		holds = "no"
	}
	fmt.Fprintf(p.w, "  %8d  %12s %9s %9s %9s  %7s  %s\n", s.Rate, percent(s.share()),
		short(s.Latency.P50), short(s.Latency.P99), short(s.Latency.Max), percent(s.CPU), holds)
}

func (p textPrinter) verifying(*command) {
	fmt.Fprintf(p.w, "\nReading back what was acknowledged.\n")
}

func (p textPrinter) measured(c *command) {
	r := &c.report
	fmt.Fprintln(p.w)
	switch {
	case r.HighestRate > 0:
		fmt.Fprintf(p.w, "Highest rate that holds, for %v: %d requests/s, %d alerts/s\n\n", c.cfg.Duration, r.HighestRate, r.HighestRate*r.AlertsPerRequest)
	case c.cfg.Rate == 0 && c.interrupted:
		fmt.Fprint(p.w, "Interrupted before the search was over.\n\n")
	case c.cfg.Rate == 0:
		fmt.Fprintf(p.w, "No rate was found that holds for %v.\n\n", c.cfg.Duration)
	}
	if r.Due > 0 {
		p.result(r)
	}
}

func (p textPrinter) end(c *command) {
	if c.report.Verify != nil {
		p.verified(c.report.Verify)
	}
}

func (p textPrinter) result(r *Report) {
	if r.Interrupted {
		p.line("interrupted", "after %s", short(r.Elapsed))
	}
	p.line("sent", "%d of %d requests due", r.Sent, r.Due)
	p.line("acknowledged", "%d (%s), %.0f requests/s, %.0f alerts/s", r.Acknowledged, percent(r.share()), r.RequestsPerSecond, r.AlertsPerSecond)
	failed := 0
	for _, n := range r.Failed {
		failed += n
	}
	p.line("failed", "%d", failed)
	for _, what := range slices.Sorted(maps.Keys(r.Failed)) {
		p.line("", "%-13s %d", what, r.Failed[what])
	}
	if r.Unsent > 0 {
		p.line("never sent", "%d: no connection was free in time", r.Unsent)
	}
	p.line("own CPU", "%s of one processor", percent(r.CPU))
	if r.Acknowledged == 0 {
		return
	}
	fmt.Fprintf(p.w, "\n  latency of acknowledged requests, from when each was due\n")
	for _, l := range []struct {
		name    string
		seconds float64
	}{{"p50", r.Latency.P50}, {"p95", r.Latency.P95}, {"p99", r.Latency.P99}, {"p99.9", r.Latency.P999}, {"max", r.Latency.Max}} {
		p.line(l.name, "%9s", short(l.seconds))
	}
}

func (p textPrinter) verified(v *Verified) {
	fmt.Fprintln(p.w)
	p.line("verified", "%d acknowledged alerts", v.Acknowledged)
	p.line("missing", "%d", v.Missing)
	p.line("doubled", "%d", v.Doubled)
	p.line("altered", "%d", v.Altered)
	if v.Unexpected > 0 {
		p.line("unexpected", "%d", v.Unexpected)
	}
	if v.Unacknowledged > 0 {
		p.line("also there", "%d alerts of unacknowledged requests, which is fine", v.Unacknowledged)
	}
	if v.Behind {
		p.line("", "the store had not caught up within --verify-wait")
	}
	for _, example := range v.Examples {
		fmt.Fprintf(p.w, "    %s\n", example)
	}
}

// failures is one line of what Failed and Unsent count.
func failures(failed map[string]int, unsent int) string {
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(failed)) {
		parts = append(parts, what+": "+strconv.Itoa(failed[what]))
	}
	if unsent > 0 {
		parts = append(parts, "never sent: "+strconv.Itoa(unsent))
	}
	return strings.Join(parts, ", ")
}

func percent(part float64) string {
	if rounded := fmt.Sprintf("%.2f %%", part*100); rounded != "100.00 %" || part == 1 {
		return rounded
	}
	return "99.99 %" // whoever reads 100 thinks of all
}

// short writes a duration with three digits, and with a unit that fits.
func short(seconds float64) string {
	value, unit := seconds, "s"
	switch {
	case seconds < 1e-3:
		value, unit = seconds*1e6, "µs"
	case seconds < 1:
		value, unit = seconds*1e3, "ms"
	}
	digits := 2
	switch {
	case value >= 100:
		digits = 0
	case value >= 10:
		digits = 1
	}
	return strconv.FormatFloat(value, 'f', digits, 64) + " " + unit
}
