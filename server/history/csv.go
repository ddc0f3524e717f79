package history

import (
	"strconv"

	"stormdrain/internal/alert"
	"stormdrain/server/events"
)

// CSVHeader is the first line: the keys of an episode in JSON, in the same order.
const CSVHeader = "id,source,fingerprint,status,open,startsAt,endsAt,supersededAt,firstReceivedAt,lastReceivedAt,receipts,resolvedOnly," +
	"receivers,labels,annotations,generatorURL,groupKey,groupLabels,externalURL,extra,deliveryExtra\r\n"

// AppendCSV appends one episode as a line of RFC 4180. Objects and lists are JSON
// text; what is null in JSON is empty. Text that a spreadsheet would take for a
// formula is defused as in events.
func AppendCSV(dst []byte, e *alert.Episode) []byte {
	details, envelope := contents(e)
	dst = append(strconv.AppendInt(dst, e.Number, 10), ',')
	dst = events.AppendCell(dst, e.Source)
	dst = append(alert.AppendFingerprint(dst, e.Labels.Fingerprint), ',')
	dst = append(append(dst, e.Status.String()...), ',')
	dst = append(strconv.AppendBool(dst, e.Open()), ',')
	dst = events.AppendCSVTime(dst, e.StartsAt)
	dst = events.AppendCSVTime(dst, e.EndsAt)
	dst = events.AppendCSVTime(dst, e.Superseded)
	dst = append(events.AppendMicros(dst, e.FirstReceivedAt), ',')
	dst = append(events.AppendMicros(dst, e.LastReceivedAt), ',')
	dst = append(strconv.AppendInt(dst, e.Receipts, 10), ',')
	dst = append(strconv.AppendBool(dst, e.Unfired), ',')
	dst = events.AppendJSONCell(dst, func(b []byte) []byte { return appendTexts(b, e.Receivers) })
	dst = events.AppendJSONCell(dst, func(b []byte) []byte { return events.AppendPairs(b, e.Labels.Labels) })
	dst = events.AppendJSONCell(dst, func(b []byte) []byte { return events.AppendPairs(b, details.Annotations) })
	dst = events.AppendCell(dst, details.GeneratorURL)
	dst = events.AppendCell(dst, envelope.GroupKey)
	dst = events.AppendJSONCell(dst, func(b []byte) []byte { return events.AppendPairs(b, envelope.GroupLabels) })
	dst = events.AppendCell(dst, envelope.ExternalURL)
	dst = events.AppendJSONCell(dst, func(b []byte) []byte { return events.AppendObject(b, details.Extra) })
	dst = events.AppendJSONCell(dst, func(b []byte) []byte { return events.AppendObject(b, envelope.Extra) })
	dst[len(dst)-1] = '\r' // in place of the last comma
	return append(dst, '\n')
}
