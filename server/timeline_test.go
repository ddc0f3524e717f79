package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"stormdrain/internal/alert"
)

func getTimeline(t *testing.T, s *Server, query string) reply {
	t.Helper()
	return raw(t, s, "GET /api/v1/timeline"+query+" HTTP/1.1\r\nHost: x\r\n\r\n")
}

// told is a store of n recorded events, newest first.
func told(n int) func(context.Context, *alert.RecordedQuery, func(*alert.StoredRecorded) error) error {
	return func(_ context.Context, q *alert.RecordedQuery, yield func(*alert.StoredRecorded) error) error {
		given := 0
		for i := int64(n); i > 0; i-- {
			r := &alert.StoredRecorded{Number: i, Recorded: alert.Recorded{
				At: alert.Time{Micros: 1_790_000_000_000_000, Nanos: 7}, ReceivedAt: 1_790_000_000_500_000, Source: "s\n", Instance: "vm", Kind: "alertCreated",
				Fingerprints: []uint64{1, 1 << 63}, Silence: "id", Body: []byte("{\"a\":\n\"\\u0000\"}"),
			}}
			if q.After != nil && i >= q.After.Number {
				continue
			}
			if q.Limit > 0 && given == q.Limit {
				return nil
			}
			given++
			if err := yield(r); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestTimelineInPages(t *testing.T) {
	f := &fake{told: told(5)}
	s := start(t, testConfig(), f)
	const element = `{"id":"%d","at":"2026-09-21T14:13:20.000000007Z","receivedAt":"2026-09-21T14:13:20.5Z","source":"s\n","instance":"vm","kind":"alertCreated",` +
		`"fingerprints":["0000000000000001","8000000000000000"],"silence":"id","event":{"a": "\u0000"}}`
	got := getTimeline(t, s, "?limit=2")
	want := `{"timeline":[` + fmt.Sprintf(element, 5) + `,` + fmt.Sprintf(element, 4) + `],"next":"`
	if got.code != 200 || !strings.HasPrefix(got.body, want) || got.header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %s\nwant %s", got.code, got.body, want)
	}
	for n, count := range []int{2, 1} {
		var page struct{ Next *string }
		if err := json.Unmarshal([]byte(got.body), &page); err != nil || page.Next == nil {
			t.Fatalf("page %d: %v, %s", n, err, got.body)
		}
		got = getTimeline(t, s, "?limit=2&cursor="+*page.Next)
		if strings.Count(got.body, `"id":"`) != count {
			t.Errorf("page %d: %s", n, got.body)
		}
	}
	if !strings.HasSuffix(got.body, `],"next":null}`+"\n") {
		t.Errorf("the last page is %s", got.body)
	}
	f.told = nil
	if got := getTimeline(t, s, ""); got.body != `{"timeline":[],"next":null}`+"\n" {
		t.Errorf("nothing: %s", got.body)
	}
}

func TestTimelineParameters(t *testing.T) {
	var asked *alert.RecordedQuery
	f := &fake{told: func(_ context.Context, q *alert.RecordedQuery, _ func(*alert.StoredRecorded) error) error {
		asked = q
		return nil
	}}
	s := start(t, testConfig(), f)
	check := func(query string, want alert.RecordedQuery) {
		t.Helper()
		asked = nil
		if got := getTimeline(t, s, query); got.code != 200 {
			t.Errorf("%s: %d %s", query, got.code, got.body)
		}
		if asked == nil || !reflect.DeepEqual(*asked, want) {
			t.Errorf("%s: asked %+v, want %+v", query, asked, want)
		}
	}
	instance, empty, fingerprint := "a b", "", uint64(0xb4683d7b0069a334)
	check("", alert.RecordedQuery{From: math.MinInt64, To: math.MaxInt64, Limit: 101})
	check("?fingerprint=b4683d7b0069a334&kind=x&kind=y%00&instance=a+b&silence=&from=1.5&to=1970-01-01T00:00:02Z&limit=10000",
		alert.RecordedQuery{From: 1_500_000, To: 2_000_000, Fingerprint: &fingerprint, Kinds: []string{"x", "y\x00"}, Instance: &instance, Silence: &empty, Limit: 10_001})
	// From an event's own time on it is there, up to it it is not: stores look by the microsecond.
	check("?from=1970-01-01T00:00:01.000002003Z&to=1970-01-01T00:00:02.000000999Z", alert.RecordedQuery{From: 1_000_002, To: 2_000_000, Limit: 101})
	check("?from=-1.0000001&to=1.0000019", alert.RecordedQuery{From: -1_000_001, To: 1_000_001, Limit: 101})

	refused := func(query, parameter, part string) {
		t.Helper()
		asked = nil
		got := getTimeline(t, s, query)
		checkLine(t, got, 400, `"`+parameter+`"`)
		if !strings.Contains(got.body, part) || asked != nil {
			t.Errorf("%s: %q says nothing of %q", query, got.body, part)
		}
	}
	refused("?fingerprint=B4683D7B0069A334", "fingerprint", "16 lower-case hex digits")
	refused("?kind=", "kind", "alertCreated")
	refused("?from=yesterday", "from", "RFC 3339")
	refused("?to=x", "to", "2h")
	refused("?from=5&to=4", "from", "not after to")
	refused("?limit=0", "limit", "10000")
	refused("?limit=10001", "limit", "10000")
	refused("?cursor=AAAA", "cursor", "next")
	refused("?instance=a&instance=b", "instance", "once")
	refused("?silence=%ff", "silence", "UTF-8")
	refused("?filter=a", "filter", "fingerprint, kind, instance, silence")
	refused("?format=csv", "format", "limit or cursor")

	f.told = func(context.Context, *alert.RecordedQuery, func(*alert.StoredRecorded) error) error {
		return errors.New("no route")
	}
	checkLine(t, getTimeline(t, s, ""), 503, "no route")
}

// TestRecorderIsTakenIn goes the ways that a webhook goes.
func TestRecorderIsTakenIn(t *testing.T) {
	f := &fake{}
	s := start(t, testConfig(), f)
	taken := func(request, body string) {
		t.Helper()
		got := raw(t, s, request)
		if want := fmt.Sprintf(`{"status":"success","events":%d}`, len(body)); got.code != 200 || got.body != want {
			t.Errorf("answer %d %q, want %q", got.code, got.body, want)
		}
		if last := f.last(); last.Kind != alert.Recorder || last.Source != "" || string(last.Body) != body || last.RequestID != got.header.Get("X-Request-Id") {
			t.Errorf("%+v", last)
		}
	}
	taken(post("/api/v1/recorder", "", "{}"), "{}")
	taken(post("/api/v1/recorder/", "", "{}"), "{}")
	taken(post("/api/v1/recorder?x=y", "", "[{}]"), "[{}]")
	taken(post("/api/v1/recorder", "Content-Encoding: gzip\r\n", gzipped("[{}]")), "[{}]")
	taken(post("/api/v1/recorder", "Content-Encoding: zstd\r\n", zstded("[{}]")), "[{}]")

	checkLine(t, raw(t, s, post("/api/v1/recorder", "", strings.Repeat("x", 1<<20+1))), 413, "1048576")
	checkLine(t, raw(t, s, post("/api/v1/recorder", "Content-Encoding: br\r\n", "x")), 415, "gzip")
	checkLine(t, raw(t, s, post("/api/v1/recorder", "Content-Encoding: gzip\r\n", "no gzip")), 400, "Content-Encoding")
	if q := f.quarantine; len(q) != 1 || q[0].Kind != alert.Recorder || string(q[0].Body) != "no gzip" {
		t.Errorf("quarantine has %+v", q)
	}
	for _, path := range []string{"/api/v1/recorder", "/api/v1/recorder/"} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			got := raw(t, s, method+" "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
			checkLine(t, got, 405, "POST to /api/v1/recorder")
			if got.header.Get("Allow") != "POST" {
				t.Errorf("Allow: %q", got.header.Get("Allow"))
			}
		}
	}
	if got := sample(t, s, `stormdrain_http_requests_total{code="405",handler="misdirected"}`); got != "6" {
		t.Errorf("misdirected: %q, want 6", got)
	}
	checkLine(t, raw(t, s, post("/api/v1/timeline", "", "{}")), 405, "GET")
	checkLine(t, raw(t, s, post("/api/v1/recorder/x", "", "{}")), 404, "/webhook")
	f.ingest = func(alert.Request) (int, error) { return 0, errors.New("journal is full") }
	checkLine(t, raw(t, s, post("/api/v1/recorder", "", "{}")), 503, "journal is full; try again")
	f.ingest = func(alert.Request) (int, error) { return 0, &alert.RefusedError{Reason: "shape", Detail: "no event"} }
	checkLine(t, raw(t, s, post("/api/v1/recorder", "", "{}")), 400, "no event")
	if got := sample(t, s, `stormdrain_webhook_body_bytes_total`); got != "0" {
		t.Errorf("webhook_body_bytes_total %q, want 0", got)
	}
}
