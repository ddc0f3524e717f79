package obs

import (
	"net/http"
	"regexp"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// namespace is the prefix that the contract fixes for every metric.
const namespace = "stormdrain"

// Build says which program this is, for build_info.
type Build struct{ Version, Revision string }

// Metrics holds the metrics that the parts of the program set themselves. Each
// part takes the children of a vector that it needs once, when it starts: to
// look one up per request costs seven times as much as to add to it.
//
// What is known elsewhere and only read when somebody scrapes (a backlog, the
// size of a table) is registered with Gauge instead.
type Metrics struct {
	AlertsReceived    prometheus.Counter     // acknowledged by this process
	AlertsTruncated   prometheus.Counter     // left out of what was received
	AlertsReplayed    prometheus.Counter     // found in the journal at its start
	AlertsStored      prometheus.Counter     // committed in the store
	AlertsQuarantined *prometheus.CounterVec // label reason
	BodiesQuarantined *prometheus.CounterVec // label reason

	RecorderEvents            prometheus.Counter     // acknowledged by this process
	RecorderEventsQuarantined *prometheus.CounterVec // label reason

	JournalFsync           prometheus.Histogram // seconds
	JournalTornTails       prometheus.Counter
	JournalDamaged         prometheus.Counter // damaged places
	JournalFailedSegments  prometheus.Counter
	StoreFlush             *prometheus.HistogramVec // label store, seconds
	StoreFlushRows         prometheus.Histogram
	StoreUp                prometheus.Gauge     // 1 or 0
	EpisodesFold           prometheus.Histogram // seconds
	EpisodesFolded         prometheus.Counter   // events
	HTTPInFlight           prometheus.Gauge
	HTTPConnectionsRefused prometheus.Counter
	WebhookBodyBytes       prometheus.Counter // as they were sent
	HTTPHandshakesFailed   prometheus.Counter

	registry     *prometheus.Registry
	httpRequests *prometheus.CounterVec
	httpDuration *prometheus.HistogramVec
}

// NewMetrics makes the metrics in a registry of their own, together with those
// of the Go runtime and of the process.
func NewMetrics(b Build) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.alerts()
	m.storage()
	m.http()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info",
		Help: "Which program this is; the value is always 1.",
		ConstLabels: prometheus.Labels{
			"version": b.Version, "revision": b.Revision, "goversion": runtime.Version(),
		},
	})
	info.Set(1)
	m.registry.MustRegister(info,
		collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(runtimeMetrics())),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// runtimeMetrics is what the dashboard shows of the runtime beyond the collector's
// own choice: where the CPU and the memory are, how long goroutines wait for a
// processor and for locks, what the collector of garbage does.
func runtimeMetrics() collectors.GoRuntimeMetricsRule {
	return collectors.GoRuntimeMetricsRule{
		Matcher: regexp.MustCompile(`^/(cpu/classes|gc|memory/classes|sched|sync/mutex/wait)/`),
	}
}

func (m *Metrics) alerts() {
	m.AlertsReceived = m.counter("alerts_received_total", "Alerts that this process has acknowledged with a 2xx.")
	m.AlertsTruncated = m.counter("truncated_alerts_total", "Alerts that senders said they left out of deliveries, because of max_alerts.")
	m.AlertsReplayed = m.counter("alerts_replayed_total", "Alerts that were found in the journal at its start and not yet stored.")
	m.AlertsStored = m.counter("alerts_stored_total", "Alerts that are committed in the store.")
	m.AlertsQuarantined = m.counterVec("alerts_quarantined_total", "Alerts that could not be stored and were put into quarantine.", "reason")
	m.BodiesQuarantined = m.counterVec("bodies_quarantined_total", "Bodies that were refused and kept in quarantine.", "reason")
	m.RecorderEvents = m.counter("recorder_events_total", "Events of Alertmanager's recorder that this process has acknowledged with a 2xx.")
	m.RecorderEventsQuarantined = m.counterVec("recorder_events_quarantined_total",
		"Events of Alertmanager's recorder that could not be stored and were put into quarantine.", "reason")
}

func (m *Metrics) storage() {
	m.JournalFsync = m.histogram("journal_fsync_duration_seconds", "Time that one fdatasync of the journal took.", fsyncBuckets())
	m.JournalTornTails = m.counter("journal_torn_tails_total", "Torn ends of the journal that were cut off at a start.")
	m.JournalDamaged = m.counter("journal_damaged_total", "Places in the journal that were damaged and had to be skipped.")
	m.JournalFailedSegments = m.counter("journal_failed_segments_total", "Segments given up after a failed write or fsync.")
	m.StoreFlush = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: "store_flush_duration_seconds",
		Help:    "Time that one transaction with a batch of alerts took.",
		Buckets: flushBuckets(), NativeHistogramBucketFactor: nativeFactor, NativeHistogramMaxBucketNumber: nativeMost,
	}, []string{"store"})
	m.registry.MustRegister(m.StoreFlush)
	m.StoreFlushRows = m.histogram("store_flush_rows", "Alerts in one transaction.", prometheus.ExponentialBuckets(1, 4, 8))
	m.EpisodesFold = m.histogram("episodes_fold_duration_seconds", "Time that one transaction took that folded events into episodes.", flushBuckets())
	m.EpisodesFolded = m.counter("episodes_folded_total", "Events that were folded into episodes, those that were read again included.")
	m.StoreUp = prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "store_up", Help: "1 when the store answered the last time it was asked, else 0.",
	})
	m.registry.MustRegister(m.StoreUp)
}

func (m *Metrics) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) counterVec(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	m.registry.MustRegister(c)
	return c
}

// nativeFactor makes neighbouring buckets of a native histogram differ by at
// most 10 %; nativeMost bounds their number, so that one odd afternoon does not
// cost memory for ever.
const (
	nativeFactor = 1.1
	nativeMost   = 160
)

func (m *Metrics) histogram(name, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: namespace, Name: name, Help: help,
		Buckets: buckets, NativeHistogramBucketFactor: nativeFactor, NativeHistogramMaxBucketNumber: nativeMost,
	})
	m.registry.MustRegister(h)
	return h
}

// fsyncBuckets runs from a fast NVMe drive to a disk that is about to fail.
func fsyncBuckets() []float64 {
	return []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}
}

func flushBuckets() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
}

// Gauge registers a gauge that is read when somebody scrapes. The name is
// without the prefix; labels may be nil and are fixed. read must be cheap and
// safe to call from any goroutine.
func (m *Metrics) Gauge(name, help string, labels map[string]string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: name, Help: help, ConstLabels: labels,
	}, read))
}

// Counter is Gauge for a number that only grows.
func (m *Metrics) Counter(name, help string, labels map[string]string, read func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Namespace: namespace, Name: name, Help: help, ConstLabels: labels,
	}, read))
}

// Gatherer returns what there is to scrape.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// Handler serves the metrics as Prometheus text, OpenMetrics text or protobuf,
// whichever the Accept header asks for.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}
