package obs

import (
	"math"
	"testing"
	"time"
)

func TestTraffic(t *testing.T) {
	m := NewMetrics(Build{})
	webhook, other := m.HTTPHandler("webhook", 200, 503), m.HTTPHandler("events", 200)
	webhook.Observe(200, time.Hour)
	m.AlertsReceived.Add(5)
	before := m.Traffic()
	if before.Received != 5 || before.Answers[len(before.Answers)-1] != 1 {
		t.Errorf("%+v", before)
	}
	if _, ok := before.Since(before).Quantile(0.99); ok {
		t.Error("a quantile of nothing")
	}
	m.AlertsReceived.Add(2)
	for range 90 {
		webhook.Observe(200, 800*time.Microsecond)
	}
	for range 10 {
		webhook.Observe(503, 15*time.Millisecond)
		other.Observe(200, time.Minute)
	}
	d := m.Traffic().Since(before)
	f := func(part, want float64) {
		t.Helper()
		if got, ok := d.Quantile(part); !ok || math.Abs(got-want) > 1e-9 {
			t.Errorf("quantile %v is %v, want %v", part, got, want)
		}
	}
	if d.Received != 2 {
		t.Errorf("received %v", d.Received)
	}
	f(0.45, 0.00075)
	f(0.9, 0.001)
	f(0.95, 0.015)
	f(1, 0.02)
	for range 1000 {
		webhook.Observe(200, time.Minute)
	}
	d = m.Traffic().Since(before)
	f(0.99, 10)
}
