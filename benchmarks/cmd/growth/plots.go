package main

import (
	"fmt"
	"time"

	"stormdrain/benchmarks/plot"
)

func (r *report) plots() (all []file) {
	if len(r.Curves) > 0 {
		all = append(all,
			file{"growth-stored.svg", r.over("Alerts stored a second", "alerts/s", storedSeries).SVG()},
			file{"growth-cpu.svg", r.over("Processor time an alert", "µs", cpuSeries).SVG()},
			file{"growth-bytes.svg", r.over("Bytes an event", "bytes", bytesSeries).SVG()})
	}
	for _, c := range r.Curves {
		all = append(all, file{"growth-queries-" + c.Store + ".svg", r.queriesPlot(c).SVG()})
	}
	if r.Backlog != nil {
		all = append(all, file{"growth-backlog.svg", r.backlogPlot().SVG()})
	}
	return all
}

// over is a plot with the number of events as x.
func (r *report) over(title, y string, of func(*curve) []plot.Series) *plot.Plot {
	p := &plot.Plot{Title: fmt.Sprintf("%s as the store grows (%s)", title, r.Commit), XLabel: "events stored", YLabel: y}
	for _, c := range r.Curves {
		p.Series = append(p.Series, of(c)...)
	}
	return p
}

func (c *curve) series(name string, y func(i int) float64) plot.Series {
	s := plot.Series{Name: name}
	for i, p := range c.Points {
		s.X, s.Y = append(s.X, float64(p.Events)), append(s.Y, y(i))
	}
	return s
}

func storedSeries(c *curve) []plot.Series {
	return []plot.Series{c.series(c.Store, func(i int) float64 { return c.Points[i].PerSecond })}
}

func cpuSeries(c *curve) []plot.Series {
	all := []plot.Series{c.series(c.Store+": stormdrain", func(i int) float64 { return c.Points[i].ServerCPU / 1e3 })}
	if c.Store == postgres {
		all = append(all, c.series("postgres: PostgreSQL", func(i int) float64 { return c.Points[i].PostgresCPU / 1e3 }))
	}
	return all
}

func bytesSeries(c *curve) []plot.Series {
	journal := plot.Series{Name: c.Store + ": journal", Dashed: true}
	for _, p := range c.Points {
		if p.JournalBytes > 0 {
			journal.X, journal.Y = append(journal.X, float64(p.Events)), append(journal.Y, p.JournalBytes)
		}
	}
	return []plot.Series{c.series(c.Store+": tables and indexes", c.bytesPerEvent), journal}
}

// queriesPlot has the p99 of each kind as a line and the p50 dashed.
func (r *report) queriesPlot(c *curve) *plot.Plot {
	p := &plot.Plot{Title: fmt.Sprintf("GET /api/v1/events, %s: p99, p50 dashed (%s)", c.Store, r.Commit),
		XLabel: "events stored", YLabel: "ms", LogX: true, LogY: true}
	for _, kind := range c.kinds() {
		p99, p50 := plot.Series{Name: kind}, plot.Series{Name: "p50", Dashed: true}
		for _, q := range c.Queries {
			if q.Kind != kind {
				continue
			}
			x := float64(q.Events)
			p99.X, p99.Y = append(p99.X, x), append(p99.Y, inMillis(quantile(q.Took, .99)))
			p50.X, p50.Y = append(p50.X, x), append(p50.Y, inMillis(quantile(q.Took, .5)))
		}
		p.Series = append(p.Series, p99, p50)
	}
	return p
}

func inMillis(d time.Duration) float64 { return float64(d) / 1e6 }

// kinds are those of the curve, each once, in their first order.
func (c *curve) kinds() (all []string) {
	seen := map[string]bool{}
	for _, q := range c.Queries {
		if !seen[q.Kind] {
			seen[q.Kind] = true
			all = append(all, q.Kind)
		}
	}
	return all
}

func (r *report) backlogPlot() *plot.Plot {
	const most = 240 // points; all are in the JSON
	l := r.Backlog
	waiting := plot.Series{Name: "drained"}
	each := max(1, len(l.Seconds)/most)
	for i := 0; i < len(l.Seconds); i += each {
		waiting.X, waiting.Y = append(waiting.X, l.Seconds[i]), append(waiting.Y, float64(l.Waiting[i]))
	}
	// The same backlog at the pace of the load without one.
	pace := plot.Series{Name: "at the usual pace", Dashed: true}
	if normal := (l.NormalBefore + l.NormalAfter) / 2; normal > 0 {
		pace.X, pace.Y = []float64{0, float64(l.Alerts) / normal}, []float64{float64(l.Alerts), 0}
	}
	return &plot.Plot{Title: fmt.Sprintf("A backlog of %d MiB after the start: ready in %s (%s)", l.JournalBytes>>20, milli(l.Ready), r.Commit),
		XLabel: "seconds after it was ready", YLabel: "alerts not stored yet", Series: []plot.Series{waiting, pace}}
}
