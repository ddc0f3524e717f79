package report

import (
	"time"

	"stormdrain/benchmarks/plot"
)

// figure is a plot with what its file is called.
type figure struct {
	name string // after the run's own
	plot *plot.Plot
}

// figures returns the plots that there are at least two points of a line for.
func (r *Report) figures() (all []figure) {
	for _, f := range []figure{{"latency", r.latencyPlot()}, {"size", r.sizePlot()}} {
		for _, s := range f.plot.Series {
			if len(s.X) > 1 {
				all = append(all, f)
				break
			}
		}
	}
	return all
}

// latencyPlot draws the rates that were held: of the others the latency says
// only how long the run was.
func (r *Report) latencyPlot() *plot.Plot {
	p := &plot.Plot{
		Title: "Latency against rate, 10 alerts a request", XLabel: "requests/s, due at a constant rate", YLabel: "ms from when a request was due",
		LogX: true, LogY: true,
	}
	figures := []struct {
		name string
		of   func(*Steady) time.Duration
	}{
		{"p50", func(s *Steady) time.Duration { return s.Load.P50 }},
		{"p99", func(s *Steady) time.Duration { return s.Load.P99 }},
	}
	for _, target := range unique(r.Steady, func(s *Steady) string { return s.Target }) {
		for i, f := range figures {
			line := plot.Series{Name: target + ": " + f.name, Dashed: i > 0}
			for _, rate := range r.rates(target) {
				if d := r.latency(target, rate, f.of); d > 0 && r.held(target, rate) {
					line.X, line.Y = append(line.X, float64(rate)), append(line.Y, d.Seconds()*1000)
				}
			}
			if len(line.X) > 0 {
				p.Series = append(p.Series, line)
			}
		}
	}
	return p
}

func (r *Report) sizePlot() *plot.Plot {
	p := &plot.Plot{
		Title: "Alerts a second against alerts a request, storm", XLabel: "alerts a request", YLabel: "alerts/s",
		LogX: true, LogY: true,
	}
	cases := r.cases(Storm)
	for _, target := range unique(r.Closed, func(c *Closed) string { return c.Target }) {
		answered, stored := plot.Series{Name: target + ": answered"}, plot.Series{Name: target + ": and stored", Dashed: true}
		for _, c := range cases {
			if n := r.alertsPerSecond(target, c).median; n > 0 {
				answered.X, answered.Y = append(answered.X, float64(c.Alerts)), append(answered.Y, n)
			}
			if n := r.allIn(target, c).median; n > 0 {
				stored.X, stored.Y = append(stored.X, float64(c.Alerts)), append(stored.Y, n)
			}
		}
		if len(answered.X) < 2 {
			continue // measured at one size only
		}
		p.Series = append(p.Series, answered)
		// The reference answers when it has stored, and the ceiling stores nothing.
		if target != Ceiling && !IsReference(target) {
			p.Series = append(p.Series, stored)
		}
	}
	return p
}
