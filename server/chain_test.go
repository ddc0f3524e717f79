package server

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"stormdrain/internal/alert"
)

// guardsBelow names the middlewares that can be switched off and are in the stack of
// whoever asks.
func guardsBelow() (found []string) {
	pcs := make([]uintptr, 100)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		for _, name := range []string{"addHeaders", "authenticate", "limitRate", "logAccess"} {
			if strings.Contains(frame.Function, "."+name+".") { // of a function within it
				found = append(found, name)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// A middleware that is off is not passed by on the way of a delivery; BenchmarkGuards
// has what that saves. The answers would be the same with one that looks and lets
// everybody by, so the stack is asked.
func TestGuardsThatAreOffAreAbsent(t *testing.T) {
	var passed []string
	f := &fake{ingest: func(alert.Request) (int, error) {
		passed = guardsBelow()
		return 1, nil
	}}
	cfg := testConfig()
	s := start(t, cfg, f)
	expect := func(change func(*Config), want ...string) {
		t.Helper()
		next := cfg
		change(&next)
		if err := s.Reload(next); err != nil {
			t.Fatal(err)
		}
		if got := raw(t, s, post("/webhook", "Authorization: Bearer token\r\n", "{}")); got.code != 200 || !slices.Equal(passed, want) {
			t.Errorf("%d, passed by %q, want %q", got.code, passed, want)
		}
	}
	limit := func(c *Config) { c.RequestsPerSecond = 1e9 }
	access := func(c *Config) { c.AccessLog = true }
	token := func(c *Config) { c.BearerTokenFile = secretFile(t, "token") }
	headers := func(c *Config) {
		c.WebConfigFile = secretFile(t, "http_server_config: {headers: {X-Frame-Options: deny}}\n")
	}
	expect(func(*Config) {})
	expect(limit, "limitRate")
	expect(access, "logAccess")
	expect(token, "authenticate")
	expect(headers, "addHeaders")
	expect(func(c *Config) { limit(c); access(c); token(c); headers(c) }, "addHeaders", "authenticate", "limitRate", "logAccess")
	expect(func(*Config) {})
}
