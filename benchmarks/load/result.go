package load

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what became of the requests. Latencies are those of acknowledged
// requests, from when each was due, to three significant digits.
type Result struct {
	Due          int            `json:"due"`
	Sent         int            `json:"sent"` // or begun to be
	Acknowledged int            `json:"acknowledged"`
	Failed       map[string]int `json:"failed,omitempty"` // by status, or by what went wrong
	Unsent       int            `json:"unsent"`           // their time had run out before a connection was free
	Interrupted  bool           `json:"interrupted,omitempty"`

	Elapsed   time.Duration `json:"elapsed_ns"` // until the last answer
	PerSecond float64       `json:"requests_per_second"`

	P50  time.Duration `json:"p50_ns"`
	P95  time.Duration `json:"p95_ns"`
	P99  time.Duration `json:"p99_ns"`
	P999 time.Duration `json:"p999_ns"`
	Max  time.Duration `json:"max_ns"`
}

// Failures says what went wrong, "" for nothing.
func (r *Result) Failures() string {
	if len(r.Failed) == 0 && r.Unsent == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d requests acknowledged, %d never sent, failed: %v", r.Acknowledged, r.Due, r.Unsent, r.Failed)
}

// failure is what can go wrong with a request besides a status.
type failure uint8

const (
	noConnection failure = iota // refused, or not made in time: nothing was sent
	timedOut
	noAnswer // the connection broke, or what came is no HTTP
	failures
)

func (f failure) String() string {
	return [failures]string{"no connection", "timeout", "no answer"}[f]
}

// tally counts what all senders of a run report. Nothing in it allocates.
type tally struct {
	mu        sync.Mutex
	latencies *hdrhistogram.Histogram // of acknowledged requests, in nanoseconds
	statuses  [1000]int               // of the others
	failed    [failures]int
}

// shortest and longest latency that is told from shorter and longer ones.
const (
	shortest = time.Microsecond
	longest  = time.Hour
)

func newTally() *tally {
	return &tally{latencies: hdrhistogram.New(int64(shortest), int64(longest), 3)}
}

func (t *tally) acknowledge(latency time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.latencies.RecordValue(int64(min(max(latency, 0), longest))); err != nil {
		panic(fmt.Sprintf("BUG: latency %v: %v", latency, err))
	}
}

func (t *tally) refuse(status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.statuses[status]++
}

func (t *tally) fail(f failure) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed[f]++
}

func (t *tally) result(due, taken int, elapsed time.Duration, interrupted bool) Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := Result{Due: due, Unsent: due - taken, Interrupted: interrupted, Elapsed: elapsed, Failed: map[string]int{}}
	for status, n := range t.statuses {
		if n > 0 {
			r.Failed[strconv.Itoa(status)] = n
		}
	}
	for f, n := range t.failed {
		if n > 0 {
			r.Failed[failure(f).String()] = n
		}
	}
	r.Acknowledged = int(t.latencies.TotalCount())
	r.Sent = taken - t.failed[noConnection]
	r.PerSecond = float64(r.Acknowledged) / elapsed.Seconds()
	if r.Acknowledged == 0 {
		return r // the largest of no latencies is not 0 for the histogram
	}
	at := func(q float64) time.Duration { return time.Duration(t.latencies.ValueAtQuantile(q)) }
	r.P50, r.P95, r.P99, r.P999, r.Max = at(50), at(95), at(99), at(99.9), time.Duration(t.latencies.Max())
	return r
}
