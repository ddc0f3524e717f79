package measure

import (
	"context"
	"fmt"
	"time"

	"stormdrain/benchmarks/report"
	"stormdrain/benchmarks/scrape"
	"stormdrain/benchmarks/wrk"
)

// Closed starts a target, sends to it as fast as it answers, and stops it again.
// The load and the connections are those of c; what was measured is put there.
func (r *Runner) Closed(ctx context.Context, t Target, c *report.Closed) error {
	return r.onEach(ctx, t, c.Alerts, func(i *instance) error { return r.closedRun(ctx, i, c) })
}

func (r *Runner) closedRun(ctx context.Context, i *instance, c *report.Closed) error {
	cfg := wrk.Config{
		URL: "http://" + i.address + Path, Script: r.Script(), Mode: c.Mode, Alerts: c.Alerts,
		Connections: c.Connections, Duration: r.Warmup,
	}
	warm, err := wrk.Run(ctx, cfg)
	if err != nil {
		return err
	}
	if c.Invalid, err = r.warmed(ctx, i, warm.Failures()); err != nil || c.Invalid != "" {
		return err
	}
	cfg.Number, cfg.Duration = 1, r.Duration
	c.Server, c.Invalid, err = r.observed(ctx, i, func() (time.Duration, error) {
		c.Wrk, err = wrk.Run(ctx, cfg)
		return c.Wrk.CPU, err
	})
	if err != nil {
		return err
	}
	if i.Store == "" {
		c.Server.Requests = int64(c.Wrk.Requests)
	}
	if failures := c.Wrk.Failures(); failures != "" {
		c.Invalid = failures
	}
	// What was being answered when wrk left counts for the server only.
	if n := c.Server.Requests - int64(c.Wrk.Requests); c.Invalid == "" && (n < 0 || n > int64(cfg.Connections)) {
		c.Invalid = fmt.Sprintf("wrk has %d answers, the server gave %d", c.Wrk.Requests, c.Server.Requests)
	}
	return nil
}

// warmed waits until what the warm-up sent is stored. A warm-up that failed ends
// the benchmark, unless it is the reference's.
func (r *Runner) warmed(ctx context.Context, i *instance, failures string) (invalid string, err error) {
	if failures != "" {
		failures = "warm-up: " + failures
		if !report.IsReference(i.Name) {
			return "", fmt.Errorf("%s, %s", i.Name, failures)
		}
	}
	if i.Store == "" {
		return "", nil
	}
	s := scrape.New(i.address)
	defer s.Close()
	_, _, err = waitRest(ctx, s)
	return failures, err
}
