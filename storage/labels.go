package storage

import (
	"maps"
	"slices"
	"strings"

	"stormdrain/internal/alert"
)

// LabelCollector answers a LabelQuery out of label sets that it is shown.
type LabelCollector struct {
	q     *alert.LabelQuery
	found map[string]struct{}
}

// NewLabelCollector returns one that has been shown nothing.
func NewLabelCollector(q *alert.LabelQuery) *LabelCollector {
	return &LabelCollector{q, map[string]struct{}{}}
}

// Add shows it a label set. An empty value is none.
func (c *LabelCollector) Add(labels []alert.Pair) {
	if c.q.Name != "" {
		if v := alert.Value(labels, c.q.Name); v != "" {
			c.take(v)
		}
		return
	}
	for i := range labels {
		c.take(labels[i].Name)
	}
}

func (c *LabelCollector) take(s string) {
	if _, ok := c.found[s]; !ok && strings.HasPrefix(s, c.q.Prefix) {
		c.found[strings.Clone(s)] = struct{}{}
	}
}

// Result returns what was found in ascending order, no more than the query's limit
// if that is not 0.
func (c *LabelCollector) Result() []string {
	all := slices.Sorted(maps.Keys(c.found))
	if n := c.q.Limit; n > 0 && len(all) > n {
		all = all[:n]
	}
	return all
}
