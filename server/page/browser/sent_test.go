package browser

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"stormdrain/benchmarks/bodies"
)

const (
	fingerprint = "b4683d7b0069a334" // NodeDown of the captured events, whose life is told
	silenced    = "244eaf2c950832a6" // KubePodCrashLooping of them
	inhibited   = "d3462ae49c64b7e4" // PodDown of them
)

// What a sender who means harm, or a rule's author who does not think, may put into
// a label.
var hostile = []string{
	`<img src=x onerror="window.pwned=1">`,
	`"><script>window.pwned=1</script>`,
	`javascript:window.pwned=1`,
	"${window.pwned=1}{{constructor.constructor('window.pwned=1')()}}",
	"\u202egnp.exe\u2066 \u200f right to left",
	strings.Repeat("long", 800),
	"line\nbreak\ttab\\\"quote'",
	"日本語 ✓ \U0001F327",
}

// delivery is a webhook of Alertmanager, as far as a test writes one by hand.
type delivery struct {
	Version     string            `json:"version"`
	Status      string            `json:"status"`
	Receiver    string            `json:"receiver"`
	GroupKey    string            `json:"groupKey"`
	GroupLabels map[string]string `json:"groupLabels"`
	ExternalURL string            `json:"externalURL"`
	Alerts      []alarm           `json:"alerts"`
}

// alarm is one alert of a delivery.
type alarm struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint,omitempty"`
}

// webhook writes a delivery of the alerts.
func webhook(alerts ...alarm) []byte {
	m := delivery{Version: "4", Status: "firing", Receiver: "team-a", GroupKey: `{}:{alertname="NodeDown"}`, Alerts: alerts}
	for i := range alerts {
		if alerts[i].Status == "" {
			alerts[i].Status = "firing"
		}
	}
	m.ExternalURL = "http://alertmanager.example.com"
	if strings.HasPrefix(alerts[0].GeneratorURL, "javascript:") {
		m.ExternalURL = "data:text/html,<script>window.pwned=1</script>"
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return b
}

// sendStorm sends all that the tests only look at.
func sendStorm(p *program, now time.Time) error {
	return errors.Join(sendSilent(p), sendCaptured(p, now.Add(-50*time.Minute)), sendWaves(p, now), sendHostile(p, now.Add(-20*time.Second)), sendLives(p, now.Add(-10*time.Second)))
}

// sendSilent sends what will have been silent for long, in a minute.
func sendSilent(p *program) error {
	body := webhook(alarm{Labels: map[string]string{"alertname": "Watchdog", "severity": "none"}, StartsAt: time.Now().Add(-time.Hour)})
	path := "webhook/" + url.PathEscape(hostile[0])
	return errors.Join(p.post(path, body), p.post(path, body))
}

const capturedDir = "../../../internal/e2e/testdata/payloads/"

var times = regexp.MustCompile(`"(startsAt|endsAt)":"(2026-[^"]*)"`)

// sendCaptured sends what Alertmanagers have sent, moved in time: their last alert
// starts at the given time.
func sendCaptured(p *program, last time.Time) error {
	files, err := filepath.Glob(capturedDir + "*-am0.*.json")
	if err != nil || len(files) != 117 {
		return fmt.Errorf("%d captured bodies, %v; want 117", len(files), err)
	}
	move := last.Sub(time.Date(2026, 11, 23, 8, 30, 0, 0, time.UTC))
	for _, file := range files {
		if strings.Contains(file, "-future-") {
			continue // it would be the first of every list; TestAlertOfTheFuture has it
		}
		body, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		body = times.ReplaceAllFunc(body, func(found []byte) []byte {
			parts := times.FindSubmatch(found)
			at, err := time.Parse(time.RFC3339Nano, string(parts[2]))
			if err != nil {
				return found // one that is no time stays so
			}
			return fmt.Appendf(nil, `"%s":"%s"`, parts[1], at.Add(move).Format(time.RFC3339Nano))
		})
		if err := p.post("webhook/eu1", body); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

const (
	waves   = 10_000 // episodes that sendWaves makes
	inWaves = 2_500  // of so many alerts
)

// sendWaves sends the episodes of the hour before now. They come in two waves, as
// in a storm; each is received as firing and, unless it still is, as resolved.
func sendWaves(p *program, now time.Time) error {
	random := rand.New(rand.NewPCG(3, 12))
	type change struct {
		at    time.Time
		alert bodies.Alert
	}
	changes := make([]change, 0, 2*waves)
	next := make(map[int]time.Time) // when the alert fires again
	for i := range waves {          // the newest first
		set, starts := i%inWaves, now.Add(-30*time.Second-age(i))
		ends := starts.Add(time.Duration(random.ExpFloat64()*float64(4*time.Minute)) + 10*time.Second)
		if again, ok := next[set]; ok && !ends.Before(again) {
			ends = again.Add(-time.Second)
		}
		next[set] = starts
		changes = append(changes, change{starts, bodies.Alert{Set: set, Starts: starts}})
		if ends.Before(now) {
			changes = append(changes, change{ends, bodies.Alert{Set: set, Starts: starts, Ends: ends}})
		}
	}
	slices.SortFunc(changes, func(a, b change) int { return a.at.Compare(b.at) })
	for group := range slices.Chunk(changes, 500) {
		var alerts []bodies.Alert
		for _, c := range group {
			alerts = append(alerts, c.alert)
		}
		if err := p.post("webhook/us1", bodies.Append(nil, 1, alerts)); err != nil {
			return err
		}
	}
	return nil
}

// age is how long before now episode i begins: most of them in two waves.
func age(i int) time.Duration {
	part := float64(i) / waves
	switch {
	case part < 0.15:
		return time.Duration(part / 0.15 * float64(14*time.Minute))
	case part < 0.65:
		return 14*time.Minute + time.Duration((part-0.15)/0.5*float64(6*time.Minute))
	case part < 0.75:
		return 20*time.Minute + time.Duration((part-0.65)/0.1*float64(18*time.Minute))
	case part < 0.95:
		return 38*time.Minute + time.Duration((part-0.75)/0.2*float64(4*time.Minute))
	}
	return 42*time.Minute + time.Duration((part-0.95)/0.05*float64(17*time.Minute))
}

func hostileFingerprint(i int) string { return fmt.Sprintf("%016x", 0xbad0+i) }

func hostileAlert(i int, starts time.Time) alarm {
	text := hostile[i]
	return alarm{
		Labels:       map[string]string{"alertname": text, "severity": text, text: text, "__proto__": text, "constructor": text},
		Annotations:  map[string]string{"summary": text, "runbook_url": "javascript:window.pwned=1", "__proto__": text},
		GeneratorURL: "javascript:window.pwned=1", Fingerprint: hostileFingerprint(i), StartsAt: starts,
	}
}

func sendHostile(p *program, starts time.Time) error {
	var alerts []alarm
	for i := range hostile {
		alerts = append(alerts, hostileAlert(i, starts.Add(time.Duration(i)*time.Second)))
	}
	return p.post("webhook/"+url.PathEscape(hostile[1]), webhook(alerts...))
}

// sendLives sends the alerts whose lives were recorded, and what was recorded, but
// NodeDown for the last time only: it was resolved and nobody had heard it fire.
func sendLives(p *program, starts time.Time) error {
	runbook := map[string]string{"summary": "It is down.", "runbook_url": "https://runbooks.example.com/NodeDown?a=1&b=2"}
	node := alarm{Labels: map[string]string{"alertname": "NodeDown", "severity": "critical", "node": "n1", "namespace": "infra"},
		Annotations: runbook, GeneratorURL: "http://prometheus.example.com/graph?g0.expr=up%3D%3D0", Fingerprint: fingerprint, StartsAt: starts}
	pod := alarm{Labels: map[string]string{"alertname": "PodDown", "severity": "warning", "node": "n1", "namespace": "payments", "pod": "p-1"},
		Fingerprint: inhibited, StartsAt: starts.Add(-2 * time.Second)}
	crash := alarm{Labels: map[string]string{"alertname": "KubePodCrashLooping", "severity": "warning", "namespace": "payments", "pod": "p ✓ 日本"},
		Fingerprint: silenced, StartsAt: starts.Add(-3 * time.Second)}
	missed := node
	missed.Status, missed.StartsAt, missed.EndsAt = "resolved", starts.Add(-9*time.Minute), starts.Add(-8*time.Minute)
	twin := node
	twin.StartsAt = starts.Add(-time.Second)
	err := errors.Join(p.post("webhook/eu1", webhook(missed)), p.post("webhook/eu1", webhook(node, pod, crash)), p.post("webhook/eu1", webhook(node)),
		p.post("webhook/eu2", webhook(twin)))
	files, globErr := filepath.Glob(capturedDir + "recorder/*-single.json")
	if err = errors.Join(err, globErr); err != nil {
		return err
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err == nil {
			err = p.post("api/v1/recorder", body)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
