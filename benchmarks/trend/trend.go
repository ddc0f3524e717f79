// Package trend tells whether something that is sampled over time grows: a leak
// among noise, and not noise for a leak.
package trend

import (
	"fmt"
	"math"
	"slices"
)

// Tolerance is how far a series may drift over the window and still be flat: the
// larger of the two.
type Tolerance struct {
	Absolute float64 // in the unit of the series
	Relative float64 // a part of the series' median
}

// Verdict is what Judge found.
type Verdict struct {
	Median  float64 `json:"median"`
	Drift   float64 `json:"drift"`   // over the whole window, of the line through it
	Allowed float64 `json:"allowed"` // drift, by the tolerance
	Z       float64 `json:"z"`       // how sure it is that the series has a trend, in standard deviations
	Grows   bool    `json:"grows"`
}

// sure is how many standard deviations make a trend. Noise alone gets there once
// in seven hundred series, and then it would still have to pass the tolerance.
const sure = 3

// leastSamples is where the normal distribution begins to describe Kendall's S.
const leastSamples = 12

// Judge fits a line through a window of samples and says whether it grows. It
// does when the line rises by more than the tolerance and it is certain that it
// rises at all. What falls does not leak.
//
// The line is that of Theil and Sen, the median of the slopes between all pairs:
// up to 29 % of the samples can be anything, a spike does not tilt it. The
// certainty is Mann's and Kendall's test, with ties: it asks only how many pairs
// rise, whatever the noise is like. Neither notices what happens once, at the
// very end of the window.
func Judge(x, y []float64, t Tolerance) (Verdict, error) {
	if len(x) != len(y) || len(y) < leastSamples {
		return Verdict{}, fmt.Errorf("trend of %d samples at %d moments: %d of each are the least", len(y), len(x), leastSamples)
	}
	slopes, s := pairs(x, y)
	if len(slopes) == 0 {
		return Verdict{}, fmt.Errorf("trend of %d samples of one moment", len(y))
	}
	v := Verdict{Median: median(slices.Clone(y)), Z: certainty(s, y)}
	v.Drift = median(slopes) * (slices.Max(x) - slices.Min(x))
	v.Allowed = max(t.Absolute, t.Relative*math.Abs(v.Median))
	v.Grows = v.Drift > v.Allowed && v.Z > sure
	return v, nil
}

// pairs returns the slope between any two samples, and Kendall's S: how many
// pairs rise less how many fall.
func pairs(x, y []float64) (slopes []float64, s int) {
	slopes = make([]float64, 0, len(x)*(len(x)-1)/2)
	for i := range x {
		for j := range i {
			dx, dy := x[i]-x[j], y[i]-y[j]
			if dx == 0 {
				continue
			}
			slopes = append(slopes, dy/dx)
			switch rise := dy / dx; {
			case rise > 0:
				s++
			case rise < 0:
				s--
			}
		}
	}
	return slopes, s
}

// certainty is S in standard deviations of what it would be without a trend.
func certainty(s int, y []float64) float64 {
	spread := func(n float64) float64 { return n * (n - 1) * (2*n + 5) }
	variance := spread(float64(len(y)))
	sorted := slices.Sorted(slices.Values(y))
	for i := 0; i < len(sorted); {
		j := i
		for j < len(sorted) && sorted[j] == sorted[i] {
			j++
		}
		variance -= spread(float64(j - i)) // of a group of equal values
		i = j
	}
	if variance /= 18; variance <= 0 {
		return 0 // all are equal
	}
	switch {
	case s > 0:
		return float64(s-1) / math.Sqrt(variance)
	case s < 0:
		return float64(s+1) / math.Sqrt(variance)
	}
	return 0
}

// median sorts v.
func median(v []float64) float64 {
	slices.Sort(v)
	middle := len(v) / 2
	if len(v)%2 == 0 {
		return (v[middle-1] + v[middle]) / 2
	}
	return v[middle]
}
