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
	for _, target := range unique(r.Closed, func(c *Closed) string { return c.Target }) {
		answered := r.bySize(func(c Case) float64 { return r.alertsPerSecond(target, c).median })
		stored := r.bySize(func(c Case) float64 { return r.allIn(target, c).median })
		switch {
		case len(answered.X) < 2: // measured at one size only
		case isCeiling(target):
			answered.Name = target
			p.Series = append(p.Series, answered)
		case IsReference(target):
			// It stores before it answers. Of large bodies it answers so few that
			// those on their way at the end make the difference.
			stored.Name = target
			p.Series = append(p.Series, stored)
		default:
			answered.Name, stored.Name, stored.Dashed = target+": answered", target+": and stored", true
			p.Series = append(p.Series, answered, stored)
		}
	}
	return p
}

// bySize draws what a figure is at each size of the storm.
func (r *Report) bySize(of func(Case) float64) (s plot.Series) {
	for _, c := range r.cases(Storm) {
		if n := of(c); n > 0 {
			s.X, s.Y = append(s.X, float64(c.Alerts)), append(s.Y, n)
		}
	}
	return s
}
