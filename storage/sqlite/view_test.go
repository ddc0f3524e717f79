package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

const viewTime = "2006-01-02T15:04:05.000000Z"

func TestViewColumns(t *testing.T) {
	t.Parallel()
	s := open(t, temporary(t))
	var names []string
	err := s.reading(context.Background(), func(c *conn) error {
		return c.query(context.Background(), `SELECT name FROM pragma_table_info('alert_events') ORDER BY cid`, func(row []driver.Value) error {
			names = append(names, row[0].(string))
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = "id received_at source receiver status alertname severity fingerprint starts_at ends_at labels annotations" +
		" generator_url group_key external_url request_id group_labels truncated_alerts extra delivery_extra delivery ord"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("columns of alert_events:\n%s\nwant\n%s", got, want)
	}
}

// nasty has everything that text, JSON and signed integers can get wrong.
func nasty() (alert.LabelSet, alert.Details, alert.Envelope) {
	set := alert.LabelSet{Fingerprint: 0x8000_0000_0000_00ab, Labels: []alert.Pair{
		{Name: "a\x00b", Value: "\x00\x1a\x1a0"},
		{Name: "alertname", Value: "Disk \"full\"\x00"},
		{Name: "severity", Value: "crit\\ical\n"},
		{Name: "ü 日本 😀", Value: ""},
	}}
	details := alert.Details{
		Annotations:  []alert.Pair{{Name: "", Value: strings.Repeat("é\x01", 5000)}},
		GeneratorURL: "http://x/\x00?a=\x1a",
		Extra:        []byte(`{"\u0000k":"\u001A0 \\u0000 \u0000","n":1e400}`),
	}
	envelope := alert.Envelope{
		Receiver: "team \\(a\\)\x00", GroupKey: "{}:{\x1a}", GroupLabels: []alert.Pair{{Name: "g\x00", Value: "'"}},
		ExternalURL: "", Extra: []byte(`{"routeLabels":{}}`),
	}
	return set, details, envelope
}

func TestViewOfNastyText(t *testing.T) {
	t.Parallel()
	s := open(t, temporary(t))
	f := newFeed(7, 1, 10)
	set, details, envelope := nasty()
	f.sets[0] = newEntry(alert.KindLabelSet, set.Append(nil))
	f.details[0] = newEntry(alert.KindDetails, details.Append(nil))
	f.envelope = newEntry(alert.KindEnvelope, envelope.Append(nil))
	mustPosition(t, s, f.journal)
	b := f.batch(2)
	b.Deliveries[0].Source, b.Deliveries[0].RequestID, b.Deliveries[0].TruncatedAlerts = "s\x00", "r\x1a", 17
	mustWrite(t, s, b)

	var row []driver.Value
	err := s.reading(context.Background(), func(c *conn) error {
		return c.query(context.Background(), `SELECT *, labels ->> '$.alertname', extra ->> '$.n' FROM alert_events ORDER BY ord DESC`,
			func(r []driver.Value) error {
				row = append(row[:0:0], r...)
				return nil
			})
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]any{
		0: "1-1-0", 2: "s\x1a0", 3: "team \\(a\\)\x1a0", 4: "firing", 5: "Disk \"full\"\x1a0", 6: "crit\\ical\n",
		7: "80000000000000ab", 9: nil, 12: "http://x/\x1a0?a=\x1a1", 13: "{}:{\x1a1}", 14: "", 15: "r\x1a1", 17: int64(17),
		19: `{"routeLabels":{}}`, 20: int64(1<<48 | 1), 21: int64(0), 22: "Disk \"full\"\x1a0",
	}
	for i, v := range want {
		if row[i] != v {
			t.Errorf("column %d: %q, want %q", i, row[i], v)
		}
	}
	for _, i := range []int{10, 11, 16, 18, 19} {
		if !json.Valid([]byte(row[i].(string))) {
			t.Errorf("column %d is not JSON: %s", i, row[i])
		}
	}

	var got *alert.Stored
	err = s.Events(context.Background(), everything(), func(e *alert.Stored) error { got = e; return nil })
	if err != nil {
		t.Fatal(err)
	}
	same := func(what string, got, want any) {
		t.Helper()
		if g, w := fmt.Sprintf("%q", got), fmt.Sprintf("%q", want); g != w {
			t.Errorf("%s: %s, want %s", what, g, w)
		}
	}
	same("labels", *got.Labels, set)
	same("details", *got.Details, details)
	same("envelope", *got.Envelope, envelope)
	same("delivery", []string{got.Source, got.RequestID}, []string{"s\x00", "r\x1a"})
}

func TestViewTimes(t *testing.T) {
	t.Parallel()
	s := open(t, temporary(t))
	times := []int64{storage.FirstTime, storage.FirstTime + 1, storage.LastTime, storage.LastTime - 999_999, 0, -1, 1, -1_000_000, -999_999, 999_999}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		times = append(times, storage.FirstTime+rng.Int64N(storage.LastTime-storage.FirstTime))
	}
	f := newFeed(1, 1, 1)
	mustPosition(t, s, f.journal)
	b := f.batch(len(times))
	for i, micros := range times {
		b.Deliveries[i].ReceivedAt = micros
		b.Events[i].StartsAt = alert.Time{Micros: micros, Nanos: 999}
		b.Events[i].EndsAt = alert.Time{Micros: micros, Nanos: 1}
	}
	mustWrite(t, s, b)
	i := 0
	err := s.reading(context.Background(), func(c *conn) error {
		return c.query(context.Background(), `SELECT received_at, starts_at, ends_at FROM alert_events ORDER BY delivery`, func(row []driver.Value) error {
			want := time.UnixMicro(times[i]).UTC().Format(viewTime)
			for column, got := range row {
				if got != want {
					t.Errorf("%d µs in column %d: %v, want %s", times[i], column, got, want)
				}
			}
			i++
			return nil
		})
	})
	if err != nil || i != len(times) {
		t.Fatalf("%d rows, %v", i, err)
	}
}
