package history

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"stormdrain/internal/alert"
	"stormdrain/server/events"
)

// GapsNames are the parameters of /api/v1/gaps.
func GapsNames() []string { return []string{"from", "to", "limit"} }

// GapsQuery asks for what may be missing.
type GapsQuery struct {
	From, To int64 // received in [From, To), microseconds since 1970
	Limit    int
	Episodes *alert.EpisodeQuery // those among which are the unfired ones
}

// Gaps returns the question for gaps: of the last day.
func (p *Params) Gaps() (*GapsQuery, error) {
	q, _, err := p.Episodes()
	if err != nil {
		return nil, err
	}
	p.since(q, 24*time.Hour)
	g := &GapsQuery{From: events.RoundUp(q.Begins()), To: events.RoundUp(q.Ends()), Limit: q.Limit, Episodes: q}
	resolved := alert.Resolved // what never fired was resolved
	q.Status, q.Limit, q.Bare = &resolved, 0, true
	return g, nil
}

// Gap is a place where something may be missing. Exactly one of the pointers is
// set.
type Gap struct {
	at int64 // what gaps are ordered by

	truncated *alert.Truncated
	unfired   *alert.Episode
	silent    *alert.Source
}

// GapOfTruncated is a delivery that left alerts out.
func GapOfTruncated(t alert.Truncated) Gap { return Gap{at: t.ReceivedAt, truncated: &t} }

// GapOfUnfired is an episode whose firing never came.
func GapOfUnfired(e *alert.Episode) Gap { return Gap{at: e.StartsAt.Micros, unfired: e} }

// GapOfSilent is a source that should have been heard of.
func GapOfSilent(s alert.Source) Gap { return Gap{at: s.LastAt, silent: &s} }

// SortGaps puts the newest first and returns no more than limit, and whether there
// were more.
func SortGaps(gaps []Gap, limit int) (newest []Gap, more bool) {
	slices.SortStableFunc(gaps, func(a, b Gap) int { return cmp.Compare(b.at, a.at) })
	return gaps[:min(len(gaps), limit)], len(gaps) > limit
}

// AppendGaps appends the answer with gaps, and whether there are more than these.
func AppendGaps(dst []byte, gaps []Gap, more bool) []byte {
	dst = append(dst, `{"gaps":[`...)
	for i := range gaps {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = gaps[i].appendJSON(dst)
	}
	dst = append(dst, `],"more":`...)
	return append(strconv.AppendBool(dst, more), '}')
}

// appendJSON appends a gap as docs/api.md spells it, on one line.
func (g *Gap) appendJSON(dst []byte) []byte {
	switch {
	case g.truncated != nil:
		dst = append(dst, `{"kind":"truncated"`...)
		dst = events.AppendMember(dst, "source", g.truncated.Source)
		dst = appendMoment(dst, "at", g.truncated.ReceivedAt)
		dst = append(dst, `,"alerts":`...)
		dst = strconv.AppendUint(dst, g.truncated.Alerts, 10)
	case g.unfired != nil:
		dst = append(dst, `{"kind":"resolved_only"`...)
		dst = events.AppendMember(dst, "source", g.unfired.Source)
		dst = append(dst, `,"at":`...)
		dst = events.AppendTime(dst, g.unfired.StartsAt)
		dst = append(dst, `,"fingerprint":"`...)
		dst = alert.AppendFingerprint(dst, g.unfired.Labels.Fingerprint)
		dst = append(dst, `","labels":`...)
		dst = events.AppendPairs(dst, g.unfired.Labels.Labels)
	default:
		dst = append(dst, `{"kind":"source_silent"`...)
		dst = events.AppendMember(dst, "source", g.silent.Name)
		dst = appendMoment(dst, "since", g.silent.LastAt)
		dst = append(dst, `,"rhythmSeconds":`...)
		dst = appendSeconds(dst, float64(g.silent.Rhythm))
	}
	return append(dst, '}')
}

// patience is how long any source may be silent, in microseconds.
const patience = 60_000_000

// Silent reports whether a source has been silent for more than twice its longest
// usual pause, and a minute at least. One without a rhythm never is: a second
// delivery has not come yet.
func Silent(s *alert.Source, now int64) bool {
	if s.Rhythm <= 0 {
		return false
	}
	silence := now - s.LastAt
	return silence > patience && silence-s.Rhythm > s.Rhythm
}

// AppendSource appends a source as docs/api.md spells it, on one line.
func AppendSource(dst []byte, s *alert.Source, now int64) []byte {
	dst = append(dst, `{"source":`...)
	dst = events.AppendString(dst, s.Name)
	dst = appendMoment(dst, "firstAt", s.FirstAt)
	dst = appendMoment(dst, "lastAt", s.LastAt)
	dst = append(dst, `,"deliveries":`...)
	dst = strconv.AppendInt(dst, s.Deliveries, 10)
	dst = append(dst, `,"truncatedAlerts":`...)
	dst = strconv.AppendUint(dst, s.Truncated, 10)
	dst = append(dst, `,"rhythmSeconds":`...)
	dst = appendSeconds(dst, float64(s.Rhythm))
	dst = append(dst, `,"silent":`...)
	return append(strconv.AppendBool(dst, Silent(s, now)), '}')
}
