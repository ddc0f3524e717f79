package events

import (
	"strconv"
	"strings"

	"stormdrain/internal/alert"
)

// CSVHeader is the first line: the keys of an event in JSON, in the same order.
const CSVHeader = "id,receivedAt,source,receiver,status,fingerprint,startsAt,endsAt,labels,annotations," +
	"generatorURL,groupKey,groupLabels,externalURL,truncatedAlerts,requestId,extra,deliveryExtra\r\n"

// AppendCSV appends one event as a line of RFC 4180. Objects are JSON text; an
// open endsAt is empty.
//
// CSV is for spreadsheets, and a spreadsheet runs a cell that begins with = + -
// or @ as a formula. Whoever can raise an alert could so make the reader's
// machine fetch a URL. A text cell that a sender has chosen and that begins so
// gets an apostrophe in front, as OWASP advises; who needs the bytes as they
// were sent takes ndjson.
func AppendCSV(dst []byte, e *alert.Stored) []byte {
	dst = append(AppendID(dst, e), ',')
	dst = append(AppendMicros(dst, e.ReceivedAt), ',')
	dst = AppendCell(dst, e.Source)
	dst = AppendCell(dst, e.Envelope.Receiver)
	dst = append(dst, e.Status.String()...)
	dst = alert.AppendFingerprint(append(dst, ','), e.Labels.Fingerprint)
	dst = AppendCSVTime(append(dst, ','), e.StartsAt)
	dst = AppendCSVTime(dst, e.EndsAt)
	dst = AppendJSONCell(dst, func(b []byte) []byte { return AppendPairs(b, e.Labels.Labels) })
	dst = AppendJSONCell(dst, func(b []byte) []byte { return AppendPairs(b, e.Details.Annotations) })
	dst = AppendCell(dst, e.Details.GeneratorURL)
	dst = AppendCell(dst, e.Envelope.GroupKey)
	dst = AppendJSONCell(dst, func(b []byte) []byte { return AppendPairs(b, e.Envelope.GroupLabels) })
	dst = AppendCell(dst, e.Envelope.ExternalURL)
	dst = append(strconv.AppendUint(dst, e.TruncatedAlerts, 10), ',')
	dst = AppendCell(dst, e.RequestID)
	dst = AppendJSONCell(dst, func(b []byte) []byte { return AppendObject(b, e.Details.Extra) })
	dst = AppendJSONCell(dst, func(b []byte) []byte { return AppendObject(b, e.Envelope.Extra) })
	dst[len(dst)-1] = '\r' // in place of the last comma
	return append(dst, '\n')
}

// AppendCSVTime appends a time, or nothing where there is none, and a comma.
func AppendCSVTime(dst []byte, t alert.Time) []byte {
	if !t.IsNone() {
		quoted := AppendTime(dst, t)
		// An instant has no character that needs the quotes of JSON.
		dst = append(quoted[:len(dst)], quoted[len(dst)+1:len(quoted)-1]...)
	}
	return append(dst, ',')
}

// AppendCell appends text that a sender chose, and a comma.
func AppendCell(dst []byte, s string) []byte {
	if s != "" && strings.IndexByte("=+-@\t\r", s[0]) >= 0 {
		s = "'" + s
	}
	s = strings.ToValidUTF8(s, "\ufffd")
	if strings.ContainsAny(s, "\",\r\n") || s != strings.TrimSpace(s) {
		dst = append(dst, '"')
		dst = append(dst, strings.ReplaceAll(s, `"`, `""`)...)
		dst = append(dst, '"')
	} else {
		dst = append(dst, s...)
	}
	return append(dst, ',')
}

// AppendJSONCell appends JSON, quoted, and a comma. It begins with a brace, so
// no spreadsheet takes it for a formula.
func AppendJSONCell(dst []byte, write func([]byte) []byte) []byte {
	dst = append(dst, '"')
	start := len(dst)
	dst = write(dst)
	quotes := 0
	for _, c := range dst[start:] {
		if c == '"' {
			quotes++
		}
	}
	// Double the quotes from the end, in place.
	from := len(dst) - 1
	for range quotes {
		dst = append(dst, 0)
	}
	for to := len(dst) - 1; to > from; from-- {
		dst[to] = dst[from]
		to--
		if dst[from] == '"' {
			dst[to] = '"'
			to--
		}
	}
	return append(dst, '"', ',')
}
