package load

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestRequests(t *testing.T) {
	t.Parallel()
	bodies := newTemplates("127.0.0.1:1", "/webhook/bench", 3723)
	labels, seen := map[string]bool{}, map[string]bool{}
	bytesSent := 0
	const requests = 2 * templateCount
	for n := range requests {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(bodies.appendRequest(nil, n))))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		var w struct {
			Alerts []struct{ Labels, Annotations map[string]string }
		}
		if err := json.Unmarshal(body, &w); err != nil {
			t.Fatal(err)
		}
		if r.URL.Path != "/webhook/bench" || len(w.Alerts) != Alerts {
			t.Fatalf("%d alerts for %s", len(w.Alerts), r.URL.Path)
		}
		for _, a := range w.Alerts {
			labels[a.Labels["pod"]] = true
		}
		seen[string(body)] = true
		bytesSent += len(body)
	}
	if len(labels) != labelSets || len(seen) != requests {
		t.Errorf("%d label sets in %d different bodies", len(labels), len(seen))
	}
	if each := bytesSent / requests / Alerts; each < 850 || each > 1000 {
		t.Errorf("%d bytes an alert", each)
	}
}

func TestCounter(t *testing.T) {
	t.Parallel()
	got := string(newTemplates("h", "/", 3723).appendRequest([]byte("before"), 120_456_789))
	if want := `"startsAt":"2026-11-23T01:02:03.120456789Z"`; !strings.Contains(got, want) || !strings.HasPrefix(got, "beforePOST") {
		t.Errorf("no %s in %.900s", want, got)
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	bodies := map[string]bool{}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			bodies[string(b)] = true
		}
	}))
	defer srv.Close()
	cfg := Config{Address: srv.Listener.Addr().String(), Path: "/webhook", Rate: 1000, Duration: 200 * time.Millisecond, Connections: 4}
	r, err := Run(t.Context(), cfg)
	if err != nil || r.Failures() != "" {
		t.Fatalf("%v; %s", err, r.Failures())
	}
	if r.Due != 200 || r.Acknowledged != 200 || len(bodies) != 200 {
		t.Errorf("%d due, %d acknowledged, %d different bodies", r.Due, r.Acknowledged, len(bodies))
	}
	if r.Elapsed < 199*time.Millisecond || r.P50 <= 0 || r.P50 > r.Max {
		t.Errorf("%+v", r)
	}
}

// A server that keeps one request waiting makes those behind it late, although
// each of them is answered at once when it is sent at last.
func TestLatencyCountsFromWhenARequestWasDue(t *testing.T) {
	t.Parallel()
	var once sync.Once
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		once.Do(func() { // until twenty more are due
			timer := time.NewTimer(100 * time.Millisecond)
			<-timer.C
		})
	}))
	defer srv.Close()
	cfg := Config{Address: srv.Listener.Addr().String(), Path: "/", Rate: 200, Duration: 100 * time.Millisecond, Connections: 1}
	r, err := Run(t.Context(), cfg)
	if err != nil || r.Failures() != "" {
		t.Fatalf("%v; %s", err, r.Failures())
	}
	if r.P50 < 40*time.Millisecond {
		t.Errorf("half of the requests came to a busy server and took no longer than %v", r.P50)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		switch requests.Add(1) {
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 3:
			panic(http.ErrAbortHandler)
		}
	}))
	defer srv.Close()
	cfg := Config{Address: srv.Listener.Addr().String(), Path: "/", Rate: 1000, Duration: 5 * time.Millisecond, Connections: 1}
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.Acknowledged != 3 || r.Failed["status 503"] != 1 || r.Failed["no answer"] != 1 || r.Failures() == "" {
		t.Errorf("%+v", r)
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	f := func(n int, q float64, want time.Duration) {
		t.Helper()
		var all []time.Duration
		for i := range n {
			all = append(all, time.Duration(i+1))
		}
		if got := quantile(all, q); got != want {
			t.Errorf("quantile %v of 1 to %d: %d, want %d", q, n, got, want)
		}
	}
	f(0, .5, 0)
	f(1, .5, 1)
	f(1, .999, 1)
	f(100, .5, 50)
	f(100, .99, 99)
	f(100, 1, 100)
	f(1000, .999, 999)
	f(2000, .999, 1998)
}

func TestValidate(t *testing.T) {
	t.Parallel()
	f := func(c Config) {
		t.Helper()
		if _, err := Run(t.Context(), c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	f(Config{})
	f(Config{Rate: 1, Duration: time.Second})
	f(Config{Rate: 1, Duration: time.Millisecond, Connections: 1})
	f(Config{Rate: 1e6, Duration: time.Minute, Connections: 1})
	f(Config{Rate: 1, Duration: time.Second, Connections: 1, Number: -1})
	f(Config{Rate: 1, Duration: time.Second, Connections: 1, Address: "127.0.0.1:1"})
}
