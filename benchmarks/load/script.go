package load

import (
	"fmt"
	"strings"
	"time"

	"stormdrain/internal/alert"
)

// Script is what the requests of a run say. Alert i of request n is about label
// set n*Alerts+i modulo Distinct; everything else follows from these three
// numbers, so what was sent need not be remembered to be compared with what
// came back.
//
// The texts are those of Alertmanager 0.34, some 940 bytes an alert. A label set
// began to fire at the same moment whenever it comes, as in a storm in which
// groups are sent again and again. Every tenth alert of a request is resolved.
// Requests differ in truncatedAlerts, which has the request's number in it:
// whatever else could differ would make a new alert of a repeated one.
type Script struct {
	Run      string // letters and digits, in every label set and in the receiver: no two runs on one server may share it
	Alerts   int    // of a request
	Distinct int    // label sets over the run; with as many as there are alerts, each one is new
	Epoch    time.Time
}

// Hours after Epoch, which is cut to the full hour.
const (
	firings     = 0 // an alert began within this hour,
	resolutions = 1 // and what is resolved ended at the beginning of this one
)

const (
	namespaces      = 20
	mostSets        = 1_000_000_000 // nine digits
	mostRequests    = 1_000_000_000 // nine digits of truncatedAlerts
	alertsOfRequest = 10_000
)

func (s *Script) validate() error {
	switch {
	case s.Run == "" || strings.ContainsFunc(s.Run, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'z') }):
		return fmt.Errorf("load: the run's name %q; want lower-case letters and digits", s.Run)
	case s.Alerts < 1 || s.Alerts > alertsOfRequest:
		return fmt.Errorf("load: %d alerts a request; from 1 to %d are possible", s.Alerts, alertsOfRequest)
	case s.Distinct < 1 || s.Distinct > mostSets:
		return fmt.Errorf("load: %d label sets; from 1 to %d are possible", s.Distinct, mostSets)
	}
	return nil
}

// Set returns which label set alert i of request n is about.
func (s *Script) Set(n, i int) int { return (n*s.Alerts + i) % s.Distinct }

// SetOf is the inverse: it finds the label set in the name of its pod. False for
// a name that no set has.
func (s *Script) SetOf(pod string) (set int, ok bool) {
	if len(pod) != len(podPrefix)+podWidth {
		return 0, false
	}
	for _, c := range []byte(pod[len(pod)-setDigits:]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		set = set*10 + int(c-'0')
	}
	return set, set < s.Distinct && podOf(set) == pod
}

// The envelope, the same for every request of the run.
const (
	cluster     = "prod-eu-1"
	groupKey    = `{}:{alertname="KubePodNotReady", cluster="prod-eu-1"}`
	externalURL = "http://alertmanager-main.monitoring:9093"
	reason      = "new alerts in group"
)

// Delivery is what belongs to a request and not to one of its alerts.
type Delivery struct {
	Receiver, GroupKey, ExternalURL string
	GroupLabels                     map[string]string
	NotificationReason              string
}

// Receiver is the run's own, so that its events can be asked for by it.
func (s *Script) Receiver() string { return "bench-" + s.Run }

// Delivery returns it; it is the same for every request.
func (s *Script) Delivery() Delivery {
	return Delivery{
		Receiver: s.Receiver(), GroupKey: groupKey, ExternalURL: externalURL, NotificationReason: reason,
		GroupLabels: map[string]string{"alertname": alertname, "cluster": cluster},
	}
}

// Truncated is what request n says in truncatedAlerts.
func (s *Script) Truncated(n int) uint64 { return mostRequests + uint64(n) }

// RequestID is what request n says in X-Request-ID, if it says anything.
func (s *Script) RequestID(n int) string { return fmt.Sprintf("%s-%0*d", s.Receiver(), setDigits, n) }

// NumberOf is the inverse of RequestID.
func (s *Script) NumberOf(requestID string) (n int, ok bool) {
	rest, ok := strings.CutPrefix(requestID, s.Receiver()+"-")
	if !ok || len(rest) != setDigits {
		return 0, false
	}
	for _, c := range []byte(rest) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// Alert is one alert as it is sent, and so as it has to come back.
type Alert struct {
	Status, GeneratorURL, Fingerprint string
	Labels, Annotations               map[string]string
	StartsAt, EndsAt                  time.Time // EndsAt is zero while it fires
}

// Alert returns alert i of request n.
func (s *Script) Alert(n, i int) Alert {
	set := s.Set(n, i)
	epoch := s.Epoch.UTC().Truncate(time.Hour)
	a := Alert{
		Status: "firing", GeneratorURL: generator,
		Labels: map[string]string{
			"alertname": alertname, "bench_run": s.Run, "cluster": cluster, "namespace": namespaceOf(set),
			"pod": podOf(set), "prometheus": prometheus, "severity": severity,
		},
		Annotations: map[string]string{
			"description": descriptionBefore + namespaceOf(set) + "/" + podOf(set) + descriptionAfter,
			"runbook_url": runbook, "summary": summary,
		},
		StartsAt: epoch.Add(firings*time.Hour + time.Duration(set%millisOfHour)*time.Millisecond),
	}
	if resolved(i) {
		a.Status, a.EndsAt = "resolved", epoch.Add(resolutions*time.Hour)
	}
	a.Fingerprint = fmt.Sprintf("%016x", alert.Fingerprint([]alert.Pair{
		{Name: "alertname", Value: alertname}, {Name: "bench_run", Value: s.Run}, {Name: "cluster", Value: cluster},
		{Name: "namespace", Value: namespaceOf(set)}, {Name: "pod", Value: podOf(set)},
		{Name: "prometheus", Value: prometheus}, {Name: "severity", Value: severity},
	}))
	return a
}

func resolved(i int) bool { return i%10 == 9 }

const millisOfHour = 3_600_000

const (
	alertname  = "KubePodNotReady"
	prometheus = "monitoring/k8s"
	severity   = "warning"
	generator  = "https://prometheus.monitoring.example.com/graph?g0.expr=sum+by+%28namespace%2C+pod%2C+cluster%29+%28kube_pod_status_phase" +
		"%7Bphase%3D~%22Pending%7CUnknown%7CFailed%22%7D+%2A+on+%28namespace%2C+pod%29+kube_pod_owner%29+%3E+0&g0.tab=1"
	descriptionBefore = "Pod "
	descriptionAfter  = " has been in a non-ready state for longer than 15 minutes, and probes failed on cluster " + cluster + "."
	runbook           = "https://runbooks.prometheus-operator.dev/runbooks/kubernetes/kubepodnotready"
	summary           = "Pod has been in a non-ready state for more than 15 minutes."

	namespacePrefix = "team-"
	namespaceWidth  = 2
	podPrefix       = "api-"
	setDigits       = 9
	podWidth        = 8 + 1 + setDigits
)

func namespaceOf(set int) string {
	return fmt.Sprintf("%s%0*d", namespacePrefix, namespaceWidth, set%namespaces)
}

// podOf begins with scrambled digits, for names that come one after the other
// would be kinder to an index than those of real pods.
func podOf(set int) string {
	return fmt.Sprintf("%s%08x-%0*d", podPrefix, scramble(set), setDigits, set)
}

func scramble(set int) uint32 { return uint32(set) * 2654435761 }
