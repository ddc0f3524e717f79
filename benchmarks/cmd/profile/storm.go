package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"stormdrain/benchmarks/load"
	"stormdrain/benchmarks/subject"
	"stormdrain/benchmarks/wrk"
)

const (
	connections = 64
	mostRate    = 20_000
	// warm is how many requests come before anything is recorded. They hold every
	// label set of the storm ten times, so that it is known, and not new.
	warm      = 2000
	warmLimit = time.Minute
	// spare is how much longer than it needs a storm could last: it is ended when
	// the last recording is there.
	spare = 2 * time.Minute
)

// storm is a load that goes on until end is called.
type storm struct {
	cancel context.CancelFunc
	ended  chan error // of the load, however it ended; room for one
	server string     // http://host:port
	before subject.Counts
	began  time.Time
}

// startStorm begins to send and returns when the server is warm.
func startStorm(ctx context.Context, root, address string, rate int, length time.Duration) (*storm, error) {
	s := &storm{ended: make(chan error, 1), server: "http://" + address}
	loadCtx, cancel := context.WithCancel(ctx)
	s.cancel = cancel
	go func() { s.ended <- send(loadCtx, root, address, rate, length+spare) }()
	if err := s.warmUp(ctx, enough(rate)); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// enough is warm, or two seconds of a rate that would take longer.
func enough(rate int) int64 {
	if rate > 0 {
		return int64(min(warm, 2*rate))
	}
	return warm
}

func send(ctx context.Context, root, address string, rate int, length time.Duration) error {
	if rate > 0 {
		cfg := load.DefaultConfig("profile")
		cfg.Address, cfg.Path, cfg.Rate, cfg.Duration, cfg.Connections = address, subject.Path, rate, length, connections
		r, err := load.Run(ctx, cfg)
		if err == nil && ctx.Err() == nil {
			err = errors.New(r.Failures()) // too early
		}
		return err
	}
	r, err := wrk.Run(ctx, wrk.Config{
		URL: "http://" + address + subject.Path, Script: filepath.Join(root, "benchmarks", "wrk", "storm.lua"), Mode: "storm",
		Alerts: load.Alerts, Connections: connections, Duration: length,
	})
	if err == nil && ctx.Err() == nil {
		err = errors.New(r.Failures())
	}
	return err
}

// warmUp returns when the server has answered n requests.
func (s *storm) warmUp(ctx context.Context, n int64) error {
	ctx, cancel := context.WithTimeout(ctx, warmLimit)
	defer cancel()
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for {
		counts, err := subject.ReadCounts(ctx, s.server)
		if err != nil {
			return err
		}
		if counts.OK+counts.Others >= n {
			s.before, s.began = counts, time.Now()
			return nil
		}
		select {
		case err := <-s.ended:
			s.ended <- err
			return errors.New("the load ended at its start")
		case <-ctx.Done():
			return fmt.Errorf("%d of %d requests before the first recording are answered: %w", counts.OK, n, ctx.Err())
		case <-every.C:
		}
	}
}

// end stops the load and says what the server answered since it was warm. A load
// that had ended by itself is an error, as is any answer but 200: what was
// recorded is then something else than a storm.
func (s *storm) end(ctx context.Context) (string, error) {
	counts, err := subject.ReadCounts(ctx, s.server)
	took := time.Since(s.began)
	if err := errors.Join(err, s.stop()); err != nil {
		return "", err
	}
	return describe(counts.Sub(s.before), took)
}

// stop ends the load and waits for its end.
func (s *storm) stop() error {
	select {
	case err := <-s.ended:
		return fmt.Errorf("the load ended before it was told to: %w", err)
	default:
	}
	s.cancel()
	<-s.ended // killed, which is no news
	return nil
}

func describe(c subject.Counts, took time.Duration) (string, error) {
	if c.Others > 0 {
		return "", fmt.Errorf("%d of %d answers were not 200: this is no profile of a storm", c.Others, c.OK+c.Others)
	}
	return fmt.Sprintf("%d requests, all answered with 200, %.0f a second, %d goroutines", c.OK, float64(c.OK)/took.Seconds(), c.Goroutines), nil
}
