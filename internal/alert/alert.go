// Package alert holds the words of the domain: what was received, what is
// stored, what can be asked. Everybody may import it; it imports only the
// standard library.
package alert

import (
	"time"
)

// Kind says which endpoint a body came in by, and so how it is decoded.
type Kind uint8

const (
	// Webhook is Alertmanager's webhook v4 and Grafana's version "1".
	Webhook Kind = iota + 1
	// Posted is the array that Prometheus, vmalert and the rulers of Thanos and
	// Loki post to an Alertmanager.
	Posted

	// Recorder is Alertmanager's event recorder: what happened inside it, see Recorded.
	Recorder
)

// Request is one body as the server hands it to the pipeline. Its bytes are lent
// until Ingest returns.
type Request struct {
	Kind      Kind
	Source    []byte // from the path, percent-decoded; empty without one
	RequestID []byte
	Body      []byte
	Deadline  time.Time // the sender wants an answer by then; zero: whenever
}

// RefusedError says that a body can never be stored: the sender must change
// it. Anything else that goes wrong may pass and is answered with 503.
type RefusedError struct {
	Reason   string // short, for a metric label: "syntax", "shape", "too_many_alerts"
	Detail   string // one line: where, why, and what to do
	TooLarge bool   // 413 instead of 400
}

func (e *RefusedError) Error() string { return e.Detail }

// Status of one alert.
type Status uint8

// The two states that an alert can have on the wire.
const (
	Firing Status = iota
	Resolved
)

func (s Status) String() string {
	if s == Resolved {
		return "resolved"
	}
	return "firing"
}

// ParseStatus is the inverse of String.
func ParseStatus(s string) (Status, bool) {
	switch s {
	case "firing":
		return Firing, true
	case "resolved":
		return Resolved, true
	}
	return 0, false
}

// Time is an instant between the years 0 and 9999 (UTC): microseconds since
// 1970, rounded down, as the stores hold them, and the rest in nanoseconds.
type Time struct {
	Micros int64
	Nanos  uint16 // 0 to 999, to be added
}

// NoTime stands for an absent instant: an alert that has not ended.
var NoTime = Time{Micros: -1 << 63}

// IsNone reports whether t is absent.
func (t Time) IsNone() bool { return t.Micros == -1<<63 }

// Before reports whether t is earlier than u. Neither is absent.
func (t Time) Before(u Time) bool {
	return t.Micros < u.Micros || t.Micros == u.Micros && t.Nanos < u.Nanos
}

// FromTime converts without loss for the years 0 to 9999.
func FromTime(t time.Time) Time {
	ns := t.Nanosecond()
	return Time{Micros: t.Unix()*1e6 + int64(ns/1000), Nanos: uint16(ns % 1000)}
}

// Time is the inverse of FromTime, in UTC. The zero time.Time for NoTime.
func (t Time) Time() time.Time {
	if t.IsNone() {
		return time.Time{}
	}
	return time.UnixMicro(t.Micros).UTC().Add(time.Duration(t.Nanos))
}

// ID is a content identity or the identity of a journal: 128 bits that an
// attacker cannot make collide (truncated SHA-256) or guess (random).
type ID [16]byte

// Pair is one label, or one annotation.
type Pair struct{ Name, Value string }

// LabelSet is a set of labels with the fingerprint that came with it.
type LabelSet struct {
	Fingerprint uint64
	Labels      []Pair // sorted by name, names unique
}

// Details is what belongs to an alert, seldom changes, and is not identity.
type Details struct {
	Annotations  []Pair // sorted by name, names unique
	GeneratorURL string
	Extra        []byte // a JSON object of the fields we do not know, nil for none
}

// Envelope is what belongs to a delivery and comes again with the next one.
type Envelope struct {
	Receiver    string
	GroupKey    string
	GroupLabels []Pair
	ExternalURL string
	Extra       []byte // a JSON object of the fields we do not know, nil for none
}

// Value returns the value of a label, "" when it is absent, as matchers want it.
func Value(pairs []Pair, name string) string {
	for i := range pairs {
		if pairs[i].Name == name {
			return pairs[i].Value
		}
	}
	return ""
}
