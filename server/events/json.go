package events

import (
	"bytes"
	"strconv"
	"time"
	"unicode/utf8"

	"stormdrain/internal/alert"
)

// AppendJSON appends one event as the contract spells it, on one line.
func AppendJSON(dst []byte, e *alert.Stored) []byte {
	dst = append(dst, `{"id":"`...)
	dst = AppendID(dst, e)
	dst = append(dst, `","receivedAt":"`...)
	dst = AppendMicros(dst, e.ReceivedAt)
	dst = AppendMember(append(dst, '"'), "source", e.Source)
	dst = AppendMember(dst, "receiver", e.Envelope.Receiver)
	dst = append(dst, `,"status":"`...)
	dst = append(dst, e.Status.String()...)
	dst = append(dst, `","fingerprint":"`...)
	dst = alert.AppendFingerprint(dst, e.Labels.Fingerprint)
	dst = append(dst, `","startsAt":`...)
	dst = AppendTime(dst, e.StartsAt)
	dst = append(dst, `,"endsAt":`...)
	dst = AppendTime(dst, e.EndsAt)
	dst = append(dst, `,"labels":`...)
	dst = AppendPairs(dst, e.Labels.Labels)
	dst = append(dst, `,"annotations":`...)
	dst = AppendPairs(dst, e.Details.Annotations)
	dst = AppendMember(dst, "generatorURL", e.Details.GeneratorURL)
	dst = AppendMember(dst, "groupKey", e.Envelope.GroupKey)
	dst = append(dst, `,"groupLabels":`...)
	dst = AppendPairs(dst, e.Envelope.GroupLabels)
	dst = AppendMember(dst, "externalURL", e.Envelope.ExternalURL)
	dst = append(dst, `,"truncatedAlerts":`...)
	dst = strconv.AppendUint(dst, e.TruncatedAlerts, 10)
	dst = AppendMember(dst, "requestId", e.RequestID)
	dst = append(dst, `,"extra":`...)
	dst = AppendObject(dst, e.Details.Extra)
	dst = append(dst, `,"deliveryExtra":`...)
	dst = AppendObject(dst, e.Envelope.Extra)
	return append(dst, '}')
}

// AppendID appends the identity of an event: the store's number for the
// journal, the position in it, and the place in the array that was sent.
func AppendID(dst []byte, e *alert.Stored) []byte {
	journal, seq := alert.SplitDelivery(e.Delivery)
	dst = strconv.AppendInt(dst, int64(journal), 10)
	dst = strconv.AppendUint(append(dst, '-'), seq, 10)
	return strconv.AppendInt(append(dst, '-'), int64(e.Index), 10)
}

// The first and the last microsecond of the years 0 to 9999.
const (
	firstMicros = -62167219200_000000
	lastMicros  = 253402300799_999999
)

// AppendMicros appends a moment in microseconds since 1970, without quotes. What is
// outside the years 0 to 9999 is cut to them: RFC 3339 has no others.
func AppendMicros(dst []byte, micros int64) []byte {
	micros = min(max(micros, firstMicros), lastMicros)
	return time.UnixMicro(micros).UTC().AppendFormat(dst, time.RFC3339Nano)
}

// AppendTime appends a quoted time, or null where there is none.
func AppendTime(dst []byte, t alert.Time) []byte {
	if t.IsNone() {
		return append(dst, "null"...)
	}
	dst = t.Time().AppendFormat(append(dst, '"'), time.RFC3339Nano)
	return append(dst, '"')
}

// AppendMember appends a comma and a member whose value is text.
func AppendMember(dst []byte, name, value string) []byte {
	dst = append(dst, `,"`...)
	dst = append(dst, name...)
	dst = append(dst, `":`...)
	return AppendString(dst, value)
}

// AppendPairs appends pairs as an object, in their order.
func AppendPairs(dst []byte, pairs []alert.Pair) []byte {
	dst = append(dst, '{')
	for i := range pairs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, pairs[i].Name)
		dst = append(dst, ':')
		dst = AppendString(dst, pairs[i].Value)
	}
	return append(dst, '}')
}

// AppendObject appends a JSON object as it is stored. A line break in it can
// only stand between tokens, where a blank means the same: an event is a line.
func AppendObject(dst, object []byte) []byte {
	if len(object) == 0 {
		return append(dst, "{}"...)
	}
	if !utf8.Valid(object) {
		object = bytes.ToValidUTF8(object, []byte("\ufffd"))
	}
	start := len(dst)
	dst = append(dst, object...)
	for i := start; i < len(dst); i++ {
		if dst[i] == '\n' || dst[i] == '\r' {
			dst[i] = ' '
		}
	}
	return dst
}

// AppendString appends a JSON string. U+2028 and U+2029 are escaped because
// JavaScript and line-splitting readers take them for line ends.
func AppendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	done := 0 // s[:done] is in dst
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size, escape := 1, ""
		switch {
		case c == '"':
			escape = `\"`
		case c == '\\':
			escape = `\\`
		case c == '\n':
			escape = `\n`
		case c == '\r':
			escape = `\r`
		case c == '\t':
			escape = `\t`
		case c < ' ':
			dst = append(dst, s[done:i]...)
			dst = append(dst, `\u00`...)
			dst = append(dst, hex[c>>4], hex[c&15])
			i++
			done = i
			continue
		default:
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && size == 1:
				escape = "\ufffd"
			case r == '\u2028':
				escape = `\u2028`
			case r == '\u2029':
				escape = `\u2029`
			default:
				i += size
				continue
			}
		}
		dst = append(dst, s[done:i]...)
		dst = append(dst, escape...)
		i += size
		done = i
	}
	dst = append(dst, s[done:]...)
	return append(dst, '"')
}
