package storagetest

import (
	"math"
	"strings"
	"testing"
	"time"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// testValues stores what a sender may send and nobody expects.
func testValues(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	all256 := make([]byte, 0, 128)
	for c := range byte(128) {
		all256 = append(all256, c)
	}
	texts := []string{
		"", "\x00", "\x1a", "\x1a0", "\x1a1", "\x00\x1a\x00", "a\x00", string(all256), `"`, `\`, `\u0000`, `'; --`, "🌧️", "日本語",
		"\u2028\ufffd\ufeff", "\U0010ffff", strings.Repeat("x", 9<<10), strings.Repeat("\x00\"", 1<<10), "\r\n\t", "</script>", "NaN",
	}
	seq := uint64(0)
	add := func(f func(*Delivery, *Alert)) {
		t.Helper()
		seq++
		d := simple("a", seq, 1)
		f(&d, &d.Alerts[0])
		s.add(journalA, seq-1, d)
	}
	for _, text := range texts {
		add(func(d *Delivery, a *Alert) {
			d.Source = text
			d.Envelope = alert.Envelope{
				Receiver: text, GroupKey: text, ExternalURL: text, GroupLabels: Pairs("a", text, "b"+text, text),
			}
			a.Labels = Labels("alertname", text, "severity", text, "t"+text, text)
			a.Details = alert.Details{Annotations: Pairs("a"+text, text), GeneratorURL: text}
		})
	}
	for _, extra := range []string{
		`{}`, `{"a":1}`, ` { "a" : [ 1.50, null, true ] , "a" : 2 } `, `{"\u0000":"\u0000\u001a\u001A"}`,
		`{"b":"\\u0000 \\\u0000 \\\\u001a1 \u001a0 \u001A1 \u001a\u001a"}`, `{"n":1e400,"\u00e9":"\ud83c\udf27 \" \/"}`,
	} {
		add(func(d *Delivery, a *Alert) {
			d.Envelope.Extra, a.Details.Extra = []byte(extra), []byte(extra)
		})
	}
	for _, fingerprint := range []uint64{0, 1, math.MaxInt64, 1 << 63, math.MaxUint64} {
		add(func(d *Delivery, a *Alert) {
			a.Labels.Fingerprint = fingerprint
			d.TruncatedAlerts = fingerprint >> 1
		})
	}
	add(func(d *Delivery, a *Alert) { a.Index = math.MaxInt32 })
	add(func(d *Delivery, a *Alert) { a.Labels = alert.LabelSet{Fingerprint: 5} })
	add(func(d *Delivery, a *Alert) {
		a.Details.Annotations = Pairs("long", strings.Repeat("0123456789abcde\x00", 1<<16)) // a megabyte
	})
	s.check(all())
	s.checkEvery(texts)
}

// checkEvery asks for each text in each place that a question can name.
func (s *session) checkEvery(texts []string) {
	s.t.Helper()
	for _, text := range texts {
		q := all()
		q.Source = &text
		s.check(q)
		q = all()
		q.Receiver = &text
		s.check(q)
		for _, op := range []alert.MatchOp{alert.MatchEqual, alert.MatchNotEqual} {
			for _, name := range []string{"alertname", "t" + text, "absent"} {
				m, err := alert.NewMatcher(name, op, text)
				if err != nil {
					s.t.Fatal(err)
				}
				q = all()
				q.Matchers = []*alert.Matcher{m}
				s.check(q)
			}
		}
	}
	for _, e := range s.model.events {
		q := all()
		q.Fingerprint = &e.Labels.Fingerprint
		s.check(q)
	}
}

// testTimes stores the ends of what a time may be, to the nanosecond.
func testTimes(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	date := func(year int, month time.Month, day, nanosecond int) alert.Time {
		return alert.FromTime(time.Date(year, month, day, 0, 0, 0, nanosecond, time.UTC))
	}
	last := alert.FromTime(time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC))
	times := []alert.Time{
		date(0, 1, 1, 0), date(0, 12, 31, 1), date(1, 1, 1, 0), date(1, 1, 1, 999), date(1600, 2, 29, 123_456_789),
		date(1969, 12, 31, 999_999_999), date(1970, 1, 1, 0), date(2000, 1, 1, 1), date(2026, 5, 28, 999_999_001), last,
	}
	var ds []Delivery
	for i, at := range times {
		d := simple("a", uint64(i+1), 3)
		d.Alerts[0].StartsAt = at
		d.Alerts[1].EndsAt, d.Alerts[1].Status = at, alert.Resolved
		d.Alerts[2].StartsAt, d.Alerts[2].EndsAt = at, times[(i+1)%len(times)]
		ds = append(ds, d)
	}
	s.add(journalA, 0, ds...)

	// A batch may be of any day, and of several.
	ds = nil
	for i, at := range times {
		d := simple("b", uint64(i+1), 2)
		d.ReceivedAt = at.Micros
		ds = append(ds, d)
	}
	s.add(journalB, 0, ds...)
	s.check(all())
	for _, at := range times {
		q := all()
		q.From = at.Micros
		s.check(q)
		q.Matchers = matchers(t, `i="1"`)
		s.check(q)
		q.From, q.To = q.To, at.Micros
		q.From = math.MinInt64
		s.check(q)
		q.Matchers = nil
		s.check(q)
	}
}
