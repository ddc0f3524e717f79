package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stormdrain/internal/alert"
)

// eventually waits for what another goroutine is about to do.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func (b *budget) freeNow() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.free
}

func TestSlowSendersAreToldToTryAgain(t *testing.T) {
	cfg := testConfig()
	cfg.RequestTimeout = 100 * time.Millisecond
	cfg.ReadTimeout = 100 * time.Millisecond
	f := &fake{}
	s := start(t, cfg, f)
	check := func(request, id string) {
		t.Helper()
		began := time.Now()
		got := raw(t, s, request)
		checkLine(t, got, 503, "try again")
		if took := time.Since(began); took < 80*time.Millisecond || took > 3*time.Second {
			t.Errorf("answered after %v", took)
		}
		if id != "" && got.header.Get("X-Request-Id") != id {
			t.Errorf("request ID %q", got.header.Get("X-Request-Id"))
		}
	}
	head := "POST /webhook HTTP/1.1\r\nHost: x\r\n"
	check(head[:20], "") // half a header
	check(head+"X-Request-ID: mine\r\nContent-Length: 10\r\n\r\n", "mine")
	check(head+"X-Request-ID: mine\r\nContent-Length: 10\r\n\r\n{", "mine")
	check(head+"Content-Length: 100000\r\n\r\n"+strings.Repeat("x", 50_000), "")
	check(head+"Transfer-Encoding: chunked\r\n\r\n", "")
	check(head+"Transfer-Encoding: chunked\r\n\r\n5\r\n{}", "")
	if n := len(f.requests); n != 0 {
		t.Errorf("%d of them were taken in", n)
	}
	eventually(t, "the budget is whole again", func() bool { return s.bodies.room.freeNow() == cfg.InFlightMaxBytes })
}

func TestAnnouncedBytesAreNotHeld(t *testing.T) {
	cfg := testConfig()
	cfg.InFlightMaxBytes = cfg.roomForOne()
	cfg.MaxRequestSize = 1 << 20
	s := start(t, cfg, &fake{})
	const senders = 50
	for range senders { // together they announce five times the budget
		c, _ := dial(t, s)
		fmt.Fprintf(c, "POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\nx", 1<<20)
	}
	eventually(t, "all are being read", func() bool {
		return s.bodies.room.freeNow() == cfg.InFlightMaxBytes-senders*firstRoom
	})
	if got := raw(t, s, post("/webhook", "", strings.Repeat("x", 100_000))); got.code != 200 {
		t.Errorf("beside them: %+v", got)
	}
}

func TestHalfReadBodiesDoNotBlockEachOther(t *testing.T) {
	cfg := testConfig()
	cfg.RequestTimeout = 300 * time.Millisecond
	cfg.InFlightMaxBytes = cfg.roomForOne()
	f := &fake{}
	s := start(t, cfg, f)
	var wg sync.WaitGroup
	var codes [600]atomic.Int32
	for range 64 {
		wg.Go(func() {
			c, r := dial(t, s)
			fmt.Fprintf(c, "POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", 1<<20)
			for range 1 << 20 / (1 << 16) { // all but the last byte
				if _, err := c.Write(make([]byte, 1<<16-1)); err != nil {
					break
				}
			}
			codes[max(0, min(599, read(r, "POST").code))].Add(1)
		})
	}
	wg.Wait()
	if n := codes[503].Load(); n != 64 {
		t.Errorf("%d were told to try again", n)
	}
	eventually(t, "the budget is whole again", func() bool { return s.bodies.room.freeNow() == cfg.InFlightMaxBytes })
	if got := raw(t, s, post("/webhook", "", strings.Repeat("x", 1<<20))); got.code != 200 {
		t.Errorf("afterwards: %+v", got)
	}
}

func TestOverloadIs503(t *testing.T) {
	cfg := testConfig()
	cfg.RequestTimeout = 100 * time.Millisecond
	f := &fake{}
	s := start(t, cfg, f)
	if !s.bodies.room.acquire(cfg.InFlightMaxBytes, time.Now()) {
		t.Fatal("budget not free")
	}
	checkLine(t, raw(t, s, post("/webhook", "", "{}")), 503, "in_flight_max_bytes")
	s.bodies.room.release(cfg.InFlightMaxBytes)
	if got := raw(t, s, post("/webhook", "", "{}")); got.code != 200 {
		t.Errorf("afterwards: %+v", got)
	}
}

func TestTooManyConnections(t *testing.T) {
	cfg := testConfig()
	cfg.MaxConnections = 3
	cfg.Listen = []string{"127.0.0.1:0", "127.0.0.1:0"}
	s := start(t, cfg, &fake{})
	var open []net.Conn
	for range 3 {
		c, _ := dial(t, s)
		open = append(open, c)
	}
	eventually(t, "three are open", func() bool { return s.conns.count() == 3 })
	c, err := net.Dial("tcp", s.Addrs()[1].String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	checkLine(t, read(bufio.NewReader(c), "POST"), 503, "max_connections")
	open[0].Close()
	eventually(t, "there is room again", func() bool { return s.conns.count() == 2 })
	if got := raw(t, s, post("/webhook", "", "{}")); got.code != 200 {
		t.Errorf("afterwards: %+v", got)
	}
}

func TestThreeHundredAtOnce(t *testing.T) {
	f := &fake{}
	s := start(t, testConfig(), f)
	var wg sync.WaitGroup
	var ok atomic.Int32
	const connections, each = 300, 5
	for i := range connections {
		wg.Go(func() {
			c, err := net.Dial("tcp", s.address())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			r := bufio.NewReader(c)
			for j := range each {
				body := strings.Repeat(fmt.Sprintf("%d/%d ", i, j), 1+i*j)
				if _, err := io.WriteString(c, post("/webhook/"+itoa(i), "", body)); err != nil {
					t.Error(err)
					return
				}
				if got := read(r, "POST"); got.body == fmt.Sprintf(`{"status":"success","alerts":%d}`, len(body)) {
					ok.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if ok.Load() != connections*each || len(f.requests) != connections*each {
		t.Errorf("%d answered, %d taken in", ok.Load(), len(f.requests))
	}
	for _, r := range f.requests {
		if !strings.HasPrefix(string(r.Body), r.Source+"/") {
			t.Fatalf("source %q with body %.20q", r.Source, r.Body)
		}
	}
}

func TestQueryEndsWithItsClient(t *testing.T) {
	f := &fake{}
	began, ended := make(chan struct{}), make(chan struct{})
	f.events = func(ctx context.Context, _ *alert.Query, _ func(*alert.Stored) error) error {
		close(began)
		<-ctx.Done()
		close(ended)
		return ctx.Err()
	}
	s := start(t, testConfig(), f)
	c, _ := dial(t, s)
	io.WriteString(c, "GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
	<-began
	c.Close()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("the query goes on")
	}
}

func TestGoClientGetsEarlyAnswers(t *testing.T) {
	cfg := testConfig()
	cfg.MaxRequestSize = 1 << 10
	s := start(t, cfg, &fake{})
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for range 20 {
		for _, body := range []io.Reader{
			strings.NewReader(strings.Repeat("x", 3<<20)),
			io.MultiReader(strings.NewReader(strings.Repeat("x", 3<<20))), // no length: in chunks
		} {
			resp, err := client.Post("http://"+s.address()+"/webhook", "application/json", body)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != 413 {
				t.Errorf("answer %d", resp.StatusCode)
			}
		}
	}
}

func TestReadiness(t *testing.T) {
	f := &fake{}
	s := start(t, testConfig(), f)
	get := func(path string) reply { return raw(t, s, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n") }
	checkLine(t, get("/-/healthy"), 200, "healthy")
	checkLine(t, get("/-/ready"), 200, "ready")
	f.ready = func() error { return fmt.Errorf("journal: %w", os.ErrPermission) }
	checkLine(t, get("/-/ready"), 503, "journal: permission denied")
	checkLine(t, get("/-/healthy"), 200, "healthy")
	s.closing.Store(true)
	checkLine(t, get("/-/ready"), 503, "shutting down")
	s.closing.Store(false)

	got := get("/metrics")
	for _, want := range []string{
		`stormdrain_http_requests_total{code="200",handler="healthy"} 2`, `stormdrain_http_requests_total{code="503",handler="ready"} 2`,
		`stormdrain_http_requests_total{code="503",handler="webhook"} 0`, "stormdrain_http_requests_in_flight 1",
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("no %q in the metrics", want)
		}
	}
	got = raw(t, s, "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text; version=1.0.0\r\nContent-Length: 5\r\n\r\nhello")
	if got.code != 200 || !strings.HasSuffix(got.body, "# EOF\n") || !strings.HasPrefix(got.header.Get("Content-Type"), "application/openmetrics-text") {
		t.Errorf("OpenMetrics: %d, %v", got.code, got.header)
	}
	got = raw(t, s, "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n")
	if got.header.Get("Content-Encoding") != "gzip" || len(got.body) < 100 || got.body[:2] != "\x1f\x8b" {
		t.Errorf("gzip: %v", got.header)
	}
	if got := get("/"); got.code != 200 || !strings.Contains(got.body, "/api/v1/events") {
		t.Errorf("index: %+v", got)
	}
}
