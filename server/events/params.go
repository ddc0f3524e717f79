package events

import (
	"fmt"
	"math"
	"slices"
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

// Params collects the parameters of one request. The zero value is ready, and
// takes those of /api/v1/events. Another page that asks in the same words says
// which of them it has with Only, and hands them to Set; for what it has besides
// there are Check and Instant.
type Params struct {
	names  []string // nil: all
	query  alert.Query
	cursor *string // as it came
	format Format
	seen   map[string]bool
}

// All are the parameters of /api/v1/events.
func All() []string {
	return []string{"from", "to", "filter", "status", "receiver", "source", "fingerprint", "limit", "cursor", "format"}
}

// Only makes p take the parameters with these names; with none, no parameter.
func (p *Params) Only(names ...string) { p.names = append([]string{}, names...) }

// Check refuses a parameter that the page does not have, that came before (only
// filter may), or that is not UTF-8.
func (p *Params) Check(name, value string) error {
	if p.names == nil {
		p.names = All()
	}
	if p.seen == nil {
		p.seen = make(map[string]bool)
	}
	switch {
	case p.seen[name] && name != "filter":
		return &ParamError{name, value, "it once; only filter may be repeated"}
	case !utf8.ValidString(value):
		return &ParamError{name, value, "UTF-8"}
	case !slices.Contains(p.names, name):
		return &ParamError{name, value, choice(p.names)}
	}
	p.seen[name] = true
	return nil
}

// choice says which names there are.
func choice(names []string) string {
	last := len(names) - 1
	switch last {
	case -1:
		return "none, this page has no parameters"
	case 0:
		return "another name: " + names[0]
	}
	return "another name: " + strings.Join(names[:last], ", ") + " or " + names[last]
}

// Has reports whether a parameter came.
func (p *Params) Has(name string) bool { return p.seen[name] }

// Set takes one parameter as it came, decoded. Only filter may come twice.
func (p *Params) Set(name, value string, now time.Time) error {
	if err := p.Check(name, value); err != nil {
		return err
	}
	return p.Take(name, value, now)
}

// Take is Set for a parameter that was checked.
func (p *Params) Take(name, value string, now time.Time) (err error) {
	switch name {
	case "from":
		p.query.From, err = Instant(name, value, now)
	case "to":
		p.query.To, err = Instant(name, value, now)
	case "filter":
		matchers, err := alert.ParseMatchers(value)
		if err != nil {
			return &ParamError{name, value, `matchers like severity=~"crit.*" (` + oneLine(err.Error()) + ")"}
		}
		p.query.Matchers = append(p.query.Matchers, matchers...)
	case "receiver":
		p.query.Receiver = &value
	case "source":
		p.query.Source = &value // empty: those that came by /webhook
	case "cursor":
		p.cursor = &value
	default:
		return p.takeWord(name, value)
	}
	return err
}

// takeWord is Take for parameters with a small set of values.
func (p *Params) takeWord(name, value string) error {
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
	case "format":
		f, ok := map[string]Format{"json": JSON, "ndjson": NDJSON, "csv": CSV}[value]
		if !ok {
			return &ParamError{name, value, "json, ndjson or csv"}
		}
		p.format = f
	}
	return nil
}

// Instant reads a parameter that is a moment.
func Instant(name, value string, now time.Time) (int64, error) {
	t, err := InstantExactly(name, value, now)
	return RoundUp(t), err
}

// InstantExactly is Instant to the nanosecond.
func InstantExactly(name, value string, now time.Time) (alert.Time, error) {
	t, err := ParseInstantExactly(value, now)
	if err != nil {
		return t, &ParamError{name, value, "RFC 3339 (2026-01-31T10:00:00Z), Unix seconds, or how long ago (90m, 2h, 3d, 1w)"}
	}
	return t, nil
}

// Query returns what was asked for, once every parameter is set.
func (p *Params) Query() (*alert.Query, Format, error) {
	q, format, err := p.Conditions()
	if err != nil {
		return nil, 0, err
	}
	if p.cursor != nil {
		c, ok := ParseCursor(*p.cursor)
		if !ok {
			return nil, 0, WrongCursor(*p.cursor)
		}
		q.After = &c
	}
	return &q, format, nil
}

// Cursor returns the place where the answer is to go on, as it came; false
// without one.
func (p *Params) Cursor() (string, bool) {
	if p.cursor == nil {
		return "", false
	}
	return *p.cursor, true
}

// WrongCursor is the error for a cursor that no page of this kind has given.
func WrongCursor(value string) error {
	return &ParamError{"cursor", value, `what an answer of this page gave as "next"`}
}

// Conditions is Query for a page whose cursors are others: After is not set.
func (p *Params) Conditions() (alert.Query, Format, error) {
	q := p.query
	if !p.seen["from"] {
		q.From = math.MinInt64
	}
	if !p.seen["to"] {
		q.To = math.MaxInt64
	}
	if q.From > q.To {
		return q, 0, Reversed(q.From, q.To)
	}
	if p.format == JSON {
		if q.Limit > MaxLimit {
			return q, 0, p.tooMany(q.Limit)
		}
		if q.Limit == 0 {
			q.Limit = DefaultLimit
		}
	}
	return q, p.format, nil
}

// Reversed is the error for a range that ends before it begins.
func Reversed(from, to int64) error {
	return &ParamError{"from", formatMicros(from), "a time that is not after to, which is " + formatMicros(to)}
}

func (p *Params) tooMany(limit int) error {
	want := "a number from 1 to 10000"
	if p.names == nil || slices.Contains(p.names, "format") {
		want += ", or format=ndjson, which has no limit"
	}
	return &ParamError{"limit", strconv.Itoa(limit), want}
}

func formatMicros(v int64) string { return string(AppendMicros(nil, v)) }

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
