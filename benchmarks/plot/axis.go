package plot

import (
	"math"
	"strconv"
)

// axis maps values to pixels, and says where its ticks are.
type axis struct {
	log      bool
	low      float64 // of what is shown, and at a tick
	high     float64
	from, to float64 // pixels of low and high
	ticks    []float64
}

// ticksWanted is about how many ticks a linear axis gets.
const ticksWanted = 6

// newAxis covers values; one that has none goes from 0, or 1, to 10.
func newAxis(log bool, values []float64, from, to float64) axis {
	a := axis{log: log, from: from, to: to}
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	switch {
	case log && len(values) == 0:
		low, high = 1, 10
	case len(values) == 0:
		low, high = 0, 10
	}
	if log {
		a.ticks = logTicks(low, high)
	} else {
		a.ticks = linearTicks(min(low, 0), max(high, 0))
	}
	a.low, a.high = a.ticks[0], a.ticks[len(a.ticks)-1]
	return a
}

// linearTicks returns multiples of 1, 2 or 5 times a power of ten, the first not
// above low and the last not below high.
func linearTicks(low, high float64) (ticks []float64) {
	if low == high {
		high = low + 1
	}
	rough := (high - low) / ticksWanted
	power := math.Pow(10, math.Floor(math.Log10(rough)))
	step := 10 * power
	for _, nice := range []float64{1, 2, 5} {
		if nice*power >= rough*(1-1e-9) {
			step = nice * power
			break
		}
	}
	first, last := math.Floor(low/step+1e-9), math.Ceil(high/step-1e-9)
	for n := first; n <= last; n++ {
		ticks = append(ticks, n*step)
	}
	return ticks
}

// logTicks returns 1, 2 and 5 times powers of ten, around low and high, and the
// powers alone over more than three decades.
func logTicks(low, high float64) (ticks []float64) {
	first, last := math.Floor(math.Log10(low)+1e-9), math.Ceil(math.Log10(high)-1e-9)
	if last <= first {
		last = first + 1
	}
	if last-first > 3 {
		for e := first; e <= last; e++ {
			ticks = append(ticks, math.Pow(10, e))
		}
		return ticks
	}
	for e := first; e <= last; e++ {
		for _, nice := range []float64{1, 2, 5} {
			ticks = append(ticks, nice*math.Pow(10, e))
		}
	}
	// Only the last that is not above low, and the first that is not below high.
	for len(ticks) > 2 && ticks[1] <= low*(1+1e-9) {
		ticks = ticks[1:]
	}
	for len(ticks) > 2 && ticks[len(ticks)-2] >= high*(1-1e-9) {
		ticks = ticks[:len(ticks)-1]
	}
	return ticks
}

// at returns the pixel of v.
func (a *axis) at(v float64) float64 {
	low, high := a.low, a.high
	if a.log {
		low, high, v = math.Log10(low), math.Log10(high), math.Log10(v)
	}
	return a.from + (a.to-a.from)*(v-low)/(high-low)
}

// tickText writes 20000 as 20k and 0.0000002 as 2e-07.
func tickText(v float64) string {
	unit := ""
	switch m := math.Abs(v); {
	case m >= 1e9*(1-1e-9) && m < 1e12:
		v, unit = v/1e9, "G"
	case m >= 1e6*(1-1e-9) && m < 1e9:
		v, unit = v/1e6, "M"
	case m >= 1e3*(1-1e-9) && m < 1e6:
		v, unit = v/1e3, "k"
	}
	return strconv.FormatFloat(v, 'g', 4, 64) + unit
}
