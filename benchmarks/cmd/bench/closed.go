package main

import (
	"context"
	"fmt"
	"time"

	"stormdrain/benchmarks/report"
	"stormdrain/benchmarks/wrk"
)

// closedRound measures each target once, as fast as it goes.
func (b *bench) closedRound(ctx context.Context, r *report.Report, round int) error {
	for _, mode := range b.opts.modes {
		for _, t := range b.chosen() {
			c := report.Closed{Round: round, Target: t.name, Mode: mode}
			err := b.onEach(ctx, t, func(i *instance) error { return b.closedRun(ctx, i, &c) })
			if err != nil {
				return err
			}
			b.say("round %d, %s, %s: %.0f requests/s %s", round, mode, t.name, c.Wrk.PerSecond, c.Invalid)
			r.Closed = append(r.Closed, c)
		}
	}
	return nil
}

func (b *bench) closedRun(ctx context.Context, i *instance, c *report.Closed) error {
	cfg := wrk.Config{
		URL: "http://" + i.address + path, Script: b.script(), Mode: c.Mode, Alerts: alertsEach,
		Connections: b.opts.connections, Duration: b.opts.warmup,
	}
	warm, err := wrk.Run(ctx, cfg)
	if err != nil {
		return err
	}
	if err := b.warmed(ctx, i, warm.Failures()); err != nil {
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
	if i.ack == "" {
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

// warmed waits until what the warm-up sent is stored.
func (b *bench) warmed(ctx context.Context, i *instance, failures string) error {
	if failures != "" {
		return fmt.Errorf("warm-up of %s: %s", i.name, failures)
	}
	if i.ack == "" {
		return nil
	}
	s := newScraper(i.address)
	defer s.close()
	m, err := s.scrape(ctx)
	if err != nil {
		return err
	}
	_, err = waitRest(ctx, s, m)
	return err
}
