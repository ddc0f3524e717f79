// Package load sends alerts at a constant rate. Requests become due at regular
// moments, whether the server keeps up or not, and a request's latency counts
// from when it was due: a server that stands still for a second makes every
// request of that second late, as it would for senders who do not know of each
// other.
package load

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// Alerts and LabelSets are the defaults of a Script.
const (
	Alerts    = 10
	LabelSets = 2000
)

// Config is one run.
type Config struct {
	Address string      // host:port to connect to
	TLS     *tls.Config // nil: none
	Host    string      // in the head of a request; empty: Address
	Path    string
	Header  []string // further lines, as "Name: value"

	Rate        int // requests a second
	Duration    time.Duration
	Connections int
	Timeout     time.Duration // longest wait for a connection, and for an answer
	Grace       time.Duration // a request that is not sent so long after the last one was due is never sent

	Script Script
	First  int // number of the first request: no two runs of one script may share numbers

	// Outcomes, if there are any, is one for each request, and is filled in. The
	// requests then carry an X-Request-ID, by which they are found again.
	Outcomes []Outcome
}

// Outcome is what is known of a request.
type Outcome uint8

// What can become of a request. A request is sent once, so an alert of it is at
// most once with the server.
const (
	Unsent       Outcome = iota
	Acknowledged         // it must be there
	Unknown              // sent, and no 2xx came back: it may be there
)

// DefaultConfig returns a Config for the given run, without an address.
func DefaultConfig(run string) Config {
	return Config{
		Path: "/webhook", Rate: 1000, Duration: 10 * time.Second, Connections: 64,
		Timeout: 10 * time.Second, Grace: 10 * time.Second, // what Alertmanager waits
		Script: Script{Run: run, Alerts: Alerts, Distinct: LabelSets, Epoch: time.Now().Add(-3 * time.Hour)},
	}
}

// Most that one run can be.
const (
	mostRate        = 1_000_000
	mostInRun       = 100_000_000
	mostConnections = 50_000
	mostMemory      = 200_000 // alerts in the senders' buffers: some 200 MB
)

// Validate names the first field that makes no sense.
func (c *Config) Validate() error {
	if err := c.Script.validate(); err != nil {
		return err
	}
	switch {
	case c.Rate < 1 || c.Rate > mostRate:
		return fmt.Errorf("load: %d requests a second; from 1 to %d are possible", c.Rate, mostRate)
	case c.Connections < 1 || c.Connections > mostConnections:
		return fmt.Errorf("load: %d connections; from 1 to %d are possible", c.Connections, mostConnections)
	case c.Connections*c.Script.Alerts > mostMemory:
		return fmt.Errorf("load: %d connections with requests of %d alerts need too much memory; want a product of at most %d",
			c.Connections, c.Script.Alerts, mostMemory)
	case c.Duration <= 0 || c.Timeout <= 0 || c.Grace < 0:
		return fmt.Errorf("load: a duration of %v with a timeout of %v and %v of grace makes no sense", c.Duration, c.Timeout, c.Grace)
	case float64(c.Rate)*c.Duration.Seconds() > mostInRun || c.Total() < 1:
		return fmt.Errorf("load: %d requests a second for %v are not between 1 and %d requests", c.Rate, c.Duration, mostInRun)
	case c.First < 0 || c.First+c.Total() > mostRequests:
		return fmt.Errorf("load: requests from number %d on are too many for one script", c.First)
	case c.Outcomes != nil && len(c.Outcomes) != c.Total():
		return fmt.Errorf("load: room for %d outcomes of %d requests", len(c.Outcomes), c.Total())
	}
	for _, line := range c.Header {
		if strings.ContainsAny(line, "\r\n") || strings.Index(line, ":") < 1 {
			return fmt.Errorf("load: header %q is not one line of the form Name: value", line)
		}
	}
	return nil
}

// Total is the number of requests of the run.
func (c *Config) Total() int { return int(float64(c.Rate) * c.Duration.Seconds()) }

// due returns when the n-th request of the run is due, counted from the beginning.
func (c *Config) due(n int) time.Duration {
	return time.Duration(int64(n) * int64(time.Second) / int64(c.Rate))
}

// dueBy returns how many requests are due by then.
func (c *Config) dueBy(t time.Duration) int {
	whole, rest := int64(t/time.Second), int64(t%time.Second)
	return int(min(whole*int64(c.Rate)+rest*int64(c.Rate)/int64(time.Second)+1, int64(c.Total())))
}

func (c *Config) dial(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: c.Timeout}
	if c.TLS == nil {
		return dialer.DialContext(ctx, "tcp", c.Address)
	}
	return (&tls.Dialer{NetDialer: &dialer, Config: c.TLS}).DialContext(ctx, "tcp", c.Address)
}

// Run opens the connections and sends. A run in which requests failed is
// returned like any other; ask Failures. When ctx ends the run ends early:
// requests that are due and not sent are dropped, and answers are waited for
// a second at most.
func Run(ctx context.Context, cfg Config) (Result, error) {
	if err := cfg.Validate(); err != nil {
		return Result{}, err
	}
	clock, err := newClock(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("load: %w", err)
	}
	defer clock.close()
	t, q := newTally(), newQueue()
	senders, err := connect(ctx, &cfg, q, t)
	defer func() {
		for _, s := range senders {
			s.close()
		}
	}()
	if err != nil {
		return Result{}, err
	}

	var done sync.WaitGroup
	begin := time.Now()
	for _, s := range senders {
		done.Go(func() { s.run(ctx, begin) })
	}
	stop := context.AfterFunc(ctx, func() {
		q.drop()
		for _, s := range senders {
			s.hurry(time.Now().Add(time.Second))
		}
	})
	due, err := pace(ctx, &cfg, begin, q, clock)
	q.end()
	last := time.AfterFunc(cfg.due(due)-time.Since(begin)+cfg.Grace, q.drop)
	done.Wait()
	last.Stop()
	stop()
	return t.result(due, q.taken(), time.Since(begin), ctx.Err() != nil), err
}

// connect opens all connections before the first request is due, one after the
// other, so that they do not overflow the server's queue of new ones.
func connect(ctx context.Context, cfg *Config, q *queue, t *tally) ([]*sender, error) {
	host := cfg.Host
	if host == "" {
		host = cfg.Address
	}
	head := "User-Agent: stormdrain-bench\r\n"
	for _, line := range cfg.Header {
		head += line + "\r\n"
	}
	r := newRequest(&cfg.Script, cfg.Path, host, head, cfg.Outcomes != nil)
	senders := make([]*sender, 0, cfg.Connections)
	for i := range cfg.Connections {
		s := newSender(cfg, r.clone(), q, t)
		if _, err := s.connected(ctx); err != nil {
			return senders, fmt.Errorf("open connection %d of %d: %w", i+1, cfg.Connections, err)
		}
		senders = append(senders, s)
	}
	return senders, nil
}

// finest is how often at most the pacer wakes: a request is released so much
// late at worst, which its latency includes.
const finest = 100 * time.Microsecond

// pace releases the number of each request when it is due, and returns how many
// became due. It never waits for a connection: when all are busy the requests
// become late, which their latencies tell.
func pace(ctx context.Context, cfg *Config, begin time.Time, q *queue, c *clock) (due int, err error) {
	for due < cfg.Total() && ctx.Err() == nil {
		if wait := cfg.due(due) - time.Since(begin); wait > 0 {
			if ok, err := c.sleep(max(wait, finest)); !ok {
				return due, err
			}
		}
		due = cfg.dueBy(time.Since(begin))
		q.release(due)
	}
	return due, nil
}
