package e2e

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// alertmanager is a real one that sends to the program under test.
type alertmanager struct {
	t    *testing.T
	base string
	log  *stderrLog
}

const alertmanagerConfig = `
route:
  receiver: stormdrain
  group_by: [team]
  group_wait: 100ms
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: stormdrain
    webhook_configs:
      - url: %s/webhook/real
        send_resolved: true
`

// startAlertmanager runs the machine's Alertmanager, which make deps installs.
func startAlertmanager(t *testing.T, target string) *alertmanager {
	t.Helper()
	path, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		if path, err = exec.LookPath("alertmanager"); err != nil {
			t.Fatal("Alertmanager is not installed: neither prometheus-alertmanager nor alertmanager is in PATH (make deps installs it)")
		}
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, alertmanagerConfig, target), 0o644); err != nil {
		t.Fatal(err)
	}
	a := &alertmanager{t: t, log: &stderrLog{}}
	addr := freePort(t)
	a.base = "http://" + addr
	cmd := exec.Command(path, "--config.file="+config, "--storage.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+addr, "--cluster.listen-address=")
	cmd.Stderr = a.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("Alertmanager said:\n%s", a.log.tail())
		}
	})
	eventually(t, startLimit, func() string {
		resp, err := http.Get(a.base + "/-/ready")
		if err != nil {
			return err.Error() + "\n" + a.log.tail()
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			return resp.Status
		}
		return ""
	})
	return a
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// push tells Alertmanager of one alert, as Prometheus does. A zero end: firing.
func (a *alertmanager) push(labels, annotations map[string]string, start, end time.Time) {
	a.t.Helper()
	alert := map[string]any{"labels": labels, "annotations": annotations, "startsAt": start, "generatorURL": "http://prometheus.example/graph"}
	if !end.IsZero() {
		alert["endsAt"] = end
	}
	resp, err := http.Post(a.base+"/api/v2/alerts", "application/json", bytes.NewReader(mustJSON([]any{alert})))
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		a.t.Fatalf("Alertmanager refuses an alert: %s", resp.Status)
	}
}

// requests returns how many webhook requests Alertmanager made and how many of
// them it counts as failed.
func (a *alertmanager) requests() (all, failed int) {
	a.t.Helper()
	resp, err := http.Get(a.base + "/metrics")
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	m, err := sumMetrics(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return int(m["alertmanager_notification_requests_total"]), int(m["alertmanager_notification_requests_failed_total"])
}

// TestAlertmanager lets a real Alertmanager send through the life of a group:
// firing, a new annotation, a second alert, a receiver that is killed while it
// is being sent to, and the end.
func TestAlertmanager(t *testing.T) {
	forEachStore(t, func(t *testing.T, store *testStore) {
		p := startProgram(t, store.flags...)
		c := p.client()
		a := startAlertmanager(t, p.url())
		start := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
		one := map[string]string{"alertname": "One", "team": "a", "severity": "critical"}
		two := map[string]string{"alertname": "Two", "team": "a"}
		three := map[string]string{"alertname": "Three", "team": "b"}
		first, second := map[string]string{"summary": "91 % full"}, map[string]string{"summary": "93.2 % full"}

		a.push(one, first, start, time.Time{})
		waitFor(t, c, "One fires", func(e *event) bool { return e.Labels["alertname"] == "One" && e.Status == "firing" })
		a.push(one, second, start, time.Time{})
		a.push(two, first, start, time.Time{}) // a new alert makes the group go out again
		waitFor(t, c, "One with its new annotation", func(e *event) bool {
			return e.Labels["alertname"] == "One" && e.Annotations["summary"] == "93.2 % full"
		})
		waitFor(t, c, "Two fires", func(e *event) bool { return e.Labels["alertname"] == "Two" })

		p.kill9()
		a.push(three, first, start, time.Time{})
		a.push(two, first, start, time.Now())
		eventually(t, startLimit, func() string {
			if _, failed := a.requests(); failed > 1 {
				return ""
			}
			return "Alertmanager has not noticed the outage"
		})
		p.start()
		waitFor(t, c, "Three fires", func(e *event) bool { return e.Labels["alertname"] == "Three" })
		waitFor(t, c, "Two is resolved", func(e *event) bool { return e.Labels["alertname"] == "Two" && e.Status == "resolved" })

		end := time.Now().Truncate(time.Millisecond)
		a.push(one, second, start, end)
		a.push(three, first, start, end)
		waitFor(t, c, "One is resolved", func(e *event) bool { return e.Labels["alertname"] == "One" && e.EndsAt != nil })
		waitFor(t, c, "Three is resolved", func(e *event) bool { return e.Labels["alertname"] == "Three" && e.EndsAt != nil })
		c.waitAtRest()
		compareWithSender(t, a, c, start)
	})
}

// waitFor polls until the API shows an event that is meant.
func waitFor(t *testing.T, c *client, what string, meant func(*event) bool) {
	t.Helper()
	eventually(t, startLimit, func() string {
		for _, e := range c.events("source=real") {
			if meant(e) {
				return ""
			}
		}
		return "not stored: " + what
	})
}

// compareWithSender holds what Alertmanager says it sent against what is
// stored. A request that it counts as failed may have been stored before the
// kill, never twice.
func compareWithSender(t *testing.T, a *alertmanager, c *client, start time.Time) {
	t.Helper()
	all, failed := a.requests()
	deliveries := byRequest(c.events("source=real"))
	if got := len(deliveries); got < all-failed || got > all {
		t.Errorf("%d deliveries stored; Alertmanager made %d requests of which %d failed", got, all, failed)
	}
	for id, events := range deliveries {
		seen := make(map[string]bool)
		for _, e := range events {
			if seen[e.Fingerprint] || e.Fingerprint != fingerprint(e.Labels) {
				t.Errorf("delivery %s: fingerprint %s is there twice or not that of %v", id, e.Fingerprint, e.Labels)
			}
			seen[e.Fingerprint] = true
			if at, err := time.Parse(time.RFC3339Nano, e.StartsAt); err != nil || !at.Equal(start) {
				t.Errorf("delivery %s: %v starts at %s, want %s", id, e.Labels, e.StartsAt, start.UTC())
			}
			if e.GroupLabels["team"] != e.Labels["team"] || e.Receiver != "stormdrain" || e.ExternalURL == "" {
				t.Errorf("delivery %s: %s", id, mustJSON(e))
			}
		}
	}
	t.Logf("Alertmanager made %d requests, %d failed; %d deliveries stored", all, failed, len(deliveries))
}
