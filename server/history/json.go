package history

import (
	"strconv"

	"stormdrain/internal/alert"
	"stormdrain/server/events"
)

// AppendJSON appends one episode as docs/api.md spells it, on one line.
func AppendJSON(dst []byte, e *alert.Episode) []byte {
	details, envelope := contents(e)
	dst = append(dst, `{"id":"`...)
	dst = strconv.AppendInt(dst, e.Number, 10)
	dst = events.AppendMember(append(dst, '"'), "source", e.Source)
	dst = append(dst, `,"fingerprint":"`...)
	dst = alert.AppendFingerprint(dst, e.Labels.Fingerprint)
	dst = append(dst, `","status":"`...)
	dst = append(dst, e.Status.String()...)
	dst = append(dst, `","open":`...)
	dst = strconv.AppendBool(dst, e.Open())
	dst = append(dst, `,"startsAt":`...)
	dst = events.AppendTime(dst, e.StartsAt)
	dst = append(dst, `,"endsAt":`...)
	dst = events.AppendTime(dst, e.EndsAt)
	dst = append(dst, `,"supersededAt":`...)
	dst = events.AppendTime(dst, e.Superseded)
	dst = appendMoment(dst, "firstReceivedAt", e.FirstReceivedAt)
	dst = appendMoment(dst, "lastReceivedAt", e.LastReceivedAt)
	dst = append(dst, `,"receipts":`...)
	dst = strconv.AppendInt(dst, e.Receipts, 10)
	dst = append(dst, `,"resolvedOnly":`...)
	dst = strconv.AppendBool(dst, e.Unfired)
	dst = append(dst, `,"receivers":`...)
	dst = appendTexts(dst, e.Receivers)
	dst = append(dst, `,"labels":`...)
	dst = events.AppendPairs(dst, e.Labels.Labels)
	dst = append(dst, `,"annotations":`...)
	dst = events.AppendPairs(dst, details.Annotations)
	dst = events.AppendMember(dst, "generatorURL", details.GeneratorURL)
	dst = events.AppendMember(dst, "groupKey", envelope.GroupKey)
	dst = append(dst, `,"groupLabels":`...)
	dst = events.AppendPairs(dst, envelope.GroupLabels)
	dst = events.AppendMember(dst, "externalURL", envelope.ExternalURL)
	dst = append(dst, `,"extra":`...)
	dst = events.AppendObject(dst, details.Extra)
	dst = append(dst, `,"deliveryExtra":`...)
	dst = events.AppendObject(dst, envelope.Extra)
	return append(dst, '}')
}

// contents returns what the last receipt came with; empty where the store has
// left it out.
func contents(e *alert.Episode) (*alert.Details, *alert.Envelope) {
	details, envelope := e.Details, e.Envelope
	if details == nil {
		details = new(alert.Details)
	}
	if envelope == nil {
		envelope = new(alert.Envelope)
	}
	return details, envelope
}

// appendMoment appends a comma and a member that is a time in microseconds.
func appendMoment(dst []byte, name string, micros int64) []byte {
	dst = append(dst, `,"`...)
	dst = append(dst, name...)
	dst = append(dst, `":"`...)
	return append(events.AppendMicros(dst, micros), '"')
}

func appendTexts(dst []byte, texts []string) []byte {
	dst = append(dst, '[')
	for i, s := range texts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = events.AppendString(dst, s)
	}
	return append(dst, ']')
}

// appendSeconds appends microseconds as seconds, without zeros at the end.
func appendSeconds(dst []byte, micros float64) []byte {
	return strconv.AppendFloat(dst, micros/1e6, 'f', -1, 64)
}
