package browser

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"stormdrain/internal/alert"
)

const (
	episodes    = 10_000
	fingerprint = "b4683d7b0069a334" // of the first episode, whose life is told
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

// episode has the keys of docs/api.md.
type episode struct {
	ID              string            `json:"id"`
	Source          string            `json:"source"`
	Fingerprint     string            `json:"fingerprint"`
	Status          string            `json:"status"`
	Open            bool              `json:"open"`
	StartsAt        time.Time         `json:"startsAt"`
	EndsAt          *time.Time        `json:"endsAt"`
	SupersededAt    *time.Time        `json:"supersededAt"`
	FirstReceivedAt time.Time         `json:"firstReceivedAt"`
	LastReceivedAt  time.Time         `json:"lastReceivedAt"`
	Receipts        int               `json:"receipts"`
	ResolvedOnly    bool              `json:"resolvedOnly"`
	Receivers       []string          `json:"receivers"`
	Labels          map[string]string `json:"labels"`
	Annotations     map[string]string `json:"annotations"`
	GeneratorURL    string            `json:"generatorURL"`
	GroupKey        string            `json:"groupKey"`
	GroupLabels     map[string]string `json:"groupLabels"`
	ExternalURL     string            `json:"externalURL"`
	Extra           struct{}          `json:"extra"`
	DeliveryExtra   struct{}          `json:"deliveryExtra"`

	pairs []alert.Pair // Labels, for matchers
}

func (e *episode) until(now time.Time) time.Time {
	switch {
	case e.EndsAt != nil:
		return *e.EndsAt
	case e.SupersededAt != nil:
		return *e.SupersededAt
	}
	return now.Add(time.Hour)
}

// generate makes the episodes of the hour before now, newest first. They come in
// two waves, as in a storm.
func generate(now time.Time) []*episode {
	random := rand.New(rand.NewPCG(3, 12))
	names := []string{"NodeDown", "KubePodCrashLooping", "TargetDown", "HighRequestLatency", "DiskWillFillUp", "etcdMembersDown", "CertificateExpires"}
	severities := []string{"critical", "warning", "warning", "warning", "info", "error", ""}
	all := make([]*episode, episodes)
	for i := range all {
		n := i % 97
		e := &episode{
			ID: fmt.Sprint(episodes - i), Source: []string{"eu1", "eu1", "us1", ""}[n%4], Fingerprint: fmt.Sprintf("%016x", 0xabc000+n),
			StartsAt: now.Add(-age(i)), Receipts: 1 + random.IntN(40), Receivers: []string{"team-a"}, Status: "resolved",
			Labels:       map[string]string{"alertname": names[n%7], "severity": severities[(i+n)%7], "instance": fmt.Sprintf("n%03d.eu1.example.net:9100", n), "namespace": "payments"},
			Annotations:  map[string]string{"summary": "It is down.", "runbook_url": "https://runbooks.example.com/NodeDown?a=1&b=2"},
			GeneratorURL: "http://prometheus.example.com/graph?g0.expr=up%3D%3D0", ExternalURL: "http://alertmanager.example.com",
			GroupKey: `{}:{alertname="NodeDown"}`,
		}
		if e.Labels["severity"] == "" {
			delete(e.Labels, "severity")
		}
		e.FirstReceivedAt, e.LastReceivedAt = e.StartsAt.Add(30*time.Second), e.StartsAt.Add(40*time.Second)
		end := e.StartsAt.Add(time.Duration(random.ExpFloat64()*float64(4*time.Minute)) + 10*time.Second)
		switch {
		case end.After(now) || n == 5:
			e.Status, e.Open = "firing", true
		case n == 7:
			e.Status, e.SupersededAt = "firing", &end
		default:
			e.EndsAt = &end
		}
		all[i] = e
	}
	for i, text := range hostile {
		e := all[i+1]
		e.Labels = map[string]string{"alertname": text, "severity": text, text: text, "__proto__": text, "constructor": text}
		e.Annotations = map[string]string{"summary": text, "runbook_url": "javascript:window.pwned=1", "__proto__": text}
		e.GeneratorURL, e.ExternalURL = "javascript:window.pwned=1", "data:text/html,<script>window.pwned=1</script>"
		e.Fingerprint = fmt.Sprintf("%016x", 0xbad0+i)
	}
	all[0].Fingerprint = fingerprint
	all[0].Labels = map[string]string{"alertname": "NodeDown", "severity": "critical", "node": "n1", "namespace": "infra"}
	for _, e := range all {
		for n, v := range e.Labels {
			e.pairs = append(e.pairs, alert.Pair{Name: n, Value: v})
		}
	}
	return all
}

// age is how long before now episode i begins: most of them in two waves.
func age(i int) time.Duration {
	part := float64(i) / episodes
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
