package history

import (
	"strconv"
	"time"

	"stormdrain/internal/alert"
	"stormdrain/server/events"
)

// Params collects the parameters of one request to one of the pages: those of
// events that it has, and what only these pages know.
type Params struct {
	events.Params
	now time.Time

	from   alert.Time // where it came
	to     alert.Time // likewise
	at     *alert.Time
	open   bool
	by     string
	sort   Sort
	step   time.Duration // 0: worked out
	prefix string
}

// NewParams returns the parameters of a page that has these names. now is what
// ages are counted from.
func NewParams(now time.Time, names ...string) *Params {
	p := &Params{now: now, by: "alertname"}
	p.Only(names...)
	return p
}

// EpisodeNames are the parameters of /api/v1/episodes.
func EpisodeNames() []string { return append(events.All(), "at", "open") }

// StatsNames are those of /api/v1/stats. There is no cursor: the order is another
// by the time of the next page.
func StatsNames() []string { return append(without(EpisodeNames(), "cursor"), "by", "sort") }

// ReceivedNames are those of /api/v1/received.
func ReceivedNames() []string {
	return []string{"from", "to", "step", "filter", "source", "receiver", "fingerprint"}
}

func without(names []string, name string) (rest []string) {
	for _, n := range names {
		if n != name {
			rest = append(rest, n)
		}
	}
	return rest
}

// Set takes one parameter as it came, decoded.
func (p *Params) Set(name, value string) (err error) {
	if err := p.Check(name, value); err != nil {
		return err
	}
	ok, want := true, ""
	switch name {
	case "at":
		var at alert.Time
		at, err = events.InstantExactly(name, value, p.now)
		p.at = &at
	case "from", "to":
		if err := p.Take(name, value, p.now); err != nil {
			return err
		}
		*map[string]*alert.Time{"from": &p.from, "to": &p.to}[name], err = events.InstantExactly(name, value, p.now)
	case "open":
		p.open, ok = value == "true", value == "true" || value == "false"
		want = "true or false"
	case "by":
		p.by, ok = value, value != ""
		want = "the name of a label"
	case "sort":
		p.sort, ok = sorts[value]
		want = "episodes, receipts, alerts, flaps, open, unresolved, mean, p95 or value"
	case "step":
		p.step, ok = parseStep(value)
		want = "whole minutes, as seconds (300) or as a duration (5m, 1h, 1d)"
	case "prefix":
		p.prefix = value
	default:
		return p.Take(name, value, p.now)
	}
	if !ok {
		return &events.ParamError{Name: name, Value: value, Want: want}
	}
	return err
}

// parseStep reads seconds or a duration. What came in is counted by the minute.
func parseStep(value string) (time.Duration, bool) {
	d, ok := events.ParseDuration(value)
	if n, err := strconv.ParseUint(value, 10, 31); err == nil {
		d, ok = time.Duration(n)*time.Second, true
	}
	return d, ok && d > 0 && d%time.Minute == 0
}

// Episodes returns the question for episodes, once every parameter is set.
func (p *Params) Episodes() (*alert.EpisodeQuery, events.Format, error) {
	c, format, err := p.Conditions()
	if err != nil {
		return nil, 0, err
	}
	q := &alert.EpisodeQuery{
		From: c.From, To: c.To, Open: p.open, Matchers: c.Matchers,
		Status: c.Status, Receiver: c.Receiver, Source: c.Source, Fingerprint: c.Fingerprint, Limit: c.Limit,
	}
	if p.Has("from") {
		q.From, q.FromNanos = p.from.Micros, p.from.Nanos
	}
	if p.Has("to") {
		q.To, q.ToNanos = p.to.Micros, p.to.Nanos
	}
	if p.at != nil {
		q.At, q.AtNanos = &p.at.Micros, p.at.Nanos
	}
	if text, ok := p.Cursor(); ok {
		if q.After, ok = ParseCursor(text); !ok {
			return nil, 0, events.WrongCursor(text)
		}
	}
	return q, format, nil
}

// since gives a range that the request has left open an end: from so long before
// its end, until now.
func (p *Params) since(q *alert.EpisodeQuery, length time.Duration) {
	if !p.Has("to") {
		q.To = p.now.UnixMicro() + 1
		if p.Has("from") {
			q.To = max(q.To, events.RoundUp(q.Begins())) // what is yet to come is empty, and no mistake
		}
	}
	if !p.Has("from") {
		q.From = q.To - length.Microseconds()
	}
}
