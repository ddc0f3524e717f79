package server

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"stormdrain/internal/alert"
)

type accessLine struct {
	Level, Message, Method, Path, Client string
	Code                                 int
	ID                                   string  `json:"request_id"`
	Took                                 float64 `json:"took_ms"`
	Bytes                                int     `json:"request_bytes"`
}

func accessLines(t *testing.T, log *logBuffer) (lines []accessLine) {
	t.Helper()
	for text := range strings.Lines(log.String()) {
		var line accessLine
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		if line.Message == "request" {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestAccessLog(t *testing.T) {
	cfg := testConfig()
	cfg.AccessLog = true
	cfg.BearerTokenFile = secretFile(t, "token-in-header")
	s, log := startLogging(t, cfg, &fake{})
	const credentials = "Authorization: Bearer token-in-header\r\n"
	raw(t, s, post("/webhook/eu?token=in-query", credentials+"X-Request-ID: mine\r\n", "{}"))
	raw(t, s, post("/webhook", "", "{}"))
	raw(t, s, post("/webhook", "", strings.Repeat("x", 1<<20+1)))
	raw(t, s, getPath("/"+strings.Repeat("a", 2000), credentials))
	raw(t, s, getPath("/-/ready", ""))
	var got []accessLine
	eventually(t, "every line is there", func() bool { got = accessLines(t, log); return len(got) == 5 })
	first := got[0]
	if first.Level != "info" || first.Method != "POST" || first.Path != "/webhook/eu" || first.Code != 200 || first.Client != "127.0.0.1" ||
		first.ID != "mine" || first.Bytes != 2 || first.Took <= 0 {
		t.Errorf("%+v", first)
	}
	for i, code := range []int{200, 401, 413, 404, 200} {
		if got[i].Code != code || got[i].ID == "" || len(got[i].Path) > 200 {
			t.Errorf("line %d: %+v, want %d", i, got[i], code)
		}
	}
	for _, secret := range []string{"in-header", "in-query", "Bearer"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
	cfg.AccessLog = false
	if err := s.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	raw(t, s, getPath("/-/ready", ""))
	if n := len(accessLines(t, log)); n != 5 {
		t.Errorf("%d lines after it was switched off", n)
	}
}

// Every request is either a line or counted in one.
func TestAccessLogIsSampledUnderLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var a sampler
		lines, omitted := 0, 0
		ask := func(n int) {
			for range n {
				if o, ok := a.take(time.Now()); ok {
					lines++
					omitted += o
				}
			}
		}
		ask(100)
		if lines != 100 {
			t.Errorf("%d of 100", lines)
		}
		ask(9_950)
		if lines != 199 || lines+omitted != 10_000 {
			t.Errorf("%d lines, %d omitted", lines, omitted)
		}
		time.Sleep(time.Second)
		ask(100)
		if lines != 299 || lines+omitted != 10_150 {
			t.Errorf("a second later: %d lines, %d omitted", lines, omitted)
		}
	})
}

// TestOneLineForAChangeOfState: a thousand deliveries that fail are one line, and
// one when they do not fail any more.
func TestOneLineForAChangeOfState(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		buffer := &logBuffer{}
		log := zerolog.New(buffer)
		c := &condition{begins: "it fails", over: "it works again"}
		lines := func(n int, last string) {
			t.Helper()
			if got := strings.Count(buffer.String(), "\n"); got != n || !strings.Contains(buffer.String(), last) {
				t.Errorf("%d lines, want %d and %q:\n%s", got, n, last, buffer)
			}
		}
		c.succeeded(log)
		lines(0, "")
		for range 1000 { // one by one with what works
			c.failed(log, "disk full\nof alerts")
			c.succeeded(log)
			time.Sleep(time.Second)
		}
		lines(1, `"reason":"disk full of alerts"`)
		time.Sleep(calm)
		c.succeeded(log)
		c.succeeded(log)
		lines(2, `"failures":1000`)
		c.failed(log, "again")
		lines(3, `"reason":"again"`)

		quiet := &condition{begins: "strangers"}
		for range 5 {
			quiet.failed(log, "first")
		}
		time.Sleep(2 * calm)
		quiet.failed(log, "second")
		lines(5, `"reason":"second"`)
	})
}

func TestRefusedDeliveriesAreOneLine(t *testing.T) {
	f := &fake{ingest: func(alert.Request) (int, error) { return 0, errors.New("journal: disk full") }}
	s, log := startLogging(t, testConfig(), f)
	for range 20 {
		checkLine(t, raw(t, s, post("/webhook", "", "{}")), 503, "disk full")
	}
	if n := strings.Count(log.String(), "disk full"); n != 1 {
		t.Errorf("%d lines:\n%s", n, log)
	}
}
