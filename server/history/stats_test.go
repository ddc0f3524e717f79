package history

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"stormdrain/internal/alert"
)

func episode(source string, begin, end int64, labels ...string) *alert.Episode {
	set := &alert.LabelSet{Fingerprint: 1}
	for i := 0; i+1 < len(labels); i += 2 {
		set.Labels = append(set.Labels, alert.Pair{Name: labels[i], Value: labels[i+1]})
	}
	e := &alert.Episode{Source: source, StartsAt: alert.Time{Micros: begin}, EndsAt: alert.NoTime, Superseded: alert.NoTime, Receipts: 1, Labels: set}
	if end >= 0 {
		e.Status, e.EndsAt = alert.Resolved, alert.Time{Micros: end}
	}
	return e
}

// counts counts episodes as a store does.
type counts map[string]*alert.EpisodeCount

func (c counts) add(e *alert.Episode) {
	key := fmt.Sprintf("%q %q", e.Source, e.Labels.Labels)
	if c[key] == nil {
		c[key] = &alert.EpisodeCount{Source: e.Source, Labels: e.Labels}
	}
	c[key].Add(e)
}

func (c counts) stats() *Stats {
	s := NewStats("alertname")
	for _, n := range c {
		s.Add(n)
	}
	return s
}

// Figures of random episodes, against what a plain count of them gives.
func TestStatsAgainstPlainCounts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		c := counts{}
		lengths, alerts := map[string][]int64{}, map[string]map[string]bool{}
		var all []int64
		for range r.IntN(200) {
			name, pod, source := fmt.Sprint("A", r.IntN(4)), fmt.Sprint(r.IntN(3)), fmt.Sprint(r.IntN(2))
			length := r.Int64N(50)
			c.add(episode(source, 1000, 1000+length, "alertname", name, "pod", pod))
			lengths[name] = append(lengths[name], length)
			all = append(all, length)
			if alerts[name] == nil {
				alerts[name] = map[string]bool{}
			}
			alerts[name][source+" "+pod] = true
		}
		groups, total := c.stats().Ranking(ByP95)
		if len(groups) != len(lengths) {
			t.Fatalf("%d groups, want %d", len(groups), len(lengths))
		}
		// The smallest that at least 95 % do not exceed, counted out.
		p95 := func(values []int64) int64 {
			for _, v := range slices.Sorted(slices.Values(values)) {
				n := 0
				for _, w := range values {
					if w <= v {
						n++
					}
				}
				if n*100 >= 95*len(values) {
					return v
				}
			}
			return 0
		}
		distinct := 0
		for i, g := range groups {
			if g.p95 != p95(lengths[g.Value]) || g.Episodes != int64(len(lengths[g.Value])) || g.Alerts != int64(len(alerts[g.Value])) {
				t.Errorf("%s: p95 %d of %v, %d alerts", g.Value, g.p95, lengths[g.Value], g.Alerts)
			}
			if i > 0 && (groups[i-1].p95 < g.p95 || groups[i-1].p95 == g.p95 && groups[i-1].Value > g.Value) {
				t.Errorf("%s comes after %s", g.Value, groups[i-1].Value)
			}
			distinct += int(g.Alerts)
		}
		if total.p95 != p95(all) || total.Episodes != int64(len(all)) || total.Alerts != int64(distinct) {
			t.Errorf("total %+v, want p95 %d", total, p95(all))
		}
	}
}

func TestStatsOfOddTimes(t *testing.T) {
	c := counts{}
	c.add(episode("", 5000, 1000)) // ends before it begins
	for range 100 {
		c.add(episode("", -62_000_000_000_000_000, 250_000_000_000_000_000)) // ten thousand years
	}
	_, total := c.stats().Ranking(ByEpisodes)
	if line := string(total.AppendJSON(nil)); !strings.Contains(line, `"meanSecondsToResolve":308910891089.10895,"p95SecondsToResolve":312000000000}`) {
		t.Errorf("%s", line)
	}
	e := episode("", 0, -1)
	e.Status = alert.Resolved // resolved, and nobody said when
	c = counts{}
	c.add(e)
	if _, total := c.stats().Ranking(ByMean); total.resolved != 0 || total.Open != 0 || total.Unresolved != 0 || total.Episodes != 1 {
		t.Errorf("resolved without an end: %+v", total)
	}
}

// The same fingerprint, which a sender may choose, does not make two alerts one;
// nor do texts that only look alike when they are put together.
func TestDistinctAlerts(t *testing.T) {
	c := counts{}
	for range 3 {
		c.add(episode("a", 0, 1, "x", "1"))
		c.add(episode("b", 0, 1, "x", "1"))
		c.add(episode("", 0, 1, "x", "12", "y", "3"))
		c.add(episode("", 0, 1, "x", "1", "2y", "3"))
	}
	if _, total := c.stats().Ranking(ByEpisodes); total.Alerts != 4 || total.Flaps() != 8 {
		t.Errorf("%d alerts, %d flaps", total.Alerts, total.Flaps())
	}
}

func BenchmarkStatsAdd(b *testing.B) {
	var all []*alert.EpisodeCount
	for i := range 10_000 {
		c := &alert.EpisodeCount{}
		for n := range 10 {
			e := episode("eu", 0, int64(i+n), "alertname", fmt.Sprint("A", i%50), "instance", fmt.Sprint("10.0.0.", i), "job", "node", "severity", "critical")
			c.Labels = e.Labels
			c.Add(e)
		}
		all = append(all, c)
	}
	s, i := NewStats("alertname"), 0
	b.ReportAllocs()
	for b.Loop() {
		s.Add(all[i%len(all)])
		i++
	}
}
