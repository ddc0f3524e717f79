package main

import (
	"context"
	"fmt"
	"time"

	"stormdrain/benchmarks/report"
	"stormdrain/benchmarks/scrape"
	"stormdrain/benchmarks/wrk"
)

// closedRound measures each target once under each load, as fast as it goes.
func (b *bench) closedRound(ctx context.Context, r *report.Report, round int) error {
	for _, load := range b.opts.cases {
		for _, t := range b.chosen() {
			if !b.opts.measures(t, load) {
				continue
			}
			c := report.Closed{Round: round, Target: t.name, Case: load, Connections: b.opts.connectionsFor(load)}
			err := b.onEach(ctx, t, load.Alerts, func(i *instance) error { return b.closedRun(ctx, i, &c) })
			if err != nil {
				return err
			}
			b.say("round %d, %s, %s: %.0f requests/s %s", round, load, t.name, c.Wrk.PerSecond, c.Invalid)
			r.Closed = append(r.Closed, c)
		}
	}
	return nil
}

func (b *bench) closedRun(ctx context.Context, i *instance, c *report.Closed) error {
	cfg := wrk.Config{
		URL: "http://" + i.address + path, Script: b.script(), Mode: c.Mode, Alerts: c.Alerts,
		Connections: c.Connections, Duration: b.opts.warmup,
	}
	warm, err := wrk.Run(ctx, cfg)
	if err != nil {
		return err
	}
	if c.Invalid, err = b.warmed(ctx, i, warm.Failures()); err != nil || c.Invalid != "" {
		return err
	}
	cfg.Number, cfg.Duration = 1, b.opts.duration
	c.Server, c.Invalid, err = b.observed(ctx, i, func() (time.Duration, error) {
		c.Wrk, err = wrk.Run(ctx, cfg)
		return c.Wrk.CPU, err
	})
	if err != nil {
		return err
	}
	if i.store == "" {
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
func (b *bench) warmed(ctx context.Context, i *instance, failures string) (invalid string, err error) {
	if failures != "" {
		failures = "warm-up: " + failures
		if !report.IsReference(i.name) {
			return "", fmt.Errorf("%s, %s", i.name, failures)
		}
	}
	if i.store == "" {
		return "", nil
	}
	s := scrape.New(i.address)
	defer s.Close()
	_, _, err = waitRest(ctx, s)
	return failures, err
}
