package history

import (
	"encoding/binary"
	"hash/maphash"
	"strings"
	"time"

	"stormdrain/internal/alert"
	"stormdrain/server/events"
)

// StatsQuery asks how often alerts fired and for how long, by a label.
type StatsQuery struct {
	By       string
	Sort     Sort
	Limit    int                 // of groups; 0: no limit
	Episodes *alert.EpisodeQuery // those that count
}

// Stats returns the question for statistics: of the last day, or of the moment
// where one was asked for.
func (p *Params) Stats() (*StatsQuery, events.Format, error) {
	q, format, err := p.Episodes()
	if err != nil {
		return nil, 0, err
	}
	s := &StatsQuery{By: p.by, Sort: p.sort, Limit: q.Limit, Episodes: q}
	q.Limit, q.Bare = 0, true
	if p.at != nil && !p.Has("from") && !p.Has("to") {
		q.From, q.To = *p.at, *p.at+1
	} else {
		p.since(q, 24*time.Hour)
	}
	return s, format, nil
}

// Stats adds episodes up, group by group. What it holds grows with the number of
// groups, of different alerts (some 40 bytes each) and of episodes that were
// resolved (8 bytes each), and with nothing else: 100 000 groups of a million
// episodes are some 70 MB while the question is answered. The order in which
// episodes come does not matter.
type Stats struct {
	by     string
	groups map[string]*Group
	alerts map[[2]uint64]struct{}
	seeds  [2]maphash.Seed
	key    []byte
}

// Group is what is counted of the episodes with one value of the label.
type Group struct {
	Value      string
	Receipts   int64
	Episodes   int64
	Alerts     int64 // different ones, by source and label set
	Open       int64
	Unresolved int64

	lengths []int64 // of the resolved ones, in microseconds

	// ---- worked out by Ranking ----
	resolved int
	mean     float64 // microseconds
	p95      int64
}

// NewStats returns statistics by a label.
func NewStats(by string) *Stats {
	return &Stats{
		by: by, groups: make(map[string]*Group), alerts: make(map[[2]uint64]struct{}),
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
	}
}

// Add counts one episode.
func (s *Stats) Add(e *alert.Episode) {
	value := alert.Value(e.Labels.Labels, s.by)
	g := s.groups[value]
	if g == nil {
		g = &Group{Value: strings.Clone(value)} // a value can be a piece of a larger text
		s.groups[g.Value] = g
	}
	g.Receipts += e.Receipts
	g.Episodes++
	if s.isNew(e) {
		g.Alerts++
	}
	switch {
	case e.Open():
		g.Open++
	case e.Status == alert.Firing:
		g.Unresolved++
	case !e.EndsAt.IsNone():
		// A clock that was set back must not make a time to resolve negative.
		g.lengths = append(g.lengths, max(0, e.EndsAt.Micros-e.StartsAt.Micros))
	}
}

// isNew reports whether no episode of this alert was counted yet. Two alerts are
// told apart by 128 bits under seeds that no sender knows: a fingerprint is the
// sender's choice, and would not do.
func (s *Stats) isNew(e *alert.Episode) bool {
	text := func(t string) {
		s.key = append(binary.AppendUvarint(s.key, uint64(len(t))), t...)
	}
	s.key = binary.LittleEndian.AppendUint64(s.key[:0], e.Labels.Fingerprint)
	text(e.Source)
	for i := range e.Labels.Labels {
		text(e.Labels.Labels[i].Name)
		text(e.Labels.Labels[i].Value)
	}
	id := [2]uint64{maphash.Bytes(s.seeds[0], s.key), maphash.Bytes(s.seeds[1], s.key)}
	n := len(s.alerts)
	s.alerts[id] = struct{}{}
	return len(s.alerts) > n
}

// Flaps is how often an alert of the group fired again.
func (g *Group) Flaps() int64 { return g.Episodes - g.Alerts }
