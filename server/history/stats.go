package history

import (
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
	q.Limit = 0
	if p.at != nil && !p.Has("from") && !p.Has("to") {
		q.From, q.To = p.at.Micros, p.at.Micros+1
	} else {
		p.since(q, 24*time.Hour)
	}
	return s, format, nil
}

// Stats adds alerts up, group by group. What it holds grows with the number of groups
// and of episodes that were resolved (8 bytes each), and with nothing else. The order
// in which alerts come does not matter.
type Stats struct {
	by     string
	groups map[string]*Group
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
func NewStats(by string) *Stats { return &Stats{by: by, groups: make(map[string]*Group)} }

// Add counts the episodes of an alert. Each alert comes once.
func (s *Stats) Add(c *alert.EpisodeCount) {
	value := alert.Value(c.Labels.Labels, s.by)
	g := s.groups[value]
	if g == nil {
		g = &Group{Value: strings.Clone(value)} // a value can be a piece of a larger text
		s.groups[g.Value] = g
	}
	g.Receipts += c.Receipts
	g.Episodes += c.Episodes
	g.Alerts++
	g.Open += c.Open
	g.Unresolved += c.Unresolved
	g.lengths = append(g.lengths, c.Lengths...)
}

// Flaps is how often an alert of the group fired again.
func (g *Group) Flaps() int64 { return g.Episodes - g.Alerts }
