package storage

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"stormdrain/internal/alert"
)

// CountEpisodes answers q from b as EpisodeReader.EpisodeCounts promises. It goes the
// way of SearchEpisodes, but counts by numbers; then each label set is read once, and
// tested if the plan has not seen to that.
func CountEpisodes(ctx context.Context, b EpisodeBackend, q *alert.EpisodeQuery, yield func(*alert.EpisodeCount) error) error {
	return countEpisodes(ctx, b, q, yield, defaultSizes)
}

func countEpisodes(ctx context.Context, b EpisodeBackend, q *alert.EpisodeQuery, yield func(*alert.EpisodeCount) error, z sizes) error {
	all := *q
	all.Limit, all.After, all.Bare = 0, nil, true
	s := newEpisodeSearch(b, &all, nil, z)
	s.counts = episodeCounts{}
	if err := s.run(ctx); err != nil {
		return err
	}
	return s.yieldCounts(ctx, yield)
}

// episodeCounts are the counts of alerts whose label sets are not known yet.
type episodeCounts map[countKey]*alert.EpisodeCount

type countKey struct {
	labelSet int64
	source   string
}

func (m episodeCounts) of(source string, labelSet int64) *alert.EpisodeCount {
	key := countKey{labelSet, source}
	c := m[key]
	if c == nil {
		c = &alert.EpisodeCount{Source: source}
		m[key] = c
	}
	return c
}

// add takes c.
func (m episodeCounts) add(labelSet int64, c *alert.EpisodeCount) {
	key := countKey{labelSet, c.Source}
	had := m[key]
	if had == nil {
		m[key] = c
		return
	}
	had.Episodes += c.Episodes
	had.Receipts += c.Receipts
	had.Open += c.Open
	had.Unresolved += c.Unresolved
	had.Lengths = append(had.Lengths, c.Lengths...)
}

// yieldCounts reads the label sets in bounded pages, by number, and lets go of what it
// has yielded.
func (s *episodeSearch) yieldCounts(ctx context.Context, yield func(*alert.EpisodeCount) error) error {
	keys := slices.SortedFunc(maps.Keys(s.counts), func(a, b countKey) int { return cmp.Compare(a.labelSet, b.labelSet) })
	sets, group, numbers := s.out.sets, s.out.group, []int64(nil)
	for len(keys) > 0 {
		page := keys[:min(len(keys), group)]
		keys = keys[len(page):]
		numbers = numbers[:0]
		for _, k := range page {
			numbers = append(numbers, k.labelSet)
		}
		loaded, err := sets.need(ctx, numbers)
		if err != nil {
			return err
		}
		group = s.sizes.regroup(group, loaded)
		for _, k := range page {
			c, ok := s.counts[k], false
			delete(s.counts, k)
			if c.Labels, ok = sets.get(k.labelSet); !ok || !s.tested && !s.test.matches(c.Labels) {
				continue // retention removed it while we read, or nobody asked for it
			}
			if err := yield(c); err != nil {
				return err
			}
		}
	}
	return nil
}
