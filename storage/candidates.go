package storage

import (
	"context"
	"math"

	"stormdrain/internal/alert"
)

// labelTest is what a query asks of a label set.
type labelTest struct {
	matchers    []*alert.Matcher
	fingerprint *uint64 // nil: any
}

// all reports whether every label set passes.
func (t labelTest) all() bool { return len(t.matchers) == 0 && t.fingerprint == nil }

func (t labelTest) matches(set *alert.LabelSet) bool {
	if t.fingerprint != nil && set.Fingerprint != *t.fingerprint {
		return false
	}
	return alert.MatchAll(t.matchers, set.Labels)
}

// narrowing is what an index can tell of it.
func (t labelTest) narrowing() Narrowing {
	n := Narrowing{Fingerprint: t.fingerprint}
	for _, m := range t.matchers {
		if m.Op == alert.MatchEqual && m.Value != "" {
			n.Equal = append(n.Equal, alert.Pair{Name: m.Name, Value: m.Value})
		}
	}
	return n
}

// candidates returns the numbers of the label sets that pass, ascending. few is
// false when all do, or too many.
func (t labelTest) candidates(ctx context.Context, d Dictionary, z sizes) (sets []int64, few bool, err error) {
	if t.all() {
		return nil, false, nil
	}
	n := t.narrowing()
	for after := int64(math.MinInt64); ; {
		page, err := d.Candidates(ctx, n, after, z.candidates)
		if err != nil {
			return nil, false, err
		}
		for _, c := range page {
			if t.matches(c.Set) {
				sets = append(sets, c.Number)
			}
		}
		if len(sets) > z.sets {
			return nil, false, nil
		}
		if len(page) < z.candidates {
			return sets, true, nil
		}
		after = page[len(page)-1].Number
	}
}
