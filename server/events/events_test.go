package events

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"stormdrain/internal/alert"
)

func stored() *alert.Stored {
	return &alert.Stored{
		Delivery: alert.DeliveryNumber(3, 77), Index: 2, ReceivedAt: 1_700_000_000_123_450,
		Source: "eu-1", RequestID: "id-1", TruncatedAlerts: 5, Status: alert.Resolved,
		StartsAt: alert.FromTime(time.Date(2023, 11, 14, 1, 2, 3, 123456789, time.UTC)),
		EndsAt:   alert.FromTime(time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)),
		Labels: &alert.LabelSet{Fingerprint: 0xab, Labels: []alert.Pair{
			{Name: "alertname", Value: "Disk"}, {Name: "path", Value: `C:\`},
		}},
		Details: &alert.Details{
			Annotations:  []alert.Pair{{Name: "summary", Value: "93 % \"full\"\n"}},
			GeneratorURL: "http://p/graph?a=1&b=<2>", Extra: []byte("{\n \"imageURL\": null\r\n}"),
		},
		Envelope: &alert.Envelope{
			Receiver: `team \(a\)`, GroupKey: `{}:{alertname="Disk"}`,
			GroupLabels: []alert.Pair{{Name: "alertname", Value: "Disk"}}, ExternalURL: "http://am",
		},
	}
}

func TestEventAsJSON(t *testing.T) {
	want := `{"id":"3-77-2","receivedAt":"2023-11-14T22:13:20.12345Z","source":"eu-1","receiver":"team \\(a\\)",` +
		`"status":"resolved","fingerprint":"00000000000000ab","startsAt":"2023-11-14T01:02:03.123456789Z",` +
		`"endsAt":"9999-12-31T23:59:59.999999999Z","labels":{"alertname":"Disk","path":"C:\\"},` +
		`"annotations":{"summary":"93 % \"full\"\n"},"generatorURL":"http://p/graph?a=1&b=<2>",` +
		`"groupKey":"{}:{alertname=\"Disk\"}","groupLabels":{"alertname":"Disk"},"externalURL":"http://am",` +
		`"truncatedAlerts":5,"requestId":"id-1","extra":{  "imageURL": null  },"deliveryExtra":{}}`
	if got := string(AppendJSON(nil, stored())); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	empty := &alert.Stored{
		StartsAt: alert.FromTime(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)), EndsAt: alert.NoTime,
		Labels: new(alert.LabelSet), Details: new(alert.Details), Envelope: new(alert.Envelope),
	}
	want = `{"id":"0-0-0","receivedAt":"1970-01-01T00:00:00Z","source":"","receiver":"","status":"firing",` +
		`"fingerprint":"0000000000000000","startsAt":"0001-01-01T00:00:00Z","endsAt":null,"labels":{},"annotations":{},` +
		`"generatorURL":"","groupKey":"","groupLabels":{},"externalURL":"","truncatedAlerts":0,"requestId":"",` +
		`"extra":{},"deliveryExtra":{}}`
	if got := string(AppendJSON(nil, empty)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestHostileStrings(t *testing.T) {
	var controls strings.Builder
	for c := range 0x100 {
		controls.WriteRune(rune(c))
	}
	for _, s := range []string{
		"", controls.String(), "\u2028\u2029\ufeff\ufffd", "日本語 🔥", `\u0000 \" \`, strings.Repeat(`"`, 100),
		"</script>", "\x7f", "a\r\nb",
	} {
		line := AppendString(nil, s)
		var back string
		if err := json.Unmarshal(line, &back); err != nil || back != s {
			t.Errorf("%q became %s, %v", s, line, err)
		}
		if strings.ContainsAny(string(line), "\n\r\u2028\u2029") {
			t.Errorf("%q is more than a line", line)
		}
	}
	if got := string(AppendString(nil, "a\xff\xfeb\xed\xa0\x80")); got != "\"a\ufffd\ufffdb\ufffd\ufffd\ufffd\"" {
		t.Errorf("invalid UTF-8 became %q", got)
	}
	if got := string(AppendObject(nil, []byte("{\"a\":\"\xff\"}"))); !json.Valid([]byte(got)) || got != "{\"a\":\"\ufffd\"}" {
		t.Errorf("invalid UTF-8 in an object became %q", got)
	}
}

func FuzzString(f *testing.F) {
	f.Add("a\x00\"\\\u2028\xff")
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		if err := json.Unmarshal(AppendString(nil, s), &back); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); strings.ToValidUTF8(s, "") == s && back != want {
			t.Fatalf("%q came back as %q", s, back)
		}
	})
}

func TestEventAsCSV(t *testing.T) {
	read := func(e *alert.Stored) map[string]string {
		t.Helper()
		text := append([]byte(CSVHeader), AppendCSV(nil, e)...)
		rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatalf("%d rows, %v in %s", len(rows), err, text)
		}
		row := make(map[string]string)
		for i, name := range rows[0] {
			row[name] = rows[1][i]
		}
		return row
	}
	e := stored()
	row := read(e)
	var object map[string]any
	if err := json.Unmarshal(AppendJSON(nil, e), &object); err != nil {
		t.Fatal(err)
	}
	if len(row) != len(object) {
		t.Errorf("%d columns, %d keys", len(row), len(object))
	}
	for name, value := range object {
		switch value := value.(type) {
		case string:
			if row[name] != value {
				t.Errorf("%s: %q, want %q", name, row[name], value)
			}
		case float64:
			if row[name] != "5" {
				t.Errorf("%s: %q", name, row[name])
			}
		default:
			var cell any
			if err := json.Unmarshal([]byte(row[name]), &cell); err != nil || !reflect.DeepEqual(cell, value) {
				t.Errorf("%s: %q, want %v", name, row[name], value)
			}
		}
	}
	e.EndsAt = alert.NoTime
	e.Source, e.RequestID = `=HYPERLINK("http://evil","x")`, "-1"
	e.Envelope.Receiver, e.Details.GeneratorURL = " a, \"b\"\r\n", "\tx"
	row = read(e)
	for name, want := range map[string]string{
		"endsAt": "", "source": `'=HYPERLINK("http://evil","x")`, "requestId": "'-1", "receiver": " a, \"b\"\n", "generatorURL": "'\tx",
	} {
		if row[name] != want {
			t.Errorf("%s: %q, want %q", name, row[name], want)
		}
	}
}

func TestParseInstantExactly(t *testing.T) {
	f := func(s string, micros int64, nanos uint16) {
		t.Helper()
		if got, err := ParseInstantExactly(s, time.Unix(0, 500)); err != nil || got != (alert.Time{Micros: micros, Nanos: nanos}) {
			t.Errorf("%q: %+v, %v, want %d and %d", s, got, err, micros, nanos)
		}
	}
	f("2023-11-14T22:13:20.123456789Z", 1_700_000_000_123_456, 789)
	f("1700000000.123456789", 1_700_000_000_123_456, 789)
	f("1700000000.1234569991", 1_700_000_000_123_457, 0) // up
	f("-1.000000001", -1_000_001, 999)
	f("-0.0000000011", -1, 999) // up, which is towards 0
	f("0s", 0, 500)
}

func TestParseInstant(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 500, time.UTC)
	f := func(s string, want int64) {
		t.Helper()
		if got, err := ParseInstant(s, now); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", s, got, err, want)
		}
	}
	at := func(ago time.Duration) int64 { return now.Add(-ago).UnixMicro() + 1 } // now has 500 ns
	f("2023-11-14T22:13:20Z", 1_700_000_000_000_000)
	f("2023-11-14T23:13:20+01:00", 1_700_000_000_000_000)
	f("2023-11-14T23:13:20 01:00", 1_700_000_000_000_000)
	f("2023-11-14T22:13:20.000000001Z", 1_700_000_000_000_001)
	f("2023-11-14T22:13:20.123456Z", 1_700_000_000_123_456)
	f("1700000000", 1_700_000_000_000_000)
	f("1700000000.5", 1_700_000_000_500_000)
	f("1700000000.1234567", 1_700_000_000_123_457)
	f("1700000000.1234560", 1_700_000_000_123_456)
	f("0", 0)
	f("-1.5", -1_500_000)
	f("2h", at(2*time.Hour))
	f("90m", at(90*time.Minute))
	f("1h30m", at(90*time.Minute))
	f("3d", at(72*time.Hour))
	f("1w", at(7*24*time.Hour))
	f("1w2d3h", at((9*24+3)*time.Hour))
	f("0s", at(0))
	for _, bad := range []string{
		"", "x", "now", "2x", "-2h", "+2h", "h", "d", "1d-2h", "1d+2h", "2d1w", "1.5d", "1e9", "0x10", "NaN",
		"99999999999999999999", "9999999999999999", "1700000000.5x", "2023-11-14", "2023-13-14T22:13:20Z", "99999999999w", "200000w",
	} {
		if v, err := ParseInstant(bad, now); err == nil {
			t.Errorf("%q was taken for %d", bad, v)
		}
	}
}

func parse(pairs ...string) (*alert.Query, Format, error) {
	var p Params
	for i := 0; i < len(pairs); i += 2 {
		if err := p.Set(pairs[i], pairs[i+1], time.Unix(1_700_000_000, 0)); err != nil {
			return nil, 0, err
		}
	}
	return p.Query()
}

func TestParams(t *testing.T) {
	q, format, err := parse()
	if err != nil || format != JSON || !reflect.DeepEqual(q, &alert.Query{From: math.MinInt64, To: math.MaxInt64, Limit: 100}) {
		t.Errorf("without any: %+v, %v, %v", q, format, err)
	}
	cursor := alert.Cursor{ReceivedAt: -5, Delivery: alert.DeliveryNumber(1, 9), Index: 4}
	q, format, err = parse("from", "1699999999", "to", "0s", "filter", `severity=~"crit.*"`, "filter", `{a="b",c!="d"}`,
		"status", "firing", "receiver", "", "source", "", "fingerprint", "00000000000000ab", "limit", "20000",
		"cursor", FormatCursor(cursor), "format", "ndjson")
	if err != nil {
		t.Fatal(err)
	}
	if q.From != 1_699_999_999_000_000 || q.To != 1_700_000_000_000_000 || len(q.Matchers) != 3 || *q.Status != alert.Firing ||
		*q.Receiver != "" || *q.Source != "" || *q.Fingerprint != 0xab || q.Limit != 20_000 || *q.After != cursor || format != NDJSON {
		t.Errorf("%+v %v", q, format)
	}
	if q, format, _ := parse("format", "csv"); format != CSV || q.Limit != 0 {
		t.Errorf("csv: %+v %v", q, format)
	}
}

func TestParamErrorsNameTheParameter(t *testing.T) {
	f := func(contains string, pairs ...string) {
		t.Helper()
		_, _, err := parse(pairs...)
		var wrong *ParamError
		if !errors.As(err, &wrong) {
			t.Errorf("%q: %v", pairs, err)
			return
		}
		for _, want := range []string{pairs[len(pairs)-2], contains} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q says nothing of %q", err, want)
			}
		}
		if strings.ContainsAny(err.Error(), "\n\r") || len(err.Error()) > 500 {
			t.Errorf("not one short line: %q", err)
		}
	}
	f("RFC 3339", "from", "yesterday")
	f("RFC 3339", "to", "")
	f("not after", "to", "2h", "from", "1h")
	f("severity", "filter", "no matcher")
	f("missing", "filter", `a=~"("`)
	f("firing or resolved", "status", "Firing")
	f("firing or resolved", "status", "")
	f("16", "fingerprint", "AB")
	f("10000", "limit", "0")
	f("10000", "limit", "-1")
	f("10000", "limit", "10001")
	f("10000", "limit", "99999999999999999999")
	f("next", "cursor", "x")
	f("next", "cursor", FormatCursor(alert.Cursor{})+"A")
	f("ndjson", "format", "xml")
	f("another name", "limits", "5")
	f("another name", "unknown", strings.Repeat("é\n", 10_000))
	f("once", "limit", "5", "limit", "6")
	f("UTF-8", "source", "\xff")
}

func TestAppendDoesNotAllocate(t *testing.T) {
	e, dst := stored(), make([]byte, 0, 4096)
	e.Details.Extra = []byte("{}")
	if n := testing.AllocsPerRun(100, func() { dst = AppendJSON(dst[:0], e) }); n > 0 {
		t.Errorf("%v allocations for an event", n)
	}
}
