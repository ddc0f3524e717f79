package fold

import (
	"cmp"
	"slices"

	"stormdrain/internal/alert"
)

// Sources returns what came of each source. The slice is good until the next Add.
func (p *Pending) Sources() []Source { return p.sources }

// Alerts returns the alerts that have something pending, by label set and source: in
// the order in which an index is read fastest. Good until the next Add.
func (p *Pending) Alerts() []*Alert {
	p.sorted = p.sorted[:0]
	for i := range p.alerts {
		p.sorted = append(p.sorted, &p.alerts[i])
	}
	slices.SortFunc(p.sorted, func(a, b *Alert) int { return cmp.Or(cmp.Compare(a.Set, b.Set), cmp.Compare(a.Source, b.Source)) })
	return p.sorted
}

// Starts appends the beginnings that the receipts of an alert name, in their order;
// one may come again. Those of its episodes that have had one of them must be among
// the states that Fold is given, and so must the open one.
func (p *Pending) Starts(dst []alert.Time, a *Alert) []alert.Time {
	for n := a.first; n >= 0; n = p.runs[n].next {
		if t := p.runs[n].startsAt; len(dst) == 0 || dst[len(dst)-1] != t {
			dst = append(dst, t)
		}
	}
	return dst
}

// Minutes returns the counts by minute and label set, in this order, each pair once.
// Good until the next call or Add.
func (p *Pending) Minutes() []Tally {
	p.minutes = append(p.minutes[:0], p.tallies...)
	for i := range p.alerts {
		p.minutes = append(p.minutes, p.alerts[i].tally)
	}
	slices.SortFunc(p.minutes, func(a, b Tally) int { return cmp.Or(cmp.Compare(a.Minute, b.Minute), cmp.Compare(a.Set, b.Set)) })
	merged := p.minutes[:0]
	for _, t := range p.minutes {
		if n := len(merged); n > 0 && merged[n-1].Minute == t.Minute && merged[n-1].Set == t.Set {
			merged[n-1].Firing += t.Firing
			merged[n-1].Resolved += t.Resolved
			continue
		}
		merged = append(merged, t)
	}
	p.minutes = merged
	return merged
}
