package report

import (
	"slices"
	"time"
)

// spread is several samples of one figure.
type spread struct{ low, median, high float64 }

func spreadOf(samples []float64) spread {
	if len(samples) == 0 {
		return spread{}
	}
	s := slices.Sorted(slices.Values(samples))
	middle := len(s) / 2
	median := s[middle]
	if len(s)%2 == 0 {
		median = (s[middle-1] + s[middle]) / 2
	}
	return spread{low: s[0], median: median, high: s[len(s)-1]}
}

// closed returns f of the runs of one target under one load.
func (r *Report) closed(target string, load Case, f func(*Closed) float64) (samples []float64) {
	for i := range r.Closed {
		if c := &r.Closed[i]; c.Target == target && c.Case == load && c.Invalid == "" {
			samples = append(samples, f(c))
		}
	}
	return samples
}

// ratios compares each run with the ceiling's of the same round and load,
// minutes apart at most: what else the machine did then weighed on both.
func (r *Report) ratios(target string, load Case) (samples []float64) {
	return r.pairs(target, Ceiling, load, perSecond)
}

func perSecond(c *Closed) float64 { return c.Wrk.PerSecond }

// pairs divides f of each run of a target by f of another's in the same round.
func (r *Report) pairs(target, by string, load Case, f func(*Closed) float64) (samples []float64) {
	others := map[int]float64{}
	for i := range r.Closed {
		if c := &r.Closed[i]; c.Target == by && c.Case == load && c.Invalid == "" {
			others[c.Round] = f(c)
		}
	}
	for i := range r.Closed {
		c := &r.Closed[i]
		if other := others[c.Round]; c.Target == target && c.Case == load && c.Invalid == "" && other > 0 {
			samples = append(samples, f(c)/other)
		}
	}
	return samples
}

// steady returns f of the runs of one target at one rate.
func (r *Report) steady(target string, rate int, f func(*Steady) float64) (samples []float64) {
	for i := range r.Steady {
		if s := &r.Steady[i]; s.Target == target && s.Rate == rate && s.Invalid == "" {
			samples = append(samples, f(s))
		}
	}
	return samples
}

// latency returns the median of one figure at a rate.
func (r *Report) latency(target string, rate int, f func(*Steady) time.Duration) time.Duration {
	return time.Duration(spreadOf(r.steady(target, rate, func(s *Steady) float64 { return float64(f(s)) })).median)
}

// held reports that more than half of the runs were.
func (r *Report) held(target string, rate int) bool {
	n := 0
	all := r.steady(target, rate, func(s *Steady) float64 {
		if s.Held() {
			n++
		}
		return 0
	})
	return 2*n > len(all)
}

func (r *Report) rows(store, name string) (samples []float64) {
	for _, w := range r.Rows {
		if w.Store == store && w.Name == name {
			samples = append(samples, w.PerSecond)
		}
	}
	return samples
}

// syncP99 is the disk's, in the middle of the rounds; 0 when it was not measured.
func (r *Report) syncP99() time.Duration {
	var all []float64
	for _, d := range r.Disk {
		all = append(all, float64(d.P99))
	}
	return time.Duration(spreadOf(all).median)
}

// alertsEach is the mean number of alerts in a request; 0 when nobody looked.
func (r *Report) alertsEach(load Case) float64 {
	for _, l := range r.Loads {
		if l.Case == load {
			return l.Alerts
		}
	}
	return float64(load.Alerts)
}

// alertsPerSecond are those in the requests that were answered.
func (r *Report) alertsPerSecond(target string, load Case) spread {
	each := r.alertsEach(load)
	return spreadOf(r.closed(target, load, func(c *Closed) float64 { return c.Wrk.PerSecond * each }))
}

// allIn is the median of alerts stored a second, see Closed.AllIn.
func (r *Report) allIn(target string, load Case) spread {
	return spreadOf(r.closed(target, load, (*Closed).AllIn))
}

// cases returns the loads of a mode, in the order of their sizes; all for "".
func (r *Report) cases(mode string) (all []Case) {
	for _, c := range unique(r.Closed, func(c *Closed) Case { return c.Case }) {
		if mode == "" || c.Mode == mode {
			all = append(all, c)
		}
	}
	if mode != "" {
		slices.SortFunc(all, func(a, b Case) int { return a.Alerts - b.Alerts })
	}
	return all
}

// rates returns those at which a target was measured, from the lowest on.
func (r *Report) rates(target string) (all []int) {
	for i := range r.Steady {
		if s := &r.Steady[i]; s.Target == target && !slices.Contains(all, s.Rate) {
			all = append(all, s.Rate)
		}
	}
	slices.Sort(all)
	return all
}

// unique returns f of each element, each once, in their first order.
func unique[E any, K comparable](all []E, f func(*E) K) (keys []K) {
	for i := range all {
		if k := f(&all[i]); !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

// cores is how many processors the server kept busy while the load ran.
func (s *Server) cores() float64 {
	if s.Surroundings.Elapsed == 0 {
		return 0
	}
	return float64(s.LoadCPU) / float64(s.Surroundings.Elapsed)
}

// othersShare is the part of the machine that was not ours.
func (s *Surroundings) othersShare(cores int) float64 { return s.share(s.Others+s.Stolen, cores) }

// stolenShare is the part of the machine that its host kept for itself or for others.
func (s *Surroundings) stolenShare(cores int) float64 { return s.share(s.Stolen, cores) }

func (s *Surroundings) share(of time.Duration, cores int) float64 {
	if s.Elapsed == 0 || cores == 0 {
		return 0
	}
	return float64(of) / float64(s.Elapsed) / float64(cores)
}
