package obs

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Traffic is what came in until a moment. The difference of two tells a rate.
type Traffic struct {
	Received float64 // alerts that were acknowledged
	// Answers counts those to deliveries by how long they took: element i those of
	// at most requestBuckets()[i], the last one all.
	Answers []uint64
}

// Traffic reads the counters. It costs some ten microseconds.
func (m *Metrics) Traffic() Traffic {
	t := Traffic{Answers: make([]uint64, len(requestBuckets())+1)}
	var read dto.Metric
	if m.AlertsReceived.Write(&read) == nil {
		t.Received = read.GetCounter().GetValue()
	}
	children := make(chan prometheus.Metric)
	go func() {
		m.httpDuration.Collect(children)
		close(children)
	}()
	for child := range children {
		read.Reset()
		if child.Write(&read) != nil || !isWebhook(read.GetLabel()) {
			continue
		}
		h := read.GetHistogram()
		for i, b := range h.GetBucket() {
			if i < len(t.Answers)-1 {
				t.Answers[i] += b.GetCumulativeCount()
			}
		}
		t.Answers[len(t.Answers)-1] += h.GetSampleCount()
	}
	return t
}

func isWebhook(labels []*dto.LabelPair) bool {
	for _, l := range labels {
		if l.GetName() == "handler" {
			return l.GetValue() == "webhook"
		}
	}
	return false
}

// Since returns what came in after an earlier moment.
func (t Traffic) Since(earlier Traffic) Traffic {
	d := Traffic{Received: t.Received - earlier.Received, Answers: make([]uint64, len(t.Answers))}
	for i := range d.Answers {
		d.Answers[i] = t.Answers[i] - earlier.Answers[i]
	}
	return d
}

// Quantile returns how many seconds a part of the answers took at most, as
// Prometheus works it out of buckets: evenly spread within one, and no more than
// the highest edge. false without an answer.
func (t Traffic) Quantile(part float64) (float64, bool) {
	edges := requestBuckets()
	all := t.Answers[len(edges)]
	if all == 0 {
		return 0, false
	}
	rank := part * float64(all)
	below, from := uint64(0), 0.0
	for i, edge := range edges {
		if n := t.Answers[i]; float64(n) >= rank {
			if n == below {
				return from, true
			}
			return from + (edge-from)*(rank-float64(below))/float64(n-below), true
		}
		below, from = t.Answers[i], edge
	}
	return edges[len(edges)-1], true
}
