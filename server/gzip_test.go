package server

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"stormdrain/internal/alert"
)

func gunzipped(t *testing.T, text string) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// TestLargeAnswersAreCompressed: the same bytes, fewer of them on the way, and
// only for who asks.
func TestLargeAnswersAreCompressed(t *testing.T) {
	store := &shelf{n: 1_000}
	s := start(t, testConfig(), &fake{events: store.events})
	for _, query := range []string{"", "?limit=1000", "?format=ndjson", "?format=csv", "?format=csv&limit=20"} {
		plain := get(t, s, query)
		if plain.header.Get("Content-Encoding") != "" || plain.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: header %v", query, plain.header)
		}
		for _, accept := range []string{"gzip", "br, GZIP;q=0.5", "*", "gzip, *;q=0"} {
			got := raw(t, s, getPath("/api/v1/events"+query, "Accept-Encoding: "+accept+"\r\n"))
			if got.err != nil || got.header.Get("Content-Encoding") != "gzip" || got.header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("%s: %v, header %v", query, got.err, got.header)
				continue
			}
			if gunzipped(t, got.body) != plain.body {
				t.Errorf("%s: something else", query)
			}
			if len(got.body) > len(plain.body)/4 {
				t.Errorf("%s: %d bytes became %d", query, len(plain.body), len(got.body))
			}
		}
		for _, accept := range []string{"br", "gzip;q=0", "*;q=0", "gzip;q=0, *", "identity"} {
			if got := raw(t, s, getPath("/api/v1/events"+query, "Accept-Encoding: "+accept+"\r\n")); got.body != plain.body {
				t.Errorf("%s, %s: compressed", query, accept)
			}
		}
	}
	if got := raw(t, s, getPath("/api/v1/events?limit=1", "Accept-Encoding: gzip\r\n")); got.header.Get("Content-Encoding") != "" {
		t.Error("compressed what fits into a packet")
	}
	if got := raw(t, s, getPath("/api/v1/events?limit=x", "Accept-Encoding: gzip\r\n")); got.code != 400 || !strings.Contains(got.body, "limit") {
		t.Errorf("%+v", got)
	}
	if got := raw(t, s, getPath("/metrics", "Accept-Encoding: gzip\r\n")); !strings.Contains(gunzipped(t, got.body), "stormdrain_http_requests_total") {
		t.Error("the metrics are not there")
	}
}

// A broken export must not look whole after decompression either.
func TestBrokenExportsStayBroken(t *testing.T) {
	store := &shelf{n: 10_000, failAt: 9_000}
	s := start(t, testConfig(), &fake{events: store.events})
	got := raw(t, s, getPath("/api/v1/events?format=ndjson", "Accept-Encoding: gzip\r\n"))
	if got.code != 200 || !errors.Is(got.err, io.ErrUnexpectedEOF) {
		t.Errorf("%d, %v", got.code, got.err)
	}
}

// TestExportsAreCompressedAsTheyStream: what is found is sent before the rest
// of it is.
func TestExportsAreCompressedAsTheyStream(t *testing.T) {
	store := &shelf{n: 3, padding: strings.Repeat("x", exportChunk)}
	more := make(chan struct{})
	f := &fake{events: func(ctx context.Context, q *alert.Query, yield func(*alert.Stored) error) error {
		return store.events(ctx, q, func(e *alert.Stored) error {
			if q.After != nil && e.Delivery == alert.DeliveryNumber(1, 1) {
				<-more
			}
			return yield(e)
		})
	}}
	s := start(t, testConfig(), f)
	client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second} // asks for gzip by itself
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://" + s.address() + "/api/v1/events?format=ndjson")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for i := range 3 {
		if i == 2 {
			close(more)
		}
		if line, err := lines.ReadString('\n'); err != nil || len(line) < exportChunk {
			t.Fatalf("line %d: %d bytes, %v", i, len(line), err)
		}
	}
	if _, err := lines.ReadByte(); err != io.EOF || !resp.Uncompressed {
		t.Errorf("at the end: %v, compressed: %v", err, resp.Uncompressed)
	}
}
