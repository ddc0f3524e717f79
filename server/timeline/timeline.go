// Package timeline is the wording of GET /api/v1/timeline: its parameters into an
// alert.RecordedQuery, and recorded events into JSON. It knows no HTTP.
package timeline

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"stormdrain/internal/alert"
	"stormdrain/server/events"
)

// Params collects the parameters of one request. The zero value is ready.
type Params struct {
	query alert.RecordedQuery
	seen  map[string]bool
}

const known = "fingerprint, kind, instance, silence, from, to, limit or cursor"

// Set takes one parameter as it came, decoded. Only kind may come twice.
func (p *Params) Set(name, value string, now time.Time) error {
	p.begin()
	wrong := func(want string) error { return &events.ParamError{Name: name, Value: value, Want: want} }
	if p.seen[name] && name != "kind" {
		return wrong("it once; only kind may be repeated")
	}
	p.seen[name] = true
	if !utf8.ValidString(value) {
		return wrong("UTF-8")
	}
	q := &p.query
	switch name {
	case "fingerprint":
		v, ok := alert.ParseFingerprint(value)
		if !ok {
			return wrong("16 lower-case hex digits")
		}
		q.Fingerprint = &v
	case "kind":
		if value == "" {
			return wrong("what happened, as Alertmanager calls it: alertCreated, notification, silenceMutedAlert")
		}
		q.Kinds = append(q.Kinds, value)
	case "instance":
		q.Instance = &value
	case "silence":
		q.Silence = &value
	case "from", "to":
		v, err := events.ParseInstantDown(value, now)
		if err != nil {
			return wrong("RFC 3339 (2026-01-31T10:00:00Z), Unix seconds, or how long ago (90m, 2h, 3d, 1w)")
		}
		if name == "from" {
			q.From = v
		} else {
			q.To = v
		}
	case "limit":
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil || n == 0 || n > events.MaxLimit {
			return wrong("a number from 1 to 10000")
		}
		q.Limit = int(n)
	case "cursor":
		c, ok := ParseCursor(value)
		if !ok {
			return wrong(`what an answer gave as "next"`)
		}
		q.After = &c
	default:
		return wrong("another name: " + known)
	}
	return nil
}

func (p *Params) begin() {
	if p.seen == nil {
		p.seen = make(map[string]bool)
		p.query.From, p.query.To, p.query.Limit = math.MinInt64, math.MaxInt64, events.DefaultLimit
	}
}

// Query returns what was asked for, once every parameter is set.
func (p *Params) Query() (*alert.RecordedQuery, error) {
	p.begin()
	q := p.query
	if q.From > q.To {
		from, to := string(events.AppendMicros(nil, q.From)), string(events.AppendMicros(nil, q.To))
		return nil, &events.ParamError{Name: "from", Value: from, Want: "a time that is not after to, which is " + to}
	}
	return &q, nil
}

// AppendJSON appends one event, on one line.
func AppendJSON(dst []byte, r *alert.StoredRecorded) []byte {
	dst = append(dst, `{"id":"`...)
	dst = strconv.AppendInt(dst, r.Number, 10)
	dst = append(dst, `","at":`...)
	dst = events.AppendTime(dst, r.At)
	dst = append(dst, `,"receivedAt":"`...)
	dst = append(events.AppendMicros(dst, r.ReceivedAt), '"')
	dst = events.AppendMember(dst, "source", r.Source)
	dst = events.AppendMember(dst, "instance", r.Instance)
	dst = events.AppendMember(dst, "kind", r.Kind)
	dst = append(dst, `,"fingerprints":[`...)
	for i, v := range r.Fingerprints {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(alert.AppendFingerprint(append(dst, '"'), v), '"')
	}
	dst = append(dst, ']')
	dst = events.AppendMember(dst, "silence", r.Silence)
	dst = append(dst, `,"event":`...)
	return append(events.AppendObject(dst, r.Body), '}')
}

// cursorVersion is the first byte of a cursor, so that the place in another list can
// be told from this one.
const cursorVersion = 'r'

// FormatCursor returns the place of an event as an opaque string that needs no
// escaping in a URL.
func FormatCursor(c alert.RecordedCursor) string {
	b := []byte{cursorVersion}
	b = binary.BigEndian.AppendUint64(b, uint64(c.At))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Number))
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseCursor is the inverse of FormatCursor.
func ParseCursor(s string) (alert.RecordedCursor, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != 1+8+8 || b[0] != cursorVersion {
		return alert.RecordedCursor{}, false
	}
	return alert.RecordedCursor{At: int64(binary.BigEndian.Uint64(b[1:])), Number: int64(binary.BigEndian.Uint64(b[9:]))}, true
}
