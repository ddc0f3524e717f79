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

// countPage is a page of alerts whose label sets have been read.
type countPage struct {
	keys []countKey
	sets map[int64]*alert.LabelSet
	err  error
}

// yieldCounts yields what was counted, alert by alert. The label sets of the next page
// are read meanwhile: it takes as long to add a page up as to read one.
func (s *episodeSearch) yieldCounts(ctx context.Context, yield func(*alert.EpisodeCount) error) error {
	ctx, cancel := context.WithCancel(ctx)
	pages := make(chan countPage)
	go s.readCountPages(ctx, slices.SortedFunc(maps.Keys(s.counts), byLabelSet), pages)
	// When we return the reader has, too: it closes pages.
	defer func() {
		cancel()
		for range pages {
		}
	}()
	for page := range pages {
		if page.err != nil {
			return page.err
		}
		for _, k := range page.keys {
			c, ok := s.counts[k], false
			delete(s.counts, k)
			if c.Labels, ok = page.sets[k.labelSet]; !ok || !s.tested && !s.test.matches(c.Labels) {
				continue // retention removed it while we read, or nobody asked for it
			}
			if err := yield(c); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func byLabelSet(a, b countKey) int { return cmp.Compare(a.labelSet, b.labelSet) }

// readCountPages reads the label sets in bounded pages, by number, until all are read,
// one cannot be, or ctx ends. It closes pages.
func (s *episodeSearch) readCountPages(ctx context.Context, keys []countKey, pages chan<- countPage) {
	defer close(pages)
	group := s.out.group
	for len(keys) > 0 {
		page := countPage{keys: keys[:min(len(keys), group)]}
		keys = keys[len(page.keys):]
		numbers := make([]int64, 0, len(page.keys))
		for _, k := range page.keys {
			numbers = append(numbers, k.labelSet)
		}
		page.sets, page.err = s.b.LabelSets(ctx, slices.Compact(numbers))
		loaded := 0
		for _, set := range page.sets {
			loaded += sizeOfSet(set)
		}
		group = s.sizes.regroup(group, loaded)
		select {
		case pages <- page:
		case <-ctx.Done():
			return
		}
		if page.err != nil {
			return
		}
	}
}
