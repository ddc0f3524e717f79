package load

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// request is one whole request of a Script, head and body, with places that are
// overwritten to make it another one. All places have a fixed width, so nothing
// moves and the length stays. Each sender owns one.
type request struct {
	text      []byte
	body      int    // where it begins
	id        int    // where the number in X-Request-ID goes; -1: there is none
	truncated int    // where it goes in truncatedAlerts
	slots     []slot // one for each alert; shared by the clones
	*fingerprints

	script *Script
}

// slot is where the parts of one alert go.
type slot struct {
	labelNamespace, labelPod int
	textNamespace, textPod   int // again, in the description
	startsAt                 int // minutes, seconds and milliseconds
	fingerprint              int
}

// newRequest builds the request. head are header lines, each with its end.
func newRequest(s *Script, path, host, head string, withID bool) *request {
	r := &request{script: s, id: -1, fingerprints: newFingerprints(s)}
	body, truncated, slots := body(s)
	var b strings.Builder
	b.WriteString("POST " + path + " HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/json\r\n" + head)
	if withID {
		b.WriteString("X-Request-ID: " + s.RequestID(0) + "\r\n")
		r.id = b.Len() - len("\r\n") - setDigits
	}
	b.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n")
	r.body = b.Len()
	r.truncated = r.body + truncated
	b.WriteString(body)
	for i := range slots {
		slots[i].move(r.body)
	}
	r.text, r.slots = []byte(b.String()), slots
	return r
}

func (s *slot) move(by int) {
	for _, at := range []*int{&s.labelNamespace, &s.labelPod, &s.textNamespace, &s.textPod, &s.startsAt, &s.fingerprint} {
		*at += by
	}
}

// clone returns a request that its caller owns.
func (r *request) clone() *request {
	c := *r
	c.text = slices.Clone(r.text)
	return &c
}

// number makes r request n and returns its bytes, which are r's until the next call.
func (r *request) number(n int) []byte {
	if r.id >= 0 {
		putDigits(r.text[r.id:r.id+setDigits], n)
	}
	putDigits(r.text[r.truncated:r.truncated+setDigits], n)
	for i := range r.slots {
		at, set := &r.slots[i], r.script.Set(n, i)
		namespace := r.text[at.labelNamespace : at.labelNamespace+namespaceWidth]
		putDigits(namespace, set%namespaces)
		copy(r.text[at.textNamespace:], namespace)
		pod := r.text[at.labelPod : at.labelPod+podWidth]
		putHex(pod[:8], uint64(scramble(set)))
		pod[8] = '-'
		putDigits(pod[podWidth-setDigits:], set)
		copy(r.text[at.textPod:], pod)
		putHex(r.text[at.fingerprint:at.fingerprint+16], r.of(set, pod))
		millis, starts := set%millisOfHour, r.text[at.startsAt:]
		putDigits(starts[0:2], millis/60_000)
		putDigits(starts[3:5], millis/1000%60)
		putDigits(starts[6:9], millis%1000)
	}
	return r.text
}

func putDigits(dst []byte, n int) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
}

func putHex(dst []byte, n uint64) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = "0123456789abcdef"[n&15]
		n >>= 4
	}
}

// fingerprints computes Alertmanager's fingerprint of a label set from where the
// sets begin to differ: alert.Fingerprint, which the tests compare it with.
type fingerprints struct {
	before [namespaces]uint64 // the state when all in front of the pod's digits is in it
	after  []byte             // what comes behind them
}

func newFingerprints(s *Script) *fingerprints {
	const end = "\xff"
	f := &fingerprints{after: []byte(end + "prometheus" + end + prometheus + end + "severity" + end + severity + end)}
	for i := range f.before {
		f.before[i] = fnv(14695981039346656037, []byte("alertname"+end+alertname+end+"bench_run"+end+s.Run+end+
			"cluster"+end+cluster+end+"namespace"+end+namespaceOf(i)+end+"pod"+end+podPrefix))
	}
	return f
}

func (f *fingerprints) of(set int, pod []byte) uint64 {
	return fnv(fnv(f.before[set%namespaces], pod), f.after)
}

func fnv(h uint64, b []byte) uint64 {
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// body returns the body of request 0 and where its places are.
func body(s *Script) (text string, truncated int, slots []slot) {
	epoch := s.Epoch.UTC().Truncate(time.Hour)
	hour := func(h time.Duration) string { return epoch.Add(h * time.Hour).Format("2006-01-02T15:") }
	slots = make([]slot, s.Alerts)
	var b strings.Builder
	// place writes prefix and leaves a gap of zeros behind it.
	place := func(prefix string, width int) int {
		b.WriteString(prefix)
		b.WriteString(strings.Repeat("0", width))
		return b.Len() - width
	}
	fmt.Fprintf(&b, `{"receiver":%q,"status":"firing","alerts":[`, s.Receiver())
	for i := range slots {
		at := &slots[i]
		status, ends := "firing", "0001-01-01T00:00:00Z"
		if resolved(i) {
			status, ends = "resolved", hour(resolutions)+"00:00Z"
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"status":%q,"labels":{"alertname":%q,"bench_run":%q,"cluster":%q,"namespace":"`, status, alertname, s.Run, cluster)
		at.labelNamespace = place(namespacePrefix, namespaceWidth)
		at.labelPod = place(`","pod":"`+podPrefix, podWidth)
		b.WriteString(`","prometheus":"` + prometheus + `","severity":"` + severity + `"},"annotations":{"description":"`)
		at.textNamespace = place(descriptionBefore+namespacePrefix, namespaceWidth)
		at.textPod = place("/"+podPrefix, podWidth)
		b.WriteString(descriptionAfter + `",` + commonAnnotations + `},"startsAt":"`)
		at.startsAt = place(hour(firings), 0)
		b.WriteString("00:00.000")
		b.WriteString(`Z","endsAt":"` + ends + `","generatorURL":"` + strings.ReplaceAll(generator, "&", `\u0026`) + `","fingerprint":"`)
		at.fingerprint = place("", 16)
		b.WriteString(`"}`)
	}
	fmt.Fprintf(&b, `],"notification_reason":%q,"groupLabels":{"alertname":%q,"cluster":%q},"commonLabels":{"alertname":%q,"bench_run":%q,"cluster":%q,`+
		`"prometheus":%q,"severity":%q},"commonAnnotations":{%s},"routeLabels":{},"externalURL":%q,"version":"4","groupKey":%q,`,
		reason, alertname, cluster, alertname, s.Run, cluster, prometheus, severity, commonAnnotations, externalURL, groupKey)
	truncated = place(`"truncatedAlerts":1`, setDigits) // a number does not begin with a zero
	b.WriteString("}\n")
	return b.String(), truncated, slots
}

const commonAnnotations = `"runbook_url":"` + runbook + `","summary":"` + summary + `"`

// Body returns the body of request n, for who sends one without a Run.
func (s *Script) Body(n int) []byte {
	r := newRequest(s, "/", "", "", false)
	return r.number(n)[r.body:]
}
