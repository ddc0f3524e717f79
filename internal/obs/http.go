package obs

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func (m *Metrics) http() {
	m.httpRequests = m.counterVec("http_requests_total", "HTTP requests that were answered.", "handler", "code")
	m.httpDuration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: "http_request_duration_seconds",
		Help:    "Time from the end of a request's header until its answer was ready to be sent.",
		Buckets: requestBuckets(), NativeHistogramBucketFactor: nativeFactor, NativeHistogramMaxBucketNumber: nativeMost,
	}, []string{"handler", "code"})
	m.HTTPInFlight = prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "http_requests_in_flight", Help: "HTTP requests that are being worked on.",
	})
	m.registry.MustRegister(m.httpDuration, m.HTTPInFlight)
	m.HTTPConnectionsRefused = m.counter("http_connections_refused_total", "Connections refused because too many were open.")
	m.WebhookBodyBytes = m.counter("webhook_body_bytes_total", "Bytes of alerts' bodies that arrived whole, as they were sent, which may be compressed.")
	m.HTTPHandshakesFailed = m.counter("http_tls_handshakes_failed_total", "TLS handshakes that failed: wrong certificates, wrong versions, plain HTTP.")
}

// requestBuckets has an edge at each threshold of the alert rules, 10 ms and
// 20 ms, so that they do not rest on an interpolation.
func requestBuckets() []float64 {
	return []float64{.0005, .001, .0025, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5, 10}
}

const (
	lowestCode  = 100
	highestCode = 599
)

// HTTPHandler counts the requests of one handler. It is safe for concurrent
// use, and after the first request with a status code free of look-ups.
type HTTPHandler struct {
	metrics *Metrics
	name    string
	byCode  [highestCode - lowestCode + 1]atomic.Pointer[httpChild]
}

type httpChild struct {
	requests prometheus.Counter
	duration prometheus.Observer
}

// HTTPHandler returns the counters of the handler of that name. The codes given
// are there from the start, at 0, so that a rate over them has a beginning.
func (m *Metrics) HTTPHandler(name string, codes ...int) *HTTPHandler {
	h := &HTTPHandler{metrics: m, name: name}
	for _, code := range codes {
		h.child(code)
	}
	return h
}

// Observe counts one request that took d and was answered with code.
func (h *HTTPHandler) Observe(code int, d time.Duration) {
	c := h.child(code)
	c.requests.Inc()
	c.duration.Observe(d.Seconds())
}

func (h *HTTPHandler) child(code int) *httpChild {
	code = min(max(code, lowestCode), highestCode)
	slot := &h.byCode[code-lowestCode]
	if c := slot.Load(); c != nil {
		return c
	}
	// Two goroutines may come here at once; both get the same children.
	label := strconv.Itoa(code)
	c := &httpChild{
		requests: h.metrics.httpRequests.WithLabelValues(h.name, label),
		duration: h.metrics.httpDuration.WithLabelValues(h.name, label),
	}
	slot.Store(c)
	return c
}
