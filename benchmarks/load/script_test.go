package load

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"testing"
	"time"
)

// sent is a body as a server reads it.
type sent struct {
	Receiver, GroupKey, ExternalURL string
	NotificationReason              string `json:"notification_reason"`
	TruncatedAlerts                 uint64
	GroupLabels, CommonLabels       map[string]string
	Alerts                          []struct {
		Status, GeneratorURL, Fingerprint string
		Labels, Annotations               map[string]string
		StartsAt, EndsAt                  time.Time
	}
}

// What is sent is what Script says of it, for every kind of number.
func TestRequestsFollowTheScript(t *testing.T) {
	t.Parallel()
	f := func(alerts, distinct int, numbers ...int) {
		t.Helper()
		s := Script{Run: "7c9e6679", Alerts: alerts, Distinct: distinct, Epoch: time.Date(2026, 11, 23, 21, 59, 0, 5, time.FixedZone("", 3600))}
		first := newRequest(&s, "/webhook/bench", "h:1", "X-A: b\r\n", true)
		r := first.clone()
		seen, began := map[string]bool{}, map[int]time.Time{}
		for _, n := range numbers {
			text := r.number(n)
			req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(req.Body)
			if err != nil || int(req.ContentLength) != len(body) || len(text) != r.body+len(body) || req.URL.Path != "/webhook/bench" {
				t.Fatalf("%v %s", err, text)
			}
			if back, ok := s.NumberOf(req.Header.Get("X-Request-ID")); !ok || back != n {
				t.Errorf("request %d has the ID %q", n, req.Header.Get("X-Request-ID"))
			}
			if !bytes.Equal(body, s.Body(n)) {
				t.Errorf("Body(%d) is another", n)
			}
			seen[string(body)] = true
			var got sent
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatalf("%v in %s", err, body)
			}
			if d := s.Delivery(); got.Receiver != d.Receiver || got.GroupKey != d.GroupKey || got.ExternalURL != d.ExternalURL ||
				got.NotificationReason != d.NotificationReason || got.TruncatedAlerts != s.Truncated(n) || !maps.Equal(got.GroupLabels, d.GroupLabels) {
				t.Errorf("delivery %d: %+v", n, got)
			}
			for i, a := range got.Alerts {
				want := s.Alert(n, i)
				if a.EndsAt.Year() == 1 {
					a.EndsAt = time.Time{}
				}
				if a.Status != want.Status || a.GeneratorURL != want.GeneratorURL || a.Fingerprint != want.Fingerprint ||
					!maps.Equal(a.Labels, want.Labels) || !maps.Equal(a.Annotations, want.Annotations) ||
					!a.StartsAt.Equal(want.StartsAt) || !a.EndsAt.Equal(want.EndsAt) {
					t.Fatalf("alert %d of request %d is %+v, want %+v", i, n, a, want)
				}
				set, ok := s.SetOf(a.Labels["pod"])
				if !ok || set != s.Set(n, i) {
					t.Errorf("alert %d of request %d: %q is set %d", i, n, a.Labels["pod"], set)
				}
				if at, ok := began[set]; ok && !at.Equal(a.StartsAt) {
					t.Errorf("set %d began at %v and at %v: a storm sends the same alerts again", set, at, a.StartsAt)
				}
				began[set] = a.StartsAt
				if a.StartsAt.After(s.Epoch.Add(3 * time.Hour)) {
					t.Errorf("alert %d of request %d is to come: %v", i, n, a.StartsAt)
				}
				for name, value := range got.CommonLabels {
					if a.Labels[name] != value {
						t.Errorf("common label %s is %q", name, a.Labels[name])
					}
				}
			}
			if len(got.Alerts) != alerts {
				t.Errorf("%d alerts", len(got.Alerts))
			}
			if each := len(body) / alerts; alerts == 10 && (each < 850 || each > 1000) {
				t.Errorf("%d bytes an alert", each)
			}
		}
		if len(seen) != len(numbers) || bytes.Equal(first.text, r.text) {
			t.Errorf("%d different bodies of %d", len(seen), len(numbers))
		}
	}
	f(10, 2000, 0, 1, 199, 200, 201, 399, 12_345_678, 999_999_998)
	f(1, 1_000_000_000, 1, 999_999_999, 3_599_999, 3_600_000)
	f(20, 7, 0, 1, 2)
	f(100, 100, 5)
}

func TestDistinct(t *testing.T) {
	t.Parallel()
	f := func(distinct, requests, want int) {
		t.Helper()
		s := Script{Run: "r", Alerts: 10, Distinct: distinct}
		seen := map[string]bool{}
		for n := range requests {
			for i := range s.Alerts {
				seen[s.Alert(n, i).Fingerprint] = true
			}
		}
		if len(seen) != want {
			t.Errorf("%d label sets in %d requests, want %d", len(seen), requests, want)
		}
	}
	f(2000, 400, 2000)
	f(1, 3, 1)
	f(7, 30, 7)
	f(5000, 500, 5000)
	f(1_000_000, 500, 5000)
}

func TestSetOf(t *testing.T) {
	t.Parallel()
	s := Script{Run: "r", Alerts: 10, Distinct: 2000}
	if set, ok := s.SetOf(podOf(1999)); !ok || set != 1999 {
		t.Errorf("%d %v", set, ok)
	}
	f := func(pod string) {
		t.Helper()
		if set, ok := s.SetOf(pod); ok {
			t.Errorf("%q is set %d", pod, set)
		}
	}
	f("")
	f(podOf(2000))
	f(podOf(1)[:len(podPrefix)+8] + podOf(2)[len(podPrefix)+8:])
	f("api-xxxxxxxx-00000000x")
	for _, id := range []string{"", "bench-r-", "bench-r-12", "bench-q-000000001", "bench-r-00000000x", "bench-r-0000000001"} {
		if n, ok := s.NumberOf(id); ok {
			t.Errorf("%q is request %d", id, n)
		}
	}
}
