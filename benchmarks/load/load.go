// Package load sends alerts at a constant rate. Requests become due at regular
// moments, whether the server keeps up or not, and a request's latency counts
// from when it was due: a server that stands still for a second makes every
// request of that second late, as it would for senders who do not know of each
// other.
package load

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Config is one run.
type Config struct {
	Address     string // host:port
	Path        string
	Rate        int // requests a second
	Duration    time.Duration
	Connections int
	Number      int // of the run: no two runs on one server may have the same
}

// most bounds the memory of a run: 80 MB of latencies.
const most = 10_000_000

// overtime is how long after the last request became due the answers may take.
const overtime = 10 * time.Second

// Validate names the first field that makes no sense.
func (c *Config) Validate() error {
	switch n := c.total(); {
	case c.Rate < 1 || c.Connections < 1 || c.Duration <= 0:
		return fmt.Errorf("load: %d requests a second for %v over %d connections is no load", c.Rate, c.Duration, c.Connections)
	case n < 1 || n > most:
		return fmt.Errorf("load: %d requests; from 1 to %d are possible", n, most)
	case c.Number < 0:
		return fmt.Errorf("load: number %d of the run is negative", c.Number)
	}
	return nil
}

func (c *Config) total() int { return int(float64(c.Rate) * c.Duration.Seconds()) }

// due returns when request n is due, counted from the beginning.
func (c *Config) due(n int) time.Duration {
	return time.Duration(float64(n) / float64(c.Rate) * float64(time.Second))
}

// Result is what became of the requests.
type Result struct {
	Due          int            `json:"due"`
	Acknowledged int            `json:"acknowledged"`
	Failed       map[string]int `json:"failed,omitempty"` // by what went wrong
	Unsent       int            `json:"unsent"`           // their time had run out before a connection was free

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

// Run opens the connections and sends. A run in which requests failed is
// returned like any other; ask Failures.
func Run(ctx context.Context, cfg Config) (Result, error) {
	if err := cfg.Validate(); err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Duration+overtime)
	defer cancel()
	bodies := newTemplates(cfg.Address, cfg.Path, cfg.Number)
	senders := make([]*sender, cfg.Connections)
	for i := range senders {
		s, err := newSender(ctx, cfg.Address, bodies)
		if err != nil {
			return Result{}, err
		}
		defer s.close()
		senders[i] = s
	}
	tickets := make(chan int)
	var done sync.WaitGroup
	begin := time.Now()
	for _, s := range senders {
		done.Go(func() { s.run(&cfg, begin, tickets) })
	}
	sent := pace(ctx, &cfg, begin, tickets)
	done.Wait()
	return summarize(&cfg, sent, time.Since(begin), senders), nil
}

// pace hands out the number of each request when it is due, and returns how
// many it handed out. When every connection is busy the next number waits for
// one; those behind it are then late, which their latencies tell.
func pace(ctx context.Context, cfg *Config, begin time.Time, tickets chan<- int) int {
	defer close(tickets)
	clock, stop := newClock()
	defer stop()
	for n := range cfg.total() {
		if wait := time.Until(begin.Add(cfg.due(n))); wait > 0 {
			clock(wait)
		}
		select {
		case tickets <- n:
		case <-ctx.Done():
			return n
		}
	}
	return cfg.total()
}

func summarize(cfg *Config, sent int, elapsed time.Duration, senders []*sender) Result {
	r := Result{Due: cfg.total(), Unsent: cfg.total() - sent, Elapsed: elapsed, Failed: map[string]int{}}
	var all []time.Duration
	for _, s := range senders {
		all = append(all, s.latencies...)
		for what, n := range s.failed {
			r.Failed[what] += n
		}
	}
	r.Acknowledged = len(all)
	r.PerSecond = float64(r.Acknowledged) / elapsed.Seconds()
	slices.Sort(all)
	r.P50, r.P95, r.P99, r.P999 = quantile(all, .5), quantile(all, .95), quantile(all, .99), quantile(all, .999)
	r.Max = quantile(all, 1)
	return r
}

// quantile returns the smallest value that at least q of all are not above.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	i := int(q*float64(len(sorted))+.9999999) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}
