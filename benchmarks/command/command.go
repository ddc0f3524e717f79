// Package command is `stormdrain bench`: it loads a server at a constant rate,
// or finds the highest rate that holds, prints what was measured, and reads back
// what was acknowledged.
package command

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"stormdrain/benchmarks/load"
	"stormdrain/internal/config"
)

// command is one run of it.
type command struct {
	cfg    *config.Bench
	target *target
	script load.Script
	out    printer

	next     int            // number of the next request
	outcomes []load.Outcome // of all requests so far; with --verify only
	report   Report

	interrupted bool
	pause       time.Duration // between two looks at what can be read
}

// Run does it. An error says why there is nothing to be printed, or what was
// wrong with what was printed: either way the exit status is not 0.
func Run(ctx context.Context, cfg *config.Bench, stdout io.Writer) error {
	c, err := newCommand(cfg, stdout)
	if err != nil {
		return err
	}
	return c.run(ctx)
}

func newCommand(cfg *config.Bench, stdout io.Writer) (*command, error) {
	t, err := newTarget(cfg)
	if err != nil {
		return nil, err
	}
	c := &command{cfg: cfg, target: t, out: textPrinter{stdout}, pause: 250 * time.Millisecond}
	if cfg.Format == "json" {
		c.out = jsonPrinter{stdout}
	}
	var name [4]byte
	rand.Read(name[:]) // never fails, it says
	c.script = load.Script{
		Run: hex.EncodeToString(name[:]), Alerts: cfg.Alerts, Distinct: cfg.Distinct, Epoch: time.Now().Add(-3 * time.Hour),
	}
	c.report = Report{
		Run: c.script.Run, Target: t.post, Source: t.source, AlertsPerRequest: cfg.Alerts, Connections: cfg.Connections, Distinct: cfg.Distinct,
	}
	return c, nil
}

func (c *command) run(ctx context.Context) error {
	if err := c.refuse(); err != nil {
		return err
	}
	var v *verifier
	if c.cfg.Verify {
		v = newVerifier(c)
		defer v.client.CloseIdleConnections()
		if err := v.prepare(ctx); err != nil {
			return fmt.Errorf("--verify: %w", err)
		}
	}
	c.out.begin(c)
	measure := c.constant
	if c.cfg.Rate == 0 {
		measure = c.search
	}
	err := measure(ctx)
	if err != nil {
		return err
	}
	c.interrupted = ctx.Err() != nil
	c.out.measured(c)
	defer c.out.end(c)
	switch {
	case v == nil, !slices.Contains(c.outcomes, load.Acknowledged):
	case c.interrupted:
		return errors.New("interrupted before anything was read back; nothing is verified")
	default:
		c.out.verifying(c)
		if c.report.Verify, err = v.verify(ctx, c.outcomes); err != nil && ctx.Err() != nil {
			return errors.New("interrupted while reading back; nothing is verified")
		} else if err != nil {
			return fmt.Errorf("read back: %w", err)
		}
		if wrong := c.report.Verify.wrong(); wrong != "" {
			return errors.New(wrong)
		}
	}
	return c.verdict()
}

// refuse looks at what can be known to be impossible before anything is sent.
func (c *command) refuse() error {
	cfg := c.config(max(c.cfg.Rate, 1), c.cfg.Duration)
	cfg.Outcomes = nil
	if c.cfg.Rate == 0 {
		cfg.Duration = max(cfg.Duration, time.Second) // the rate is not known yet
	}
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("%w; change --rate, --duration, --alerts, --connections or --distinct", err)
	}
	return nil
}

// verdict is the error of a run that was measured.
func (c *command) verdict() error {
	switch {
	case c.interrupted:
		return nil // what was measured is printed, as it was asked for
	case c.cfg.Rate == 0 && c.report.HighestRate == 0:
		return fmt.Errorf("no rate holds, not even the lowest that was tried; see what the requests failed of, or raise --max-p99 (%v)", c.cfg.MaxP99)
	case c.report.Acknowledged == 0:
		return c.nothing(&c.report.Measured)
	}
	return nil
}

// nothing is the error of a run without any success.
func (c *command) nothing(m *Measured) error {
	return fmt.Errorf("none of %d requests to %s was acknowledged (%s); is it stormdrain that listens there?",
		m.Due, c.target.post, failures(m.Failed, m.Unsent))
}

func (c *command) config(rate int, duration time.Duration) load.Config {
	return load.Config{
		Address: c.target.address, TLS: c.target.tls, Host: c.target.host, Path: c.target.path, Header: c.target.header,
		Rate: rate, Duration: duration, Connections: c.cfg.Connections, Timeout: c.cfg.Timeout, Grace: c.cfg.Timeout,
		Script: c.script, First: c.next,
	}
}

// send runs a load and keeps what is known of its requests.
func (c *command) send(ctx context.Context, cfg load.Config) (load.Result, float64, error) {
	if err := cfg.Validate(); err != nil {
		return load.Result{}, 0, err
	}
	if c.cfg.Verify {
		cfg.Outcomes = make([]load.Outcome, cfg.Total())
	}
	before := ownCPU()
	r, err := load.Run(ctx, cfg)
	if ctx.Err() != nil && err != nil {
		return r, 0, errors.New("interrupted before the first request was due")
	}
	if err != nil {
		return r, 0, fmt.Errorf("--target: %w; is the server running there?", err)
	}
	c.next += cfg.Total()
	c.outcomes = append(c.outcomes, cfg.Outcomes...)
	return r, (ownCPU() - before).Seconds() / r.Elapsed.Seconds(), nil
}

func (c *command) constant(ctx context.Context) error {
	r, cpu, err := c.send(ctx, c.config(c.cfg.Rate, c.cfg.Duration))
	if err != nil {
		return err
	}
	c.report.set(c.cfg.Rate, c.cfg.Duration, newMeasured(&r, cpu))
	return nil
}

// firstRate is where the search begins, backOff what part of a rate it takes
// off when the rate that was found in short steps does not hold for long.
const (
	firstRate = 1000
	mostRate  = 1_000_000
	backOff   = 10
	longRuns  = 5
)

// search finds the highest rate in short steps, and then lets it hold for the
// whole duration: that run is the one reported.
func (c *command) search(ctx context.Context) error {
	best, err := search(ctx, firstRate, mostRate, func(rate int) (bool, error) {
		s, err := c.step(ctx, rate, c.cfg.Step)
		if err == nil && s.Acknowledged == 0 && !s.Interrupted {
			err = c.nothing(&s.Measured) // at whatever rate
		}
		return s.Holds, err
	})
	for range longRuns {
		if err != nil || best == 0 || ctx.Err() != nil {
			return err
		}
		s, err := c.step(ctx, best, c.cfg.Duration)
		if err != nil {
			return err
		}
		c.report.set(best, c.cfg.Duration, s.Measured)
		if s.Holds {
			c.report.HighestRate = best
			return nil
		}
		best -= max(1, best/backOff)
	}
	return err
}

// step measures one rate. A request that is late by more than a rate may be is
// not sent any more, for it changes nothing.
func (c *command) step(ctx context.Context, rate int, duration time.Duration) (Step, error) {
	cfg := c.config(rate, max(duration, 2*time.Second/time.Duration(rate))) // of one request nothing can be said
	cfg.Grace = min(cfg.Grace, c.cfg.MaxP99)
	r, cpu, err := c.send(ctx, cfg)
	if err != nil {
		return Step{}, err
	}
	s := Step{Rate: rate, Measured: newMeasured(&r, cpu)}
	s.Holds = !s.Interrupted && s.share() >= enough && r.P99 <= c.cfg.MaxP99
	c.report.Steps = append(c.report.Steps, s)
	c.out.step(&s)
	return s, nil
}

// enough of the requests that were due must have been acknowledged.
const enough = 0.99
