package main

import (
	"fmt"
	"strconv"
	"strings"

	"stormdrain/benchmarks/report"
)

// sizes are those that storm.lua makes bodies of.
var sizes = []int{1, 10, 100, 1000}

// parseCase reads "storm/10", "hard/100" or "mix".
func parseCase(s string) (c report.Case, err error) {
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

func parseCases(s string) (all []report.Case, err error) {
	for name := range strings.SplitSeq(s, ",") {
		c, err := parseCase(name)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// connections is fewer for the largest bodies: half a hundred Alertmanagers that
// send a thousand alerts each at once are no load that there is, and the slowest
// target would answer none of them in time.
func (o *options) connectionsFor(c report.Case) int {
	if c.Alerts >= 1000 {
		return max(1, o.connections/8)
	}
	return o.connections
}

// measures says whether a target is measured under a load. All are under the
// first one; under the others those that a question hangs on.
func (o *options) measures(t target, c report.Case) bool {
	switch {
	case t.name == report.Ceiling || o.full || c == o.cases[0]:
		return true
	case report.IsReference(t.name):
		return c.Mode == report.Storm && !o.quick
	case t.name == report.DurableSQLite:
		return !o.quick
	}
	return t.name == report.Durable
}
