package events

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"stormdrain/internal/alert"
)

// Format is how events are written.
type Format uint8

// The formats of the contract.
const (
	JSON   Format = iota // one object, in pages
	NDJSON               // an object a line
	CSV
)

// The limits of a page.
const (
	DefaultLimit = 100
	MaxLimit     = 10_000
)

// ParamError says which parameter cannot be understood and what could be. Its
// text is one line, fit for the person who sent it.
type ParamError struct{ Name, Value, Want string }

func (e *ParamError) Error() string {
	return fmt.Sprintf("parameter %s=%s: want %s", quoteShort(e.Name), quoteShort(e.Value), e.Want)
}

// Params collects the parameters of one request. The zero value is ready.
type Params struct {
	query  alert.Query
	format Format
	seen   map[string]bool
}

const known = "from, to, filter, status, receiver, source, fingerprint, limit, cursor or format"

// Set takes one parameter as it came, decoded. Only filter may come twice.
func (p *Params) Set(name, value string, now time.Time) error {
	if p.seen == nil {
		p.seen = make(map[string]bool)
		p.query.From, p.query.To = math.MinInt64, math.MaxInt64
	}
	if p.seen[name] && name != "filter" {
		return &ParamError{name, value, "it once; only filter may be repeated"}
	}
	p.seen[name] = true
	if !utf8.ValidString(value) {
		return &ParamError{name, value, "UTF-8"}
	}
	switch name {
	case "from":
		return p.instant(&p.query.From, name, value, now)
	case "to":
		return p.instant(&p.query.To, name, value, now)
	case "filter":
		matchers, err := alert.ParseMatchers(value)
		if err != nil {
			return &ParamError{name, value, `matchers like severity=~"crit.*" (` + oneLine(err.Error()) + ")"}
		}
		p.query.Matchers = append(p.query.Matchers, matchers...)
		return nil
	case "receiver":
		p.query.Receiver = &value
		return nil
	case "source":
		p.query.Source = &value // empty: those that came by /webhook
		return nil
	}
	return p.setWord(name, value)
}

// setWord is Set for parameters with a small set of values.
func (p *Params) setWord(name, value string) error {
	switch name {
	case "status":
		status, ok := alert.ParseStatus(value)
		if !ok {
			return &ParamError{name, value, "firing or resolved"}
		}
		p.query.Status = &status
	case "fingerprint":
		v, ok := alert.ParseFingerprint(value)
		if !ok {
			return &ParamError{name, value, "16 lower-case hex digits"}
		}
		p.query.Fingerprint = &v
	case "limit":
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil || n == 0 {
			return &ParamError{name, value, "a number from 1 to 10000"}
		}
		p.query.Limit = int(n)
	case "cursor":
		c, ok := ParseCursor(value)
		if !ok {
			return &ParamError{name, value, `what an answer gave as "next"`}
		}
		p.query.After = &c
	case "format":
		f, ok := map[string]Format{"json": JSON, "ndjson": NDJSON, "csv": CSV}[value]
		if !ok {
			return &ParamError{name, value, "json, ndjson or csv"}
		}
		p.format = f
	default:
		return &ParamError{name, value, "another name: " + known}
	}
	return nil
}

func (p *Params) instant(dst *int64, name, value string, now time.Time) error {
	v, err := ParseInstant(value, now)
	if err != nil {
		return &ParamError{name, value, "RFC 3339 (2026-01-31T10:00:00Z), Unix seconds, or how long ago (90m, 2h, 3d, 1w)"}
	}
	*dst = v
	return nil
}

// Query returns what was asked for, once every parameter is set.
func (p *Params) Query() (*alert.Query, Format, error) {
	q := p.query
	if p.seen == nil {
		q.From, q.To = math.MinInt64, math.MaxInt64
	}
	if q.From > q.To {
		return nil, 0, &ParamError{"from", formatMicros(q.From), "a time that is not after to, which is " + formatMicros(q.To)}
	}
	if p.format == JSON {
		if q.Limit > MaxLimit {
			return nil, 0, &ParamError{"limit", strconv.Itoa(q.Limit), "a number from 1 to 10000, or format=ndjson, which has no limit"}
		}
		if q.Limit == 0 {
			q.Limit = DefaultLimit
		}
	}
	return &q, p.format, nil
}

func formatMicros(v int64) string { return time.UnixMicro(v).UTC().Format(time.RFC3339Nano) }

func quoteShort(s string) string {
	const most = 80
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strconv.QuoteToGraphic(s)
}

// oneLine keeps an error that quotes the sender from becoming two lines.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
