package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stormdrain/internal/alert"
)

// shelf is a store of n events, newest first.
type shelf struct {
	n       int
	padding string
	given   atomic.Int64
	failAt  int // an error instead of the event with this number, from 1
}

var errShelf = errors.New("connection refused")

func (s *shelf) events(ctx context.Context, q *alert.Query, yield func(*alert.Stored) error) error {
	given := 0
	for i := s.n; i > 0; i-- {
		e := &alert.Stored{
			Delivery: alert.DeliveryNumber(1, uint64(i)), ReceivedAt: int64(i), EndsAt: alert.NoTime, Source: s.padding,
			Labels: new(alert.LabelSet), Details: new(alert.Details), Envelope: new(alert.Envelope),
		}
		if q.After != nil && e.Delivery >= q.After.Delivery {
			continue
		}
		if q.Limit > 0 && given == q.Limit {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if s.n-i+1 == s.failAt {
			return errShelf
		}
		given++
		s.given.Add(1)
		if err := yield(e); err != nil {
			return err
		}
	}
	return nil
}

func get(t *testing.T, s *Server, query string) reply {
	t.Helper()
	return raw(t, s, "GET /api/v1/events"+query+" HTTP/1.1\r\nHost: x\r\n\r\n")
}

func TestPagesAreExact(t *testing.T) {
	store := &shelf{}
	s := start(t, testConfig(), &fake{events: store.events})
	pages := func(n, limit int) (count []int) {
		t.Helper()
		store.n = n
		seen := make(map[string]bool)
		query := fmt.Sprintf("?limit=%d", limit)
		for cursor := ""; ; {
			got := get(t, s, query+cursor)
			var page struct {
				Events []struct{ ID string }
				Next   *string
			}
			if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.code != 200 {
				t.Fatalf("%v in %+v", err, got)
			}
			for _, e := range page.Events {
				if seen[e.ID] {
					t.Errorf("%s twice", e.ID)
				}
				seen[e.ID] = true
			}
			count = append(count, len(page.Events))
			if page.Next == nil {
				break
			}
			cursor = "&cursor=" + *page.Next
		}
		if len(seen) != n {
			t.Errorf("%d of %d events", len(seen), n)
		}
		return count
	}
	f := func(n, limit int, want ...int) {
		t.Helper()
		if got := pages(n, limit); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%d by %d: %v, want %v", n, limit, got, want)
		}
	}
	f(0, 10, 0)
	f(1, 10, 1)
	f(10, 10, 10)
	f(11, 10, 10, 1)
	f(20, 10, 10, 10)
	f(3, 1, 1, 1, 1)
	f(10_000, 10_000, 10_000)
	store.padding = strings.Repeat("x", largestPage/4)
	f(5, 100, 4, 1)
	store.padding = ""
	store.n = 500
	if got := get(t, s, ""); strings.Count(got.body, `"id":`) != 100 || got.header.Get("Content-Length") != itoa(len(got.body)) {
		t.Errorf("without a limit: %d events, header %v", strings.Count(got.body, `"id":`), got.header)
	}
}

func TestExports(t *testing.T) {
	store := &shelf{}
	s := start(t, testConfig(), &fake{events: store.events})
	check := func(n int, query string, want int) {
		t.Helper()
		store.n = n
		got := get(t, s, "?format=ndjson"+query)
		lines := 0
		for line := range strings.Lines(got.body) {
			if !json.Valid([]byte(line)) {
				t.Fatalf("line %q", line)
			}
			lines++
		}
		if got.err != nil || got.code != 200 || lines != want || got.header.Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("ndjson: %d lines, %v, %v", lines, got.err, got.header)
		}
		got = get(t, s, "?format=csv"+query)
		rows, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
		if err != nil || got.err != nil || len(rows) != want+1 || rows[0][0] != "id" || !strings.HasPrefix(got.header.Get("Content-Type"), "text/csv") {
			t.Errorf("csv: %d rows, %v, %v, %v", len(rows), err, got.err, got.header)
		}
		for i := range want {
			if id := fmt.Sprintf("1-%d-0", n-i); rows[i+1][0] != id {
				t.Fatalf("row %d is %s, want %s", i, rows[i+1][0], id)
			}
		}
	}
	for _, n := range []int{0, 1, 50, 100, 1000, 8_000} {
		check(n, "", n)
		check(n, "&limit=60", min(n, 60))
		check(n, "&limit=5001", min(n, 5_001))
	}
	store.n = 5
	if got := get(t, s, "?format=csv"); got.header.Get("Content-Length") != itoa(len(got.body)) {
		t.Errorf("a short export without a length: %v", got.header)
	}
	store.n = 10_000
	got := raw(t, s, "GET /api/v1/events?format=csv HTTP/1.0\r\n\r\n")
	checkLine(t, got, 400, "HTTP/1.1")
}

func TestUnreadableStoreIs503(t *testing.T) {
	store := &shelf{n: 10_000, failAt: 1}
	s := start(t, testConfig(), &fake{events: store.events})
	for _, format := range []string{"json", "ndjson", "csv"} {
		checkLine(t, get(t, s, "?format="+format), 503, "connection refused")
	}
	// Too late for a status: the answer must not look complete.
	store.failAt = 9_000
	for _, format := range []string{"ndjson", "csv"} {
		if got := get(t, s, "?format="+format); got.code != 200 || !errors.Is(got.err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %d, %v", format, got.code, got.err)
		}
	}
}

func TestReadingParameters(t *testing.T) {
	var asked *alert.Query
	f := &fake{events: func(_ context.Context, q *alert.Query, _ func(*alert.Stored) error) error {
		asked = q
		return nil
	}}
	s := start(t, testConfig(), f)
	q := url.Values{"filter": {`severity=~"crit.*"`, `{a="b+c d"}`}, "source": {""}, "from": {"2023-11-14T22:13:20+00:00"}, "status": {"resolved"}}
	if got := get(t, s, "?"+q.Encode()); got.code != 200 || got.body != "{\"events\":[],\"next\":null}\n" {
		t.Fatalf("%+v", got)
	}
	if len(asked.Matchers) != 2 || asked.Matchers[1].Value != "b+c d" || *asked.Source != "" || asked.Receiver != nil ||
		asked.From != 1_700_000_000_000_000 || *asked.Status != alert.Resolved || asked.Limit != 101 {
		t.Errorf("asked for %+v", asked)
	}
	checkLine(t, get(t, s, "?limit=x"), 400, `"limit"="x"`)
	checkLine(t, get(t, s, "?nonsense=1"), 400, "nonsense")
	checkLine(t, get(t, s, "?from=%0a%0d"), 400, "from")
}

func TestHead(t *testing.T) {
	store := &shelf{n: 10_000}
	s := start(t, testConfig(), &fake{events: store.events})
	c, r := dial(t, s)
	for _, path := range []string{"/api/v1/events", "/api/v1/events?format=csv", "/api/v1/events?format=ndjson&limit=3", "/api/v1/events?limit=x", "/", "/metrics", "/-/ready", "/nothing"} {
		fmt.Fprintf(c, "HEAD %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
		if got := read(r, "HEAD"); got.err != nil || got.body != "" || got.header.Get("X-Request-Id") == "" {
			t.Errorf("%s: %+v", path, got)
		}
	}
	if store.given.Load() > 5_000 {
		t.Errorf("%d events were read for nobody", store.given.Load())
	}
}

func TestExportEndsWithItsClient(t *testing.T) {
	store := &shelf{n: 1 << 40, padding: strings.Repeat("x", 1000)}
	ended := make(chan error, 2)
	f := &fake{events: func(ctx context.Context, q *alert.Query, yield func(*alert.Stored) error) error {
		err := store.events(ctx, q, yield)
		if q.After != nil {
			ended <- err
		}
		return err
	}}
	s := start(t, testConfig(), f)
	c, r := dial(t, s)
	io.WriteString(c, "GET /api/v1/events?format=ndjson HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := io.ReadFull(r, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	c.Close()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("ended as if it were complete")
		}
	case <-time.After(5 * time.Second):
		t.Error("goes on")
	}
}

func TestExportOutlivesTheWriteTimeout(t *testing.T) {
	cfg := testConfig()
	cfg.WriteTimeout = 100 * time.Millisecond
	store := &shelf{n: 40, padding: strings.Repeat("x", exportChunk)}
	f := &fake{events: func(ctx context.Context, q *alert.Query, yield func(*alert.Stored) error) error {
		return store.events(ctx, q, func(e *alert.Stored) error {
			if q.After != nil {
				time.Sleep(10 * time.Millisecond) // a slow store; together four times the timeout
			}
			return yield(e)
		})
	}}
	s := start(t, cfg, f)
	if got := get(t, s, "?format=ndjson"); got.err != nil || strings.Count(got.body, "\n") != 40 {
		t.Errorf("%d lines, %v", strings.Count(got.body, "\n"), got.err)
	}
}

func TestParallelReadersAndWriters(t *testing.T) {
	store := &shelf{n: 500}
	f := &fake{events: store.events}
	s := start(t, testConfig(), f)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	defer client.CloseIdleConnections()
	done := make(chan error)
	for i := range 8 {
		go func() {
			done <- func() error {
				for range 20 {
					if i%2 == 0 {
						resp, err := client.Post("http://"+s.address()+"/webhook", "", bytes.NewReader(make([]byte, 50_000)))
						if err != nil {
							return err
						}
						resp.Body.Close()
						continue
					}
					resp, err := client.Get("http://" + s.address() + "/api/v1/events?format=ndjson")
					if err != nil {
						return err
					}
					lines := 0
					for scan := bufio.NewScanner(resp.Body); scan.Scan(); {
						lines++
					}
					resp.Body.Close()
					if lines != 500 {
						return fmt.Errorf("%d lines", lines)
					}
				}
				return nil
			}()
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
