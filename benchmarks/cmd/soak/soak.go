package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"stormdrain/benchmarks/database"
	"stormdrain/benchmarks/instance"
	"stormdrain/internal/pgtest"
)

const (
	restLimit  = 2 * time.Minute // until all is stored
	quietLimit = time.Minute     // until idle workers and connections are gone
)

// How many more there may be at the end than there were at the beginning: the
// pool of a store opens connections when it needs them.
const (
	moreGoroutines  = 6
	moreDescriptors = 10
)

// soak is one run on one store. It returns an error when it could not be done;
// what was found wrong is in the result.
func soak(ctx context.Context, r *result, opts options, binary, dir string) (err error) {
	cfg := &instance.Config{Binary: binary, Dir: dir, Flags: []string{
		"--debug.pprof", // the garbage is taken away through it
		fmt.Sprintf("--journal.segment-bytes=%d", segmentBytes),
		// Full soon, so that the oldest go.
		"--quarantine.max-bytes=1MiB",
		"--pipeline.body-cache-bytes=1MiB",
	}}
	r.Versions = map[string]string{"go": runtime.Version()}
	if r.Store == postgres {
		server, err := pgtest.Open()
		if err != nil {
			return err
		}
		defer server.Close()
		if cfg.Storage, err = server.CreateDatabase("soak"); err != nil {
			return err
		}
	}
	i, err := instance.Start(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() {
		stopped := i.Stop()
		if err != nil {
			err = errors.Join(err, stopped)
		} else if stopped != nil {
			r.fail("after SIGTERM: %v", stopped)
		}
	}()
	plan := &planner{begin: time.Now().Add(-time.Hour).Truncate(time.Second), fresh: knownSets + opts.warm}
	t := newTraffic(i.Address, plan)
	if err := r.warmUp(ctx, cfg, i, t, opts.warm); err != nil {
		return err
	}
	if err := r.load(ctx, cfg, i, t, opts); err != nil {
		return err
	}
	if err := r.quiet(ctx, cfg, i); err != nil {
		return err
	}
	return r.account(ctx, cfg, i, t)
}

// warmUp brings the server to where it has all that it ever holds: connections
// to its store, and full tables. Before that it notes how many goroutines and
// descriptors an idle server has.
func (r *result) warmUp(ctx context.Context, cfg *instance.Config, i *instance.Instance, t *traffic, sets int) error {
	if err := t.warmUp(ctx, 0); err != nil {
		return err
	}
	atRest := func(s *sample) string {
		if s.metrics.Settled() {
			return ""
		}
		return fmt.Sprintf("%d alerts are acknowledged and not stored", s.metrics.Owed())
	}
	idle, why, err := await(ctx, i, cfg.Journal(), restLimit, atRest)
	if err != nil || why != "" {
		return errors.Join(err, errors.New(why))
	}
	r.Idle = levelOf(idle)
	if err := t.warmUp(ctx, sets); err != nil {
		return err
	}
	_, why, err = await(ctx, i, cfg.Journal(), restLimit, atRest)
	if err == nil && why != "" {
		err = errors.New(why)
	}
	return err
}

// load runs the traffic and samples.
func (r *result) load(ctx context.Context, cfg *instance.Config, i *instance.Instance, t *traffic, opts options) error {
	load, cancel := context.WithTimeout(ctx, opts.duration)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		t.run(load, opts.rate)
	}()
	samples, err := watch(load, i, cfg.Journal())
	cancel()
	<-ended
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if wrong := t.failures(); wrong != "" {
		r.fail("%s", wrong)
	}
	return r.judge(samples)
}

// quiet waits until the server is as idle as it was.
func (r *result) quiet(ctx context.Context, cfg *instance.Config, i *instance.Instance) error {
	last, why, err := await(ctx, i, cfg.Journal(), quietLimit, func(s *sample) string {
		now := levelOf(s)
		if now.Goroutines <= r.Idle.Goroutines+moreGoroutines && now.Descriptors <= r.Idle.Descriptors+moreDescriptors && s.metrics.Settled() {
			return ""
		}
		return fmt.Sprintf("%d goroutines, %d descriptors and %d alerts not stored; idle at the beginning: %d and %d",
			now.Goroutines, now.Descriptors, s.metrics.Owed(), r.Idle.Goroutines, r.Idle.Descriptors)
	})
	if err != nil {
		return err
	}
	if why != "" {
		r.fail("does not come to rest: %s", why)
	}
	r.Quiet = levelOf(last)
	return nil
}

// account compares what was promised with what the server says and with the rows
// of the store.
func (r *result) account(ctx context.Context, cfg *instance.Config, i *instance.Instance, t *traffic) error {
	m, err := i.Scrape(ctx)
	if err != nil {
		return err
	}
	open := func() (*database.Database, error) { return database.SQLite(cfg.SQLite()) }
	if cfg.Storage != "" {
		open = func() (*database.Database, error) { return database.Postgres(cfg.Storage) }
	}
	db, err := open()
	if err != nil {
		return err
	}
	defer db.Close()
	if r.Rows, err = db.Events(ctx); err != nil {
		return err
	}
	var bad int64
	r.Acknowledged, bad, r.Requests = t.account()
	r.Quarantined = m.Sum("alerts_quarantined_total")
	if cfg.Storage != "" {
		if r.Versions["postgres"], _, err = db.Describe(ctx); err != nil {
			return err
		}
	}
	if m.Received() != r.Acknowledged {
		r.fail("%d alerts were answered with 200, the server counts %d", r.Acknowledged, m.Received())
	}
	if m.Sum("alerts_quarantined_total") != bad {
		r.fail("%d alerts that cannot be stored were sent, %d are in quarantine", bad, m.Sum("alerts_quarantined_total"))
	}
	if r.Rows != r.Acknowledged-bad {
		r.fail("%d alerts were answered with 200, %d of them to quarantine; the store has %d rows", r.Acknowledged, bad, r.Rows)
	}
	return nil
}
