package history

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"stormdrain/internal/alert"
)

func full() *alert.Episode {
	return &alert.Episode{
		Number: 17, Source: "eu,1", Status: alert.Resolved,
		StartsAt:   alert.FromTime(time.Date(2023, 11, 14, 1, 2, 3, 123456789, time.UTC)),
		EndsAt:     alert.FromTime(time.Date(2023, 11, 14, 1, 7, 3, 0, time.UTC)),
		Superseded: alert.NoTime, FirstReceivedAt: 1_700_000_000_123_450, LastReceivedAt: 1_700_000_001_000_000, Receipts: 12, Unfired: true,
		Receivers: []string{"a", `b "c"`},
		Labels:    &alert.LabelSet{Fingerprint: 0xab, Labels: []alert.Pair{{Name: "alertname", Value: "Disk"}}},
		Details:   &alert.Details{Annotations: []alert.Pair{{Name: "summary", Value: "93 %\n"}}, GeneratorURL: "=1+1", Extra: []byte(`{"imageURL":null}`)},
		Envelope:  &alert.Envelope{Receiver: "a", GroupKey: `{}:{}`, GroupLabels: []alert.Pair{{Name: "x", Value: "y"}}, ExternalURL: "http://am"},
	}
}

func TestEpisodeAsJSON(t *testing.T) {
	want := `{"id":"17","source":"eu,1","fingerprint":"00000000000000ab","status":"resolved","open":false,` +
		`"startsAt":"2023-11-14T01:02:03.123456789Z","endsAt":"2023-11-14T01:07:03Z","supersededAt":null,` +
		`"firstReceivedAt":"2023-11-14T22:13:20.12345Z","lastReceivedAt":"2023-11-14T22:13:21Z","receipts":12,"resolvedOnly":true,` +
		`"receivers":["a","b \"c\""],"labels":{"alertname":"Disk"},"annotations":{"summary":"93 %\n"},"generatorURL":"=1+1",` +
		`"groupKey":"{}:{}","groupLabels":{"x":"y"},"externalURL":"http://am","extra":{"imageURL":null},"deliveryExtra":{}}`
	if got := string(AppendJSON(nil, full())); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	bare := full()
	bare.Details, bare.Envelope, bare.Receivers = nil, nil, nil
	bare.Status, bare.Superseded, bare.EndsAt = alert.Firing, bare.EndsAt, alert.NoTime
	if got := string(AppendJSON(nil, bare)); !json.Valid([]byte(got)) ||
		!strings.Contains(got, `"status":"firing","open":false,`) || !strings.Contains(got, `"endsAt":null,"supersededAt":"2023-11-14T01:07:03Z"`) {
		t.Errorf("superseded: %s", got)
	}
}

func TestEpisodeAsCSV(t *testing.T) {
	e := full()
	rows, err := csv.NewReader(strings.NewReader(CSVHeader + string(AppendCSV(nil, e)))).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%v in %q", err, rows)
	}
	var object map[string]any
	if err := json.Unmarshal(AppendJSON(nil, e), &object); err != nil {
		t.Fatal(err)
	}
	if len(rows[0]) != len(object) {
		t.Errorf("%d columns, %d keys", len(rows[0]), len(object))
	}
	for i, name := range rows[0] {
		cell := rows[1][i]
		switch value := object[name].(type) {
		case nil:
			if cell != "" {
				t.Errorf("%s: %q", name, cell)
			}
		case string:
			if cell != value && cell != "'"+value { // a formula is defused
				t.Errorf("%s: %q, want %q", name, cell, value)
			}
		default:
			var back any
			if err := json.Unmarshal([]byte(cell), &back); err != nil || !reflect.DeepEqual(back, value) {
				t.Errorf("%s: %q, want %v", name, cell, value)
			}
		}
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	e, dst := full(), make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { dst = AppendJSON(dst[:0], e) }); n > 0 {
		t.Errorf("%v allocations for an episode", n)
	}
}

func TestCursor(t *testing.T) {
	for _, c := range []alert.EpisodeCursor{{}, {StartsAt: -5, Number: 9}, {StartsAt: math.MaxInt64, Number: math.MinInt64}} {
		if got, ok := ParseCursor(FormatCursor(c)); !ok || *got != c {
			t.Errorf("%+v came back as %+v", c, got)
		}
	}
	for _, bad := range []string{"", "x", FormatCursor(alert.EpisodeCursor{}) + "A", FormatCursor(alert.EpisodeCursor{})[1:], strings.Repeat("A", 23)} {
		if c, ok := ParseCursor(bad); ok {
			t.Errorf("%q was taken for %+v", bad, c)
		}
	}
}

func TestStepIsWorkedOut(t *testing.T) {
	f := func(length, want time.Duration) {
		t.Helper()
		got := stepFor(length.Microseconds())
		if got != want.Microseconds() {
			t.Errorf("%v in steps of %v, want %v", length, time.Duration(got)*time.Microsecond, want)
		}
		if n := length.Microseconds() / got; n >= mostSteps {
			t.Errorf("%v in %d steps", length, n)
		}
	}
	const day = 24 * time.Hour
	f(0, time.Minute)
	f(time.Hour, time.Minute)
	f(5*time.Hour-1000, time.Minute)
	f(5*time.Hour, 2*time.Minute)
	f(day, 5*time.Minute)
	f(7*day, time.Hour)
	f(30*day, 3*time.Hour)
	f(365*day, 2*day)
	f(100*365*day, 122*day)
}

func TestFloor(t *testing.T) {
	f := func(at, step, want int64) {
		t.Helper()
		if got := floor(at, step); got != want {
			t.Errorf("floor of %d by %d is %d, want %d", at, step, got, want)
		}
	}
	f(0, 60, 0)
	f(59, 60, 0)
	f(60, 60, 60)
	f(-1, 60, -60)
	f(-60, 60, -60)
	f(-61, 60, -120)
}

// A sender that makes up severities gets ten series, and nothing is lost.
func TestManySeverities(t *testing.T) {
	s := NewSeries(minute)
	for i := range int64(5000) {
		severity := string(rune('a'+i%26)) + strings.Repeat("x", int(i/26))
		s.Add(severity, (i%3)*minute, 1+i%7)
	}
	s.Add("critical", 0, 1_000_000)
	s.Add("", 0, 500_000)
	var series []struct {
		Severity string
		Points   [][2]int64
	}
	if err := json.Unmarshal(s.appendJSON(nil), &series); err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for _, one := range series {
		for _, p := range one.Points {
			sum += p[1]
		}
	}
	want := int64(1_500_000)
	for i := range int64(5000) {
		want += 1 + i%7
	}
	if len(series) != mostSeries || series[len(series)-1].Severity != restOfSeries || sum != want {
		t.Errorf("%d series with %d in all, want %d; the last is %q", len(series), sum, want, series[len(series)-1].Severity)
	}
	if series[0].Severity != "" {
		t.Errorf("the first is %q", series[0].Severity)
	}
}

func TestSilent(t *testing.T) {
	const second = 1_000_000
	f := func(want bool, rhythm, silence int64) {
		t.Helper()
		if got := Silent(&alert.Source{LastAt: 1000, Rhythm: rhythm}, 1000+silence); got != want {
			t.Errorf("rhythm %d, silence %d: %v", rhythm, silence, got)
		}
	}
	f(false, 0, math.MaxInt64/2)
	f(false, second, 60*second)
	f(true, second, 61*second)
	f(false, 300*second, 600*second)
	f(true, 300*second, 600*second+1)
	f(false, 300*second, -5)
	f(false, math.MaxInt64, math.MaxInt64/2)
}
