package server

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"testing"

	"stormdrain/internal/alert"
)

// archive keeps episodes in the plainest form: slices that are filtered for each
// question.
type archive struct {
	episodes  []*alert.Episode
	sources   []alert.Source
	minutes   []alert.Minute
	truncated []alert.Truncated
	failAt    int // an error instead of the episode with this number of an answer, from 1

	asked []alert.EpisodeQuery
}

// startArchive opens a server over a.
func startArchive(t *testing.T, a *archive) *Server {
	t.Helper()
	f := &fake{}
	return startWith(t, testConfig(), f.parts(a))
}

func (a *archive) Episodes(ctx context.Context, q *alert.EpisodeQuery, yield func(*alert.Episode) error) error {
	a.asked = append(a.asked, *q)
	sorted := slices.SortedFunc(slices.Values(a.episodes), func(x, y *alert.Episode) int { return comparePlaces(y.Cursor(), x.Cursor()) })
	given := 0
	for _, e := range sorted {
		if !wantedEpisode(q, e) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if given++; given == a.failAt {
			return errShelf
		}
		if q.Bare {
			bare := *e
			bare.Details, bare.Envelope, bare.Receivers = nil, nil, nil
			e = &bare
		}
		if err := yield(e); err != nil {
			return err
		}
		if given == q.Limit {
			return nil
		}
	}
	return nil
}

func (a *archive) EpisodeCounts(ctx context.Context, q *alert.EpisodeQuery, yield func(*alert.EpisodeCount) error) error {
	var counts []*alert.EpisodeCount
	err := a.Episodes(ctx, q, func(e *alert.Episode) error {
		for _, c := range counts {
			if c.Source == e.Source && slices.Equal(c.Labels.Labels, e.Labels.Labels) {
				c.Add(e)
				return nil
			}
		}
		c := &alert.EpisodeCount{Source: e.Source, Labels: e.Labels}
		c.Add(e)
		counts = append(counts, c)
		return nil
	})
	for _, c := range counts {
		if err == nil {
			err = yield(c)
		}
	}
	return err
}

func comparePlaces(x, y alert.EpisodeCursor) int {
	return cmp.Or(cmp.Compare(x.StartsAt, y.StartsAt), cmp.Compare(x.Number, y.Number))
}

func wantedEpisode(q *alert.EpisodeQuery, e *alert.Episode) bool {
	return q.WantsTimes(e) &&
		(q.Status == nil || *q.Status == e.Status) &&
		(q.Receiver == nil || slices.Contains(e.Receivers, *q.Receiver)) &&
		(q.Source == nil || *q.Source == e.Source) &&
		(q.Fingerprint == nil || *q.Fingerprint == e.Labels.Fingerprint) &&
		(q.After == nil || comparePlaces(e.Cursor(), *q.After) < 0) &&
		alert.MatchAll(q.Matchers, e.Labels.Labels)
}

func (a *archive) Sources(context.Context) ([]alert.Source, error) {
	if a.failAt > 0 {
		return nil, errShelf
	}
	return a.sources, nil
}

func (a *archive) Minutes(_ context.Context, from, to int64, yield func(alert.Minute) error) error {
	if a.failAt > 0 {
		return errShelf
	}
	for _, m := range a.minutes {
		if m.At >= from && m.At < to {
			if err := yield(m); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *archive) Truncated(_ context.Context, q *alert.TruncatedQuery) (found []alert.Truncated, err error) {
	for _, t := range a.truncated {
		if t.ReceivedAt >= q.From && t.ReceivedAt < q.To && len(found) < q.Limit {
			found = append(found, t)
		}
	}
	return found, nil
}

func (a *archive) Labels(_ context.Context, q *alert.LabelQuery) (words []string, err error) {
	if a.failAt > 0 {
		return nil, errShelf
	}
	for _, e := range a.episodes {
		for _, p := range e.Labels.Labels {
			word := p.Name
			if q.Name == p.Name {
				word = p.Value
			} else if q.Name != "" {
				continue
			}
			if strings.HasPrefix(word, q.Prefix) && !slices.Contains(words, word) {
				words = append(words, word)
			}
		}
	}
	slices.Sort(words)
	return words[:min(len(words), q.Limit)], nil
}

// firing is an episode that began at a second of 1970 and is open.
func firing(number int64, begin int64, labels ...string) *alert.Episode {
	set := &alert.LabelSet{Fingerprint: uint64(number)}
	for i := 0; i+1 < len(labels); i += 2 {
		set.Labels = append(set.Labels, alert.Pair{Name: labels[i], Value: labels[i+1]})
	}
	return &alert.Episode{
		Number: number, StartsAt: alert.Time{Micros: begin * 1e6}, EndsAt: alert.NoTime, Superseded: alert.NoTime,
		FirstReceivedAt: begin * 1e6, LastReceivedAt: begin * 1e6, Receipts: 1, Receivers: []string{"team"},
		Labels: set, Details: &alert.Details{}, Envelope: &alert.Envelope{},
	}
}

// resolved is an episode that lasted for some seconds.
func resolved(number int64, begin, seconds int64, labels ...string) *alert.Episode {
	e := firing(number, begin, labels...)
	e.Status, e.EndsAt = alert.Resolved, alert.Time{Micros: (begin + seconds) * 1e6}
	return e
}
