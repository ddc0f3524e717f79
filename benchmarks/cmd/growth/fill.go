package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"stormdrain/benchmarks/database"
	"stormdrain/benchmarks/instance"
	"stormdrain/benchmarks/machine"
	"stormdrain/benchmarks/process"
	"stormdrain/benchmarks/scrape"
	"stormdrain/internal/pgtest"
)

// fill stores events through a server until there are so many, and returns what
// each step cost. At the looks it waits for the store, and times queries.
func (g *growth) fill(ctx context.Context, r *report, store string, pg *pgtest.Private, events int64) (_ *curve, err error) {
	cfg := &instance.Config{Binary: g.binary, Dir: filepath.Join(g.dir, "fill-"+store)}
	if pg != nil {
		if cfg.Storage, err = pg.CreateDatabase("growth"); err != nil {
			return nil, err
		}
	}
	i, err := instance.Start(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, i.Stop()) }()
	db, err := openDatabase(cfg)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if pg != nil {
		if r.Versions["postgres"], r.Settings, err = db.Describe(ctx); err != nil {
			return nil, err
		}
	}
	begin := time.Now()
	f := &filling{
		g: g, i: i, db: db, pg: pg, curve: &curve{Store: store},
		sender: &sender{to: i, perBody: g.opts.perBody, connections: g.opts.connections, behind: g.opts.behind, body: g.opts.knownBody(begin)},
	}
	for _, goal := range g.opts.looksUpTo(events) {
		if err := f.upTo(ctx, goal); err != nil {
			return nil, err
		}
		g.say("%s: timing queries at %d events", store, f.stored)
		if err := db.Checkpoint(ctx); err != nil {
			return nil, err
		}
		machine.Settle()
		timed, err := g.opts.timeQueries(ctx, i.Address, f.stored, begin)
		if err != nil {
			return nil, err
		}
		f.curve.Queries = append(f.curve.Queries, timed...)
	}
	f.curve.Acknowledged = f.sender.acked.Load()
	g.say("%s: counting", store)
	if f.curve.Rows, err = db.Events(ctx); err != nil {
		return nil, err
	}
	if f.curve.Rows != f.curve.Acknowledged {
		return nil, fmt.Errorf("%d alerts were acknowledged, alert_events has %d rows", f.curve.Acknowledged, f.curve.Rows)
	}
	return f.curve, nil
}

func openDatabase(cfg *instance.Config) (*database.Database, error) {
	if cfg.Storage != "" {
		return database.Postgres(cfg.Storage)
	}
	return database.SQLite(cfg.SQLite())
}

// filling is a store that grows.
type filling struct {
	g      *growth
	i      *instance.Instance
	db     *database.Database
	pg     *pgtest.Private // nil: SQLite
	sender *sender
	curve  *curve

	stored int64 // by the last look
	// ---- of the step in progress ----
	from             int64 // stored at its beginning
	since            time.Time
	serverCPU, pgCPU time.Duration // at its beginning
	waiting, bytes   int64         // alerts in the journal's backlog, and their bytes, summed over its looks
}

// upTo stores events until there are goal of them. The clock stands still
// between two calls.
func (f *filling) upTo(ctx context.Context, goal int64) error {
	if err := f.beginStep(f.stored); err != nil {
		return err
	}
	look := func(m scrape.Metrics) (bool, error) { return false, f.look(ctx, m) }
	perBody := int64(f.g.opts.perBody)
	if err := f.sender.run(ctx, int((goal+perBody-1)/perBody), look); err != nil {
		return err
	}
	if err := f.sender.rest(ctx, look); err != nil {
		return err
	}
	if f.stored-f.from < f.g.opts.step/2 {
		return nil // the crumbs of a step
	}
	return f.endStep(ctx)
}

func (f *filling) look(ctx context.Context, m scrape.Metrics) error {
	f.stored = m.Stored()
	// A few deliveries behind, the two figures are of different moments.
	if deliveries, bytes := m.Backlog(); deliveries > 20 {
		f.waiting += deliveries * int64(f.g.opts.perBody)
		f.bytes += bytes
	}
	if f.stored-f.from < f.g.opts.step {
		return nil
	}
	return f.endStep(ctx)
}

func (f *filling) beginStep(stored int64) (err error) {
	f.from, f.since, f.waiting, f.bytes = stored, time.Now(), 0, 0
	f.serverCPU, f.pgCPU, err = f.cpu()
	return err
}

func (f *filling) cpu() (server, pg time.Duration, err error) {
	if server, err = process.CPU(f.i.PID()); err != nil || f.pg == nil {
		return server, 0, err
	}
	pg, err = process.TreeCPU(f.pg.PID())
	return server, pg, err
}

// endStep adds a point to the curve and begins the next step.
func (f *filling) endStep(ctx context.Context) error {
	elapsed, n := time.Since(f.since), float64(f.stored-f.from)
	server, pg, err := f.cpu()
	if err != nil {
		return err
	}
	size, err := f.db.Size(ctx)
	if err != nil {
		return err
	}
	memory, err := process.ReadMemory(f.i.PID())
	if err != nil {
		return err
	}
	p := point{
		Events: f.stored, PerSecond: n / elapsed.Seconds(), Resident: memory.Resident, StoreBytes: size,
		ServerCPU: float64((server - f.serverCPU).Nanoseconds()) / n, PostgresCPU: float64((pg - f.pgCPU).Nanoseconds()) / n,
	}
	if f.waiting > 0 {
		p.JournalBytes = float64(f.bytes) / float64(f.waiting)
	}
	f.curve.Points = append(f.curve.Points, p)
	f.g.say("%s: %d events, %.0f/s, CPU an alert %.2f µs and %.2f µs in Postgres", f.curve.Store, p.Events, p.PerSecond, p.ServerCPU/1e3, p.PostgresCPU/1e3)
	return f.beginStep(f.stored)
}
