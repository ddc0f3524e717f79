package history

import (
	"math"
	"strconv"

	"stormdrain/server/events"
)

// AppendJSON appends a group as docs/api.md spells it, on one line.
func (g *Group) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"value":`...)
	dst = events.AppendString(dst, g.Value)
	return append(g.appendFigures(append(dst, ',')), '}')
}

func (g *Group) appendFigures(dst []byte) []byte {
	for i, figure := range g.counts() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), figure.name...), `":`...)
		dst = strconv.AppendInt(dst, figure.n, 10)
	}
	dst = g.appendTime(append(dst, `,"meanSecondsToResolve":`...), math.Round(g.mean), "null")
	return g.appendTime(append(dst, `,"p95SecondsToResolve":`...), float64(g.p95), "null")
}

type figure struct {
	name string
	n    int64
}

func (g *Group) counts() [6]figure {
	return [...]figure{
		{"receipts", g.Receipts},
		{"episodes", g.Episodes},
		{"alerts", g.Alerts},
		{"flaps", g.Flaps()},
		{"open", g.Open},
		{"unresolved", g.Unresolved},
	}
}

// appendTime appends microseconds as seconds, or none where nothing was resolved.
func (g *Group) appendTime(dst []byte, micros float64, none string) []byte {
	if g.resolved == 0 {
		return append(dst, none...)
	}
	return appendSeconds(dst, micros)
}

// StatsCSVHeader is the first line: the keys of a group in JSON, in the same order.
const StatsCSVHeader = "value,receipts,episodes,alerts,flaps,open,unresolved,meanSecondsToResolve,p95SecondsToResolve\r\n"

// AppendCSV appends a group as a line of RFC 4180.
func (g *Group) AppendCSV(dst []byte) []byte {
	dst = events.AppendCell(dst, g.Value)
	for _, figure := range g.counts() {
		dst = append(strconv.AppendInt(dst, figure.n, 10), ',')
	}
	dst = append(g.appendTime(dst, math.Round(g.mean), ""), ',')
	return append(g.appendTime(dst, float64(g.p95), ""), "\r\n"...)
}

// AppendJSON appends the answer to q.
func (q *StatsQuery) AppendJSON(dst []byte, groups []*Group, total *Group) []byte {
	dst = append(dst, `{"by":`...)
	dst = events.AppendString(dst, q.By)
	dst = append(dst, ',')
	dst = appendRange(dst, events.RoundUp(q.Episodes.Begins()), events.RoundUp(q.Episodes.Ends()))
	dst = append(dst, `,"stats":[`...)
	for i, g := range groups {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = g.AppendJSON(dst)
	}
	dst = append(dst, `],"total":{`...)
	return append(total.appendFigures(dst), "}}"...)
}

// appendRange appends the members "from" and "to" of an answer.
func appendRange(dst []byte, from, to int64) []byte {
	dst = append(dst, `"from":"`...)
	dst = append(events.AppendMicros(dst, from), '"')
	return appendMoment(dst, "to", to)
}
