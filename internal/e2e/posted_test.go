package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const postingConfig = prometheusConfig + `
alerting:
  alertmanagers:
    - static_configs: [{targets: [%q]}]
`

// The alert fires until a webhook has come.
const postingRules = `
groups:
  - name: posting
    rules:
      - alert: NoWebhookYet
        expr: stormdrain_http_requests_total{handler="webhook",code="200"} == 0
        labels: {severity: critical}
        annotations: {summary: "none from {{ $labels.job }}"}
`

// TestPrometheusPosts has a real Prometheus send to the program as to an
// Alertmanager: an alert fires, is sent, and is resolved.
func TestPrometheusPosts(t *testing.T) {
	p := startProgram(t)
	c := p.client()
	rules := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(rules, []byte(postingRules), 0o644); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	runPrometheus(t, fmt.Appendf(nil, postingConfig, rules, p.addr, p.addr))

	wait := func(status string) (found *event) {
		t.Helper()
		eventually(t, startLimit, func() string {
			for _, e := range c.events("status=" + status + "&filter=alertname%3DNoWebhookYet") {
				found = e
				return ""
			}
			return "Prometheus has posted nothing that is " + status
		})
		return found
	}
	fired := wait("firing")
	c.deliver("/webhook", "ends-it", []byte(nastyMessage(`{"status":"firing","labels":{"alertname":"x"},"startsAt":"2026-01-01T00:00:00Z"}`)), 1)
	resolved := wait("resolved")

	starts, err := time.Parse(time.RFC3339Nano, fired.StartsAt)
	if err != nil || starts.Before(began.Add(-time.Second)) || starts.After(time.Now()) || resolved.StartsAt != fired.StartsAt {
		t.Errorf("fired at %s, resolved one at %s", fired.StartsAt, resolved.StartsAt)
	}
	if fired.EndsAt != nil || resolved.EndsAt == nil {
		t.Fatalf("ends %v, %v", fired.EndsAt, resolved.EndsAt)
	}
	if ends, err := time.Parse(time.RFC3339Nano, *resolved.EndsAt); err != nil || !ends.After(starts) || ends.After(time.Now()) {
		t.Errorf("ended at %s", *resolved.EndsAt)
	}
	for _, e := range []*event{fired, resolved} {
		if e.Source+e.Receiver+e.GroupKey+e.ExternalURL != "" || e.Labels["severity"] != "critical" || e.Labels["instance"] != p.addr ||
			e.Annotations["summary"] != "none from watched" || !strings.Contains(e.GeneratorURL, "/graph?g0.expr=") ||
			e.Fingerprint != fingerprint(e.Labels) || len(e.Extra) > 0 {
			t.Errorf("%s", mustJSON(e))
		}
	}
	c.waitAtRest()
}

// TestPostedBodies posts what Prometheus has posted elsewhere, twice: the second
// time out of the cache of bodies. Their ends are past by now.
func TestPostedBodies(t *testing.T) {
	p := startProgram(t)
	c := p.client()
	files, err := filepath.Glob("testdata/posted/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no bodies: %v", err)
	}
	alerts := 0
	for round := range 3 {
		for _, file := range files {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			n := strings.Count(string(body), `"labels"`)
			alerts += n
			c.deliver("/api/v2/alerts", fmt.Sprintf("%d-%s", round, filepath.Base(file)), body, n)
		}
	}
	future := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	before := time.Now()
	c.deliver("/api/v2/alerts", "others", fmt.Appendf(nil, `[{"labels":{"alertname":"Open","empty":""},"endsAt":%q},{"labels":{"empty":""}},{"labels":{"alertname":"Ended"},"endsAt":"2026-01-01T00:00:00Z"},7]`, future), 4)
	alerts += 2
	c.waitAtRest()
	events := c.events("")
	if len(events) != alerts {
		t.Errorf("%d events, want %d", len(events), alerts)
	}
	for _, e := range events {
		received, err := time.Parse(time.RFC3339Nano, e.ReceivedAt)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case e.Labels["alertname"] == "Open":
			if e.Status != "firing" || e.EndsAt != nil || e.StartsAt != e.ReceivedAt || received.Before(before.Add(-time.Second)) || len(e.Labels) != 1 {
				t.Errorf("%s", mustJSON(e))
			}
		case e.Labels["alertname"] == "Ended":
			if e.Status != "resolved" || e.EndsAt == nil || *e.EndsAt != e.StartsAt {
				t.Errorf("%s", mustJSON(e))
			}
		case e.Status != "resolved" || e.EndsAt == nil || *e.EndsAt < e.StartsAt || e.Labels["replica"] != "a":
			t.Errorf("%s", mustJSON(e))
		}
	}
	if m := c.metrics(); m["alerts_quarantined_total"] != 2 {
		t.Errorf("%v alerts in quarantine, want the number and the one without labels", m["alerts_quarantined_total"])
	}
}
