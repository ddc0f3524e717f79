package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"stormdrain/benchmarks/instance"
	"stormdrain/benchmarks/machine"
	"stormdrain/benchmarks/process"
	"stormdrain/benchmarks/scrape"
	"stormdrain/internal/pgtest"
)

// outage is the story of one backlog: PostgreSQL is away, alerts come in until
// the journal holds what was asked, the program is killed, and both come back.
// All alerts have sets that never came, which fills the journal soonest and is
// the most work to store.
type outage struct {
	g      *growth
	cfg    *instance.Config
	sender *sender
	i      *instance.Instance // nil while killed
	found  *backlog
}

func (g *growth) backlog(ctx context.Context, pg *pgtest.Private) (_ *backlog, err error) {
	const room = 1 << 30 // the journal must not be full
	o := &outage{g: g, found: &backlog{}, cfg: &instance.Config{
		Binary: g.binary, Dir: filepath.Join(g.dir, "backlog"), Flags: []string{fmt.Sprintf("--journal.max-bytes=%d", g.opts.backlogBytes+room)},
	}}
	if o.cfg.Storage, err = pg.CreateDatabase("backlog"); err != nil {
		return nil, err
	}
	o.sender = &sender{perBody: g.opts.perBody, connections: g.opts.connections, body: g.opts.newBody(time.Now())}
	defer func() {
		if o.i != nil {
			err = errors.Join(err, o.i.Stop())
		}
	}()
	if err := o.start(ctx); err != nil {
		return nil, err
	}
	for _, part := range []func(context.Context) error{
		func(ctx context.Context) error { return o.normal(ctx, &o.found.NormalBefore) },
		func(context.Context) error { return pg.Stop() },
		o.takeIn,
		func(context.Context) error { return pg.Start() },
		o.restart,
		o.drain,
		func(ctx context.Context) error { return o.normal(ctx, &o.found.NormalAfter) },
		o.count,
	} {
		if err := part(ctx); err != nil {
			return nil, err
		}
	}
	return o.found, nil
}

func (o *outage) start(ctx context.Context) (err error) {
	o.i, err = instance.Start(ctx, o.cfg)
	o.sender.to = o.i
	return err
}

// normal measures how many such alerts are stored a second without a backlog.
func (o *outage) normal(ctx context.Context, perSecond *float64) error {
	o.g.say("backlog: storing %d alerts as usual", o.g.opts.normal)
	before, begin := o.sender.acked.Load(), time.Now()
	o.sender.behind = o.g.opts.behind
	bodies := int(o.g.opts.normal)/o.g.opts.perBody + 1
	if err := o.sender.run(ctx, o.sender.next+bodies, nothing); err != nil {
		return err
	}
	if err := o.sender.rest(ctx, nothing); err != nil {
		return err
	}
	*perSecond = float64(o.sender.acked.Load()-before) / time.Since(begin).Seconds()
	return nil
}

// takeIn fills the journal while there is no store, and kills the program.
func (o *outage) takeIn(ctx context.Context) error {
	o.g.say("backlog: taking in %d MiB of journal without PostgreSQL", o.g.opts.backlogBytes>>20)
	before, begin := o.sender.acked.Load(), time.Now()
	o.sender.behind = 0
	said := time.Now()
	err := o.sender.run(ctx, math.MaxInt, func(m scrape.Metrics) (bool, error) {
		_, bytes := m.Backlog()
		if time.Since(said) > 10*time.Second {
			said = time.Now()
			o.g.say("backlog: %d MiB", bytes>>20)
		}
		return bytes >= o.g.opts.backlogBytes, nil
	})
	if err != nil {
		return err
	}
	elapsed := time.Since(begin)
	m, err := o.i.Scrape(ctx)
	if err != nil {
		return err
	}
	b := o.found
	_, b.JournalBytes = m.Backlog()
	b.Alerts = o.sender.acked.Load() - before
	b.TakenIn = float64(b.Alerts) / elapsed.Seconds()
	o.i.Scraper.Close()
	o.i.Kill()
	o.i = nil
	return nil
}

func (o *outage) restart(ctx context.Context) error {
	machine.Settle() // PostgreSQL's start and our journal do not share the disk with what came before
	o.g.say("backlog: starting with %d alerts in %d MiB", o.found.Alerts, o.found.JournalBytes>>20)
	err := o.start(ctx)
	if err == nil {
		o.found.Ready = o.i.Ready
	}
	return err
}

// drain watches the backlog go.
func (o *outage) drain(ctx context.Context) error {
	b := o.found
	begin := time.Now()
	err := o.sender.rest(ctx, func(m scrape.Metrics) (bool, error) {
		deliveries, _ := m.Backlog()
		b.Seconds = append(b.Seconds, time.Since(begin).Seconds())
		b.Waiting = append(b.Waiting, deliveries*int64(o.g.opts.perBody))
		return false, nil
	})
	if err != nil {
		return err
	}
	// The process stored part of it before its first answer: count from its start.
	b.Drain = time.Since(begin) + b.Ready
	b.Drained = float64(b.Alerts) / b.Drain.Seconds()
	memory, err := process.ReadMemory(o.i.PID())
	b.Peak = memory.Peak
	return err
}

// count compares what was acknowledged with the rows.
func (o *outage) count(ctx context.Context) error {
	o.g.say("backlog: counting")
	db, err := openDatabase(o.cfg)
	if err != nil {
		return err
	}
	defer db.Close()
	b := o.found
	b.Acknowledged = o.sender.acked.Load()
	if b.Rows, err = db.Events(ctx); err != nil {
		return err
	}
	if b.Rows != b.Acknowledged {
		return fmt.Errorf("%d alerts were acknowledged, alert_events has %d rows", b.Acknowledged, b.Rows)
	}
	return nil
}
