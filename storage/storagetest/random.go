package storagetest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"stormdrain/internal/alert"
)

// Generator makes deliveries and questions about them that are likely to meet:
// few values, crowded microseconds, gaps of days, odd text. The same seed makes
// the same.
type Generator struct {
	r    *rand.Rand
	now  int64
	sets []alert.LabelSet
}

// NewGenerator starts at a day in 2026.
func NewGenerator(seed uint64) *Generator {
	g := &Generator{r: rand.New(rand.NewPCG(seed, 7)), now: 1_780_000_000_000_000}
	for range 60 {
		g.sets = append(g.sets, g.labelSet())
	}
	return g
}

// The texts that labels, sources and receivers are drawn from.
var (
	sources   = []string{"", "eu", "us\x00west", "ap \"1\"\x1a"}
	receivers = []string{"default", "team \\(a\\)", "", "\x1a0"}
	names     = []string{"alertname", "cluster", "datum/größe", "job.name", "severity", "\x00", "日本"}
	values    = []string{"", "a", "b", "critical", "crit\x00ical", "warning", "\x1a", `"quoted\`, "🌧"}
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func (g *Generator) labelSet() alert.LabelSet {
	var pairs []alert.Pair
	for _, name := range []string{"\x00", "alertname", "cluster", "datum/größe", "job.name", "severity", "日本"} {
		if g.r.IntN(2) == 0 {
			pairs = append(pairs, alert.Pair{Name: name, Value: pick(g.r, values)})
		}
	}
	fingerprint := alert.Fingerprint(pairs)
	if g.r.IntN(5) == 0 {
		fingerprint = math.MaxUint64 - uint64(g.r.IntN(3)) // sent as it is; several sets share it
	}
	return alert.LabelSet{Fingerprint: fingerprint, Labels: pairs}
}

// Delivery makes the next delivery of a journal. Time stands still as often as
// it moves.
func (g *Generator) Delivery(seq uint64) Delivery {
	switch g.r.IntN(10) {
	case 0:
		g.now += g.r.Int64N(3 * 86400e6)
	case 1, 2:
		g.now += g.r.Int64N(5e6)
	case 3, 4:
		g.now++
	}
	d := Delivery{
		Seq: seq, ReceivedAt: g.now, Source: pick(g.r, sources), TruncatedAlerts: uint64(g.r.IntN(3)),
		Envelope: alert.Envelope{Receiver: pick(g.r, receivers), GroupKey: "{}:{}", ExternalURL: "http://am"},
	}
	n := g.r.IntN(5)
	if g.r.IntN(20) == 0 {
		n = 100
	}
	index := int32(0)
	for range n {
		d.Alerts = append(d.Alerts, g.alert(index))
		index += 1 + int32(g.r.IntN(2))
	}
	return d
}

func (g *Generator) alert(index int32) Alert {
	a := Alert{
		Index: index, StartsAt: alert.Time{Micros: g.now - g.r.Int64N(1e9), Nanos: uint16(g.r.IntN(1000))}, EndsAt: alert.NoTime,
		Labels: pick(g.r, g.sets), Details: alert.Details{Annotations: Pairs("summary", fmt.Sprint(g.r.IntN(9)))},
	}
	if g.r.IntN(3) == 0 {
		a.Status = alert.Resolved
		a.EndsAt = alert.Time{Micros: g.now, Nanos: uint16(g.r.IntN(1000))}
	}
	return a
}

// Query makes a question. Cursors and bounds are taken from events that there
// are, or are off by one.
func (g *Generator) Query(all []*alert.Stored) *alert.Query {
	q := &alert.Query{From: math.MinInt64, To: math.MaxInt64}
	maybe := func(oneIn int) bool { return g.r.IntN(oneIn) == 0 }
	if maybe(3) {
		q.From = pick(g.r, all).ReceivedAt + g.r.Int64N(3) - 1
	}
	if maybe(3) {
		q.To = pick(g.r, all).ReceivedAt + g.r.Int64N(3) - 1
	}
	if maybe(3) {
		q.Status = new(alert.Status(g.r.IntN(2)))
	}
	if maybe(4) {
		q.Receiver = new(pick(g.r, receivers))
	}
	if maybe(4) {
		q.Source = new(pick(g.r, sources))
	}
	if maybe(5) {
		q.Fingerprint = new(pick(g.r, all).Labels.Fingerprint)
	}
	if maybe(2) {
		for range 1 + g.r.IntN(2) {
			q.Matchers = append(q.Matchers, g.matcher())
		}
	}
	if maybe(3) {
		q.Limit = 1 + g.r.IntN(50)
	}
	if maybe(3) {
		c := pick(g.r, all).Cursor()
		c.Index += int32(g.r.IntN(3)) - 1
		q.After = &c
	}
	return q
}

func (g *Generator) matcher() *alert.Matcher {
	op := alert.MatchOp(g.r.IntN(4))
	value := pick(g.r, values)
	if op == alert.MatchRegexp || op == alert.MatchNotRegexp {
		value = pick(g.r, []string{"crit.*", "", ".+", "a|b", "(?s)crit.ical", "[^a-z]*", "🌧"})
	}
	m, err := alert.NewMatcher(pick(g.r, append(names, "absent")), op, value)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return m
}
