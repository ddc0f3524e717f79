// Package bodies writes webhooks as Alertmanager 0.34 sends them: some 950 bytes
// an alert. Which label set an alert has and which annotations is the caller's
// to say, so a load can be all known, all new, or anything between.
package bodies

import (
	"strconv"
	"time"
)

// Alert is one element of a body.
type Alert struct {
	Set  int // number of the label set
	Note int // number of the annotations: they name the set, and this
	Starts,
	Ends time.Time // Ends zero: firing
	Bad bool // has a label that is a number: stormdrain quarantines it alone
}

// namespaces is over how many the label sets are spread.
const namespaces = 20

// Namespace returns the label namespace of a set.
func Namespace(set int) string { return "team-" + string(digits(nil, set%namespaces, 2)) }

// Pod returns the label pod of a set, which no other set has.
func Pod(set int) string { return string(appendPod(nil, set)) }

// Fingerprint returns what the body gives as the set's fingerprint: 16 digits,
// no two sets the same.
func Fingerprint(set int) string { return string(appendFingerprint(nil, set)) }

const expression = "sum+by+%28namespace%2C+pod%2C+cluster%29+%28kube_pod_status_phase%7Bphase%3D~%22Pending%7CUnknown%7CFailed%22%7D+" +
	"%2A+on+%28namespace%2C+pod%29+kube_pod_owner%29+%3E+0"

const common = `"runbook_url":"https://runbooks.prometheus-operator.dev/runbooks/kubernetes/kubepodnotready",` +
	`"summary":"Pod has been in a non-ready state for more than 15 minutes."`

// Append appends one body with the alerts, all of one group.
func Append(b []byte, group int, alerts []Alert) []byte {
	b = append(b, `{"receiver":"stormdrain","status":"`...)
	b = append(b, status(alerts)...)
	b = append(b, `","alerts":[`...)
	for i := range alerts {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendAlert(b, &alerts[i])
	}
	b = append(b, `],"notification_reason":"new alerts in group","groupLabels":{"alertname":"KubePodNotReady","shard":"`...)
	b = digits(b, group, 4)
	b = append(b, `"},"commonLabels":{"alertname":"KubePodNotReady","cluster":"prod-eu-1","prometheus":"monitoring/k8s","severity":"warning"},"commonAnnotations":{`+
		common+`},"routeLabels":{},"externalURL":"http://alertmanager-main.monitoring:9093","version":"4","groupKey":"{}:{alertname=\"KubePodNotReady\", shard=\"`...)
	b = digits(b, group, 4)
	return append(b, "\\\"}\",\"truncatedAlerts\":0}\n"...)
}

// status of the message is resolved when all alerts are.
func status(alerts []Alert) string {
	for i := range alerts {
		if alerts[i].Ends.IsZero() {
			return "firing"
		}
	}
	return "resolved"
}

func appendAlert(b []byte, a *Alert) []byte {
	name := "firing"
	if !a.Ends.IsZero() {
		name = "resolved"
	}
	b = append(b, `{"status":"`...)
	b = append(b, name...)
	b = append(b, `","labels":{"alertname":"KubePodNotReady","cluster":"prod-eu-1","namespace":"`...)
	b = appendNamespace(b, a.Set)
	b = append(b, `","pod":"`...)
	b = appendPod(b, a.Set)
	b = append(b, `","prometheus":"monitoring/k8s","severity":`...)
	if a.Bad {
		b = append(b, '3')
	} else {
		b = append(b, `"warning"`...)
	}
	b = append(b, `},"annotations":{"description":"Pod `...)
	b = appendNamespace(b, a.Set)
	b = append(b, '/')
	b = appendPod(b, a.Set)
	b = append(b, ` has been in a non-ready state for longer than 15 minutes, `...)
	b = strconv.AppendInt(b, int64(a.Note), 10)
	b = append(b, ` of its probes failed on cluster prod-eu-1.",`+common+`},"startsAt":"`...)
	b = a.Starts.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","endsAt":"`...)
	b = a.Ends.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","generatorURL":"https://prometheus.monitoring.example.com/graph?g0.expr=`+expression+`\u0026g0.tab=1","fingerprint":"`...)
	b = appendFingerprint(b, a.Set)
	return append(b, `"}`...)
}

func appendNamespace(b []byte, set int) []byte {
	return digits(append(b, "team-"...), set%namespaces, 2)
}

// appendPod spells a set as a ReplicaSet's pod: the hash looks like one, the
// number makes it unique.
func appendPod(b []byte, set int) []byte {
	b = append(b, "api-"...)
	b = hex(b, uint64(uint32(uint64(set)*2654435761)), 8)
	return digits(append(b, '-'), set, 9)
}

// appendFingerprint multiplies by an odd number, so no two sets get the same.
func appendFingerprint(b []byte, set int) []byte {
	return hex(b, (uint64(set)+1)*0x9e3779b97f4a7c15, 16)
}

// digits appends n in width digits at least, with zeros in front.
func digits(b []byte, n, width int) []byte {
	for most := pow10(width - 1); most > 1 && n < most; most /= 10 {
		b = append(b, '0')
	}
	return strconv.AppendInt(b, int64(n), 10)
}

func pow10(n int) int {
	p := 1
	for range n {
		p *= 10
	}
	return p
}

func hex(b []byte, v uint64, width int) []byte {
	const alphabet = "0123456789abcdef"
	for shift := 4 * (width - 1); shift >= 0; shift -= 4 {
		b = append(b, alphabet[v>>shift&15])
	}
	return b
}
