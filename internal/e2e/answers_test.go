package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestAnswers checks what Alertmanager decides by: the status of each answer.
func TestAnswers(t *testing.T) {
	p := startProgram(t, "--webhook.max-request-size=64KiB")
	c := p.client()
	body := []byte(nastyMessage(`{"status":"firing","labels":{"alertname":"x"},"startsAt":"2026-01-01T00:00:00Z"}`))
	big := []byte(nastyMessage(`{"status":"firing","labels":{"alertname":"` + strings.Repeat("x", 70_000) + `"},"startsAt":"2026-01-01T00:00:00Z"}`))
	f := func(method, path string, body []byte, want int, header ...string) {
		t.Helper()
		got := c.do(method, path, body, header...)
		switch {
		case got.code != want:
			t.Errorf("%s %s: %d %q, want %d", method, path, got.code, got.body, want)
		case got.header.Get("Location") != "":
			t.Errorf("%s %s: redirects to %s", method, path, got.header.Get("Location"))
		case got.header.Get("X-Request-ID") == "":
			t.Errorf("%s %s: no X-Request-ID", method, path)
		case want >= 400 && method != http.MethodHead && strings.TrimSpace(got.body) == "":
			t.Errorf("%s %s: %d and no word why", method, path, got.code)
		}
	}
	f("POST", "/webhook", body, 200)
	f("POST", "/webhook/", body, 200)
	f("POST", "/webhook/prod", body, 200)
	f("POST", "/webhook/a%2Fb%20%C3%BC", body, 200)
	f("POST", "/webhook", body, 200, "Content-Type", "text/plain")
	f("GET", "/webhook", nil, 405)
	f("HEAD", "/webhook", nil, 405)
	f("PUT", "/webhook", body, 405)
	f("GET", "/webhook/", nil, 405)
	f("GET", "/webhook/prod", nil, 405)
	f("HEAD", "/webhook/prod", nil, 405)
	f("POST", "/Webhook", body, 404)
	f("POST", "/hook", body, 404)
	f("POST", "/webhook", big, 413)
	f("POST", "/webhook", gzipped(t, big), 413, "Content-Encoding", "gzip")
	f("POST", "/webhook", zstandard(t, big), 413, "Content-Encoding", "zstd")
	f("POST", "/webhook", body, 415, "Content-Encoding", "br")
	f("POST", "/webhook", []byte("{"), 400)
	f("POST", "/webhook", body, 400, "Content-Encoding", "gzip")
	f("GET", "/-/healthy", nil, 200)
	f("GET", "/-/ready", nil, 200)
	f("GET", "/metrics", nil, 200)
	f("GET", "/api/v1/events", nil, 200)
	f("GET", "/api/v1/events?limit=0", nil, 400)
	f("GET", "/api/v1/events?filter=%7B", nil, 400)
	f("GET", "/api/v1/events?from=never", nil, 400)
	f("POST", "/api/v1/events", nil, 405)
}

// TestFilters checks matchers and the other conditions of a query.
func TestFilters(t *testing.T) {
	forEachStore(t, func(t *testing.T, store *testStore) {
		p := startProgram(t, store.flags...)
		c := p.client()
		for i := range 20 {
			alert := fmt.Sprintf(`{"status":%q,"labels":{"alertname":"A%d","severity":%q},"startsAt":"2026-01-01T00:00:00Z","endsAt":"2026-01-02T00:00:00Z"}`,
				[]string{"firing", "resolved"}[i%2], i, []string{"critical", "warning", ""}[i%3])
			c.deliver(fmt.Sprintf("/webhook/s%d", i%4), fmt.Sprintf("filter-%d", i), []byte(nastyMessage(alert)), 1)
		}
		c.waitAtRest()
		f := func(query string, want int) {
			t.Helper()
			if got := len(c.events(query)); got != want {
				t.Errorf("%s: %d events, want %d", query, got, want)
			}
		}
		f("", 20)
		f("status=firing", 10)
		f("source=s1", 5)
		f("source=", 0)
		f("receiver=nasty", 20)
		f("receiver=nobody", 0)
		f("limit=3", 3)
		f(`filter=severity%3D"critical"`, 7)
		f(`filter=severity%3D~"crit.*%7Cwarn.*"`, 14)
		f(`filter=severity%3D~"crit"`, 0)
		f(`filter=severity%3D""`, 6)
		f(`filter=nowhere%3D""`, 20)
		f(`filter=severity!%3D"critical"&filter=alertname%3D~"A1."`, 7)
		f("from=1h", 20)
		f("to=1h", 0)
	})
}
