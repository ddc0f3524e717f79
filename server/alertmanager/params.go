// Package alertmanager is the wording of Alertmanager's own API, version 2, as far
// as it reads: parameters into queries, and open episodes and recorded events into
// the JSON that amtool, Karma and Grafana expect. It knows no HTTP.
package alertmanager

import (
	"math"
	"regexp"
	"strconv"
	"time"
	"unicode/utf8"

	"stormdrain/internal/alert"
	"stormdrain/server/events"
)

// Query is what one request asks for.
type Query struct {
	// Moment is when the answer is of, in microseconds since 1970: now, or what
	// the parameter at says, which is ours.
	Moment int64
	nanos  uint16 // beyond it

	Active, Silenced, Inhibited bool
	Matchers                    []*alert.Matcher
	Receiver                    *regexp.Regexp // anchored; nil: any
	Source                      *string        // ours; nil: any
	Creators                    []string       // of silences; empty: any

	past bool
}

// NewQuery returns what a request without parameters asks for.
func NewQuery(now time.Time) *Query {
	return &Query{Moment: now.UnixMicro(), Active: true, Silenced: true, Inhibited: true}
}

// Set takes one parameter as it came, decoded. One that it does not know is let be,
// as Alertmanager does: its clients are of many versions. The error is
// *events.ParamError.
func (q *Query) Set(name, value string, now time.Time) error {
	if !utf8.ValidString(value) {
		return &events.ParamError{Name: name, Value: value, Want: "UTF-8"}
	}
	switch name {
	case "active":
		return setFlag(&q.Active, name, value)
	case "silenced":
		return setFlag(&q.Silenced, name, value)
	case "inhibited":
		return setFlag(&q.Inhibited, name, value)
	case "unprocessed", "muted":
		// No alert here is unprocessed, or muted by its group: what came has been sent.
		var any bool
		return setFlag(&any, name, value)
	case "filter":
		matchers, err := alert.ParseMatchers(value)
		if err != nil {
			return &events.ParamError{Name: name, Value: value, Want: `matchers like severity=~"crit.*" (` + err.Error() + ")"}
		}
		q.Matchers = append(q.Matchers, matchers...)
	case "receiver":
		re, err := regexp.Compile("^(?:" + value + ")$")
		if err != nil {
			return &events.ParamError{Name: name, Value: value, Want: "a regular expression (" + err.Error() + ")"}
		}
		q.Receiver = re
	case "source":
		q.Source = &value
	case "creator":
		q.Creators = append(q.Creators, value)
	case "at":
		at, err := events.ParseInstantExactly(value, now)
		if err != nil {
			return &events.ParamError{Name: name, Value: value, Want: "RFC 3339 (2026-01-31T10:00:00Z), Unix seconds, or how long ago (90m, 2h, 3d, 1w)"}
		}
		q.Moment, q.nanos, q.past = at.Micros, at.Nanos, true
	}
	return nil
}

func setFlag(dst *bool, name, value string) error {
	v, err := strconv.ParseBool(value)
	if err != nil {
		return &events.ParamError{Name: name, Value: value, Want: "true or false"}
	}
	*dst = v
	return nil
}

// Episodes returns the query for the alerts that fire at the moment. It leaves to
// Shows what a store cannot look for.
func (q *Query) Episodes() *alert.EpisodeQuery {
	e := &alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64, Matchers: q.Matchers, Source: q.Source}
	if q.past {
		at := q.Moment
		e.At, e.AtNanos = &at, q.nanos
	} else {
		e.Open = true
	}
	return e
}
