package history

import (
	"cmp"
	"slices"
	"sort"
)

// Sort is the order of groups.
type Sort uint8

// The orders of docs/api.md. All but ByValue begin with the largest; groups that
// are equal, and those that have no such time, follow by value.
const (
	ByEpisodes Sort = iota
	ByReceipts
	ByAlerts
	ByFlaps
	ByOpen
	ByUnresolved
	ByMean
	ByP95
	ByValue
)

var sorts = map[string]Sort{
	"episodes": ByEpisodes, "receipts": ByReceipts, "alerts": ByAlerts, "flaps": ByFlaps, "open": ByOpen,
	"unresolved": ByUnresolved, "mean": ByMean, "p95": ByP95, "value": ByValue,
}

// Ranking returns the groups in an order, and all of them as one. Nothing may be
// added after that.
func (s *Stats) Ranking(order Sort) (groups []*Group, total *Group) {
	total = new(Group)
	groups = make([]*Group, 0, len(s.groups))
	sum, resolved, longest := 0.0, 0, int64(0)
	for _, g := range s.groups {
		groups = append(groups, g)
		total.Receipts += g.Receipts
		total.Episodes += g.Episodes
		total.Alerts += g.Alerts
		total.Open += g.Open
		total.Unresolved += g.Unresolved
		if n := len(g.lengths); n > 0 {
			slices.Sort(g.lengths)
			groupSum := 0.0
			for _, v := range g.lengths {
				groupSum += float64(v) // of int64 thirty firings of the year 0 would be too much
			}
			g.resolved, g.mean, g.p95 = n, groupSum/float64(n), g.lengths[rank95(n)-1]
			sum, resolved, longest = sum+groupSum, resolved+n, max(longest, g.lengths[n-1])
		}
	}
	slices.SortFunc(groups, func(a, b *Group) int {
		return cmp.Or(cmp.Compare(order.of(b), order.of(a)), cmp.Compare(a.Value, b.Value))
	})
	if resolved > 0 {
		total.mean, total.p95 = sum/float64(resolved), percentile(groups, rank95(resolved), longest)
		total.resolved = resolved
	}
	for _, g := range groups {
		g.lengths = nil // an export may take its time, and needs them no more
	}
	return groups, total
}

// of is what an order goes by; the largest comes first.
func (o Sort) of(g *Group) float64 {
	switch o {
	case ByReceipts:
		return float64(g.Receipts)
	case ByAlerts:
		return float64(g.Alerts)
	case ByFlaps:
		return float64(g.Flaps())
	case ByOpen:
		return float64(g.Open)
	case ByUnresolved:
		return float64(g.Unresolved)
	case ByMean, ByP95:
		switch {
		case g.resolved == 0:
			return -1
		case o == ByMean:
			return g.mean
		}
		return float64(g.p95)
	case ByValue:
		return 0
	}
	return float64(g.Episodes)
}

// rank95 is the place of the 95th percentile among n values in order, from 1: the
// least that 95 % do not exceed. No value is made up.
func rank95(n int) int { return (95*n + 99) / 100 }

// percentile returns the value with a rank among the lengths of all groups, each
// of which is sorted. It searches by value, so it need not put them together,
// which would take their memory again.
func percentile(groups []*Group, rank int, longest int64) int64 {
	notAbove := func(v int64) (n int) {
		for _, g := range groups {
			n += sort.Search(len(g.lengths), func(i int) bool { return g.lengths[i] > v })
		}
		return n
	}
	low, high := int64(0), longest
	for low < high {
		if middle := low + (high-low)/2; notAbove(middle) >= rank {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}
