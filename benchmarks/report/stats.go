package report

import "slices"

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

// closed returns f of the runs of one target in one mode.
func (r *Report) closed(target, mode string, f func(*Closed) float64) (samples []float64) {
	for i := range r.Closed {
		if c := &r.Closed[i]; c.Target == target && c.Mode == mode {
			samples = append(samples, f(c))
		}
	}
	return samples
}

// ratios compares each run with the ceiling's of the same round, minutes apart
// at most: what else the machine did then weighed on both.
func (r *Report) ratios(target, mode string) (samples []float64) {
	ceilings := map[int]float64{}
	for i := range r.Closed {
		if c := &r.Closed[i]; c.Target == Ceiling && c.Mode == mode {
			ceilings[c.Round] = c.Wrk.PerSecond
		}
	}
	for i := range r.Closed {
		c := &r.Closed[i]
		if best := ceilings[c.Round]; c.Target == target && c.Mode == mode && best > 0 {
			samples = append(samples, c.Wrk.PerSecond/best)
		}
	}
	return samples
}

func (r *Report) steady(target string, f func(*Steady) float64) (samples []float64) {
	for i := range r.Steady {
		if s := &r.Steady[i]; s.Target == target {
			samples = append(samples, f(s))
		}
	}
	return samples
}

func (r *Report) rows(store, name string) (samples []float64) {
	for _, w := range r.Rows {
		if w.Store == store && w.Name == name {
			samples = append(samples, w.PerSecond)
		}
	}
	return samples
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
