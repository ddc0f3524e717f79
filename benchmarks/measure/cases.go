package measure

import (
	"fmt"
	"strconv"
	"strings"

	"stormdrain/benchmarks/report"
)

// sizes are those that storm.lua makes bodies of.
var sizes = []int{1, 10, 100, 1000}

// ParseCase reads "storm/10", "hard/100" or "mix".
func ParseCase(s string) (c report.Case, err error) {
	mode, size, sized := strings.Cut(s, "/")
	c.Mode = mode
	switch {
	case mode == report.Mix && !sized:
		return c, nil
	case (mode == report.Storm || mode == report.Hard) && sized:
		c.Alerts, err = strconv.Atoi(size)
		for _, n := range sizes {
			if err == nil && c.Alerts == n {
				return c, nil
			}
		}
	}
	return c, fmt.Errorf("%q is neither mix nor storm/N nor hard/N, with N 1, 10, 100 or 1000", s)
}

// ParseCases reads several, with commas between.
func ParseCases(s string) (all []report.Case, err error) {
	for name := range strings.SplitSeq(s, ",") {
		c, err := ParseCase(name)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// ConnectionsFor is fewer than the usual for the largest bodies: half a hundred Alertmanagers that
// send a thousand alerts each at once are no load that there is, and the slowest
// target would answer none of them in time.
func ConnectionsFor(c report.Case, usual int) int {
	if c.Alerts >= 1000 {
		return max(1, usual/8)
	}
	return usual
}
