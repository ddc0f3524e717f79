package load

import (
	"fmt"
	"strconv"
	"strings"
)

// Alerts is how many alerts a request has.
const Alerts = 10

const (
	labelSets     = 2000
	templateCount = labelSets / Alerts
	counterDigits = 9 // of the fraction of a second
	counterModulo = 1_000_000_000
)

// templates are whole requests as Alertmanager 0.34 sends them: 2 000 label sets
// again and again, some 940 bytes an alert. Requests differ in the startsAt of
// their first alert, whose fraction of a second is the request's number. It is
// the storm of wrk/storm.lua.
type templates struct {
	requests [][]byte // with room for the counter
	counter  []int    // where the counter goes in each
}

// newTemplates makes the requests of one run; number is in the seconds.
func newTemplates(address, path string, number int) *templates {
	t := &templates{}
	for i := range templateCount {
		body := webhook(i*Alerts, number)
		request := "POST " + path + " HTTP/1.1\r\nHost: " + address +
			"\r\nUser-Agent: Alertmanager/0.34.2\r\nContent-Type: application/json\r\nContent-Length: " +
			strconv.Itoa(len(body)) + "\r\n\r\n" + body
		t.requests = append(t.requests, []byte(request))
		t.counter = append(t.counter, strings.Index(request, placeholder))
	}
	return t
}

// appendRequest appends request n, which is like no other of the run.
func (t *templates) appendRequest(dst []byte, n int) []byte {
	i := n % len(t.requests)
	at := len(dst) + t.counter[i]
	dst = append(dst, t.requests[i]...)
	for rest, digit := n%counterModulo, at+counterDigits-1; digit >= at; digit-- {
		dst[digit] = byte('0' + rest%10)
		rest /= 10
	}
	return dst
}

const placeholder = "#########"

const expression = "sum+by+%28namespace%2C+pod%2C+cluster%29+%28kube_pod_status_phase%7Bphase%3D~%22Pending%7CUnknown%7CFailed%22%7D+" +
	"%2A+on+%28namespace%2C+pod%29+kube_pod_owner%29+%3E+0"

const common = `"runbook_url":"https://runbooks.prometheus-operator.dev/runbooks/kubernetes/kubepodnotready",` +
	`"summary":"Pod has been in a non-ready state for more than 15 minutes."`

// webhook returns a body with the label sets from first on.
func webhook(first, run int) string {
	var b strings.Builder
	b.WriteString(`{"receiver":"stormdrain","status":"firing","alerts":[`)
	namespace := fmt.Sprintf("team-%02d", first/100%20)
	for i := range Alerts {
		set := first + i
		started := fmt.Sprintf("2026-11-23T06:%02d:%02d.%03dZ", set%60, set%59, set%1000)
		if i == 0 {
			started = fmt.Sprintf("2026-11-23T%02d:%02d:%02d.%sZ", run/3600%24, run/60%60, run%60, placeholder)
		} else {
			b.WriteByte(',')
		}
		pod := fmt.Sprintf("api-%08x-%05d", uint32(set*2654435761), set)
		fmt.Fprintf(&b, `{"status":"firing","labels":{"alertname":"KubePodNotReady","cluster":"prod-eu-1","namespace":"%[1]s","pod":"%[2]s",`+
			`"prometheus":"monitoring/k8s","severity":"warning"},"annotations":{"description":"Pod %[1]s/%[2]s has been in a non-ready state `+
			`for longer than 15 minutes, %[3]d.%[4]d %% of its probes failed on cluster prod-eu-1.",%[5]s},"startsAt":"%[6]s",`+
			`"endsAt":"0001-01-01T00:00:00Z","generatorURL":"https://prometheus.monitoring.example.com/graph?g0.expr=%[7]s\u0026g0.tab=1",`+
			`"fingerprint":"%08[8]x%08[9]x"}`,
			namespace, pod, 10+set%90, set%10, common, started, expression, uint32((set+1)*2654435761), uint32((set+7)*2246822519))
	}
	fmt.Fprintf(&b, `],"notification_reason":"new alerts in group","groupLabels":{"alertname":"KubePodNotReady","namespace":"%[1]s"},`+
		`"commonLabels":{"alertname":"KubePodNotReady","cluster":"prod-eu-1","namespace":"%[1]s","prometheus":"monitoring/k8s","severity":"warning"},`+
		`"commonAnnotations":{%[2]s},"routeLabels":{},"externalURL":"http://alertmanager-main.monitoring:9093","version":"4",`+
		`"groupKey":"{}:{alertname=\"KubePodNotReady\", namespace=\"%[1]s\"}","truncatedAlerts":0}`+"\n", namespace, common)
	return b.String()
}
