package report

import "fmt"

// The targets that the goals are about.
const (
	Durable = "fsync, Postgres"
	Storm   = "storm" // the mode
)

// Goal is a figure that the project has promised itself.
type Goal struct {
	Name string
	Want string
	Got  string
	Met  bool
}

const (
	leastRatio     = 0.22
	mostAllocs     = 10
	mostResident   = 100 << 20
	leastRows      = 300_000
	leastOfTheRate = 0.99
)

// Goals compares what was measured with what was promised. What was not
// measured is left out.
func (r *Report) Goals() (goals []Goal) {
	if s := r.ratios(Durable, Storm); len(s) > 0 {
		m := spreadOf(s).median
		goals = append(goals, Goal{"durable 2xx, as a part of the ceiling", fmt.Sprintf("≥ %.2f", leastRatio), fmt.Sprintf("%.3f", m), m >= leastRatio})
	}
	if s := r.closed(Durable, Storm, func(c *Closed) float64 { return c.Server.AllocsPerRequest() }); len(s) > 0 {
		m := spreadOf(s).median
		goals = append(goals, Goal{"allocations per request", fmt.Sprintf("≤ %d", mostAllocs), fmt.Sprintf("%.1f", m), m <= mostAllocs})
	}
	if s := r.steady(Durable, func(s *Steady) float64 { return float64(s.Server.ResidentPeak) }); len(s) > 0 {
		// The worst of the rounds: a limit of memory is met always or not at all.
		worst := spreadOf(s).high
		held := spreadOf(r.steady(Durable, func(s *Steady) float64 { return s.Load.PerSecond })).median
		goals = append(goals, Goal{
			fmt.Sprintf("resident memory at %s requests/s, peak", thousands(float64(r.Settings.Rate))),
			fmt.Sprintf("< %d MiB", mostResident>>20),
			fmt.Sprintf("%s MiB, at %s requests/s", mebibytes(worst), thousands(held)),
			worst < mostResident && held >= leastOfTheRate*float64(r.Settings.Rate),
		})
	}
	if s := r.rows("postgres", "entries=known"); len(s) > 0 {
		m := spreadOf(s).median
		goals = append(goals, Goal{"narrow rows/s into Postgres", "≥ " + thousands(leastRows), thousands(m), m >= leastRows})
	}
	return goals
}
