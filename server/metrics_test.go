package server

import (
	"strings"
	"testing"

	"stormdrain/internal/alert"
)

// sample returns the value of a series as it is spelled in the scrape, "" when
// it is not there.
func sample(t *testing.T, s *Server, series string) string {
	t.Helper()
	got := raw(t, s, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if got.code != 200 {
		t.Fatalf("metrics: %d %v", got.code, got.err)
	}
	for line := range strings.Lines(got.body) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// TestMisdirectedDeliveriesAreCountedApart: an alert rule asks for them, and must
// neither miss the first one nor cry over a browser's request for an icon.
func TestMisdirectedDeliveriesAreCountedApart(t *testing.T) {
	s := start(t, testConfig(), &fake{})
	f := func(request, handler, code, before, after string) {
		t.Helper()
		series := `stormdrain_http_requests_total{code="` + code + `",handler="` + handler + `"}`
		if got := sample(t, s, series); got != before {
			t.Errorf("%s is %q before %q, want %q", series, got, request, before)
		}
		raw(t, s, request)
		if got := sample(t, s, series); got != after {
			t.Errorf("%s is %q after %q, want %q", series, got, request, after)
		}
	}
	f(post("/webhok", "", "{}"), "misdirected", "404", "0", "1")
	f(post("/api/v1/events", "", "{}"), "misdirected", "405", "0", "1")
	f("GET /webhook/eu HTTP/1.1\r\nHost: x\r\n\r\n", "misdirected", "405", "1", "2")
	f("PUT /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "misdirected", "405", "2", "3")
	f("GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n", "other", "404", "", "1")
	f(post("/webhook/%zz", "", "{}"), "webhook", "404", "0", "1")
	f(post("/webhook", "Content-Encoding: br\r\n", "{}"), "webhook", "415", "0", "1")
}

func TestConnectionsAndBytesAreCounted(t *testing.T) {
	cfg := testConfig()
	cfg.MaxConnections = 7
	s := start(t, cfg, &fake{ingest: func(r alert.Request) (int, error) { return 1, nil }})
	if got := sample(t, s, "stormdrain_http_connections_max"); got != "7" {
		t.Errorf("http_connections_max %q, want 7", got)
	}
	dial(t, s) // says nothing, and counts
	packed := gzipped(strings.Repeat("x", 1000))
	c, r := dial(t, s)
	for _, request := range []string{post("/webhook", "", strings.Repeat("x", 1000)), post("/webhook", "Content-Encoding: gzip\r\n", packed)} {
		if _, err := c.Write([]byte(request)); err != nil {
			t.Fatal(err)
		}
		if got := read(r, "POST"); got.code != 200 {
			t.Fatalf("answer %d %q", got.code, got.body)
		}
	}
	if got, want := sample(t, s, "stormdrain_webhook_body_bytes_total"), itoa(1000+len(packed)); got != want {
		t.Errorf("webhook_body_bytes_total %q, want %s", got, want)
	}
	// Those of earlier scrapes may still be on their way out.
	eventually(t, "three connections: two of ours and the scrape's", func() bool {
		return sample(t, s, "stormdrain_http_connections") == "3"
	})
}
