package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"stormdrain/benchmarks/load"
	"stormdrain/benchmarks/machine"
	"stormdrain/benchmarks/process"
	"stormdrain/benchmarks/report"
)

const (
	restLimit = 3 * time.Minute        // until everything is stored
	restEvery = 200 * time.Millisecond // each look costs the server some thousand allocations
)

// observed runs the load against the instance and says what that cost the
// server. The load returns the processor time that it took itself. invalid says
// what does not add up.
func (b *bench) observed(ctx context.Context, i *instance, run func() (time.Duration, error)) (s report.Server, invalid string, err error) {
	o := &observer{b: b, i: i, metrics: newScraper(i.address)}
	defer o.metrics.close()
	if err := o.begin(ctx); err != nil {
		return s, "", err
	}
	watched := process.WatchResident(i.process.PID())
	client, err := run()
	if err == nil {
		err = o.loadEnded(client)
	}
	if err == nil && i.ack != "" {
		invalid, err = o.rest(ctx)
	}
	o.resident(watched())
	if err != nil {
		return s, "", err
	}
	return o.server, invalid, o.end()
}

// observer is one measurement in progress.
type observer struct {
	b       *bench
	i       *instance
	metrics *scraper

	before     metrics // nil for the ceiling
	asked      int64   // scrapes before
	scrapeCost int64   // mallocs of one
	at         time.Time
	cpu        time.Duration
	pgCPU      time.Duration
	load       machine.Load

	server report.Server
}

// begin lets the disk come to rest and notes where everything stands.
func (o *observer) begin(ctx context.Context) (err error) {
	if o.i.db != nil {
		if err := o.b.postgres.checkpoint(); err != nil {
			return err
		}
	}
	machine.Settle()
	if o.i.ack != "" {
		if err := o.priceOfAScrape(ctx); err != nil {
			return err
		}
	}
	if o.cpu, o.pgCPU, err = o.readCPU(); err != nil {
		return err
	}
	if o.load, err = machine.ReadLoad(); err != nil {
		return err
	}
	o.at = time.Now()
	return nil
}

// priceOfAScrape finds out what asking costs, to leave it out of the account.
func (o *observer) priceOfAScrape(ctx context.Context) error {
	var costs []int64
	for range 6 { // the first opens the connection and is not counted
		m, err := o.metrics.scrape(ctx)
		if err != nil {
			return err
		}
		if o.before != nil {
			costs = append(costs, m.mallocs()-o.before.mallocs())
		}
		o.before = m
	}
	slices.Sort(costs)
	o.scrapeCost = costs[len(costs)/2]
	o.asked = o.metrics.times
	return nil
}

func (o *observer) readCPU() (server, pg time.Duration, err error) {
	if server, err = process.CPU(o.i.process.PID()); err != nil {
		return 0, 0, err
	}
	if o.b.postgres != nil {
		pg, err = process.TreeCPU(o.b.postgres.server.PID())
	}
	return server, pg, err
}

// loadEnded notes who used the processors while the load ran.
func (o *observer) loadEnded(client time.Duration) error {
	load, err := machine.ReadLoad()
	if err != nil {
		return err
	}
	cpu, pg, err := o.readCPU()
	if err != nil {
		return err
	}
	used := load.Sub(o.load)
	o.server.LoadCPU = cpu - o.cpu
	o.server.Surroundings = report.Surroundings{
		Elapsed: time.Since(o.at), Postgres: pg - o.pgCPU, Client: client, Stolen: used.Stolen,
		// Counts in steps of 10 ms and read one after the other: below 0 is 0.
		Others: max(0, used.Busy-client-o.server.LoadCPU-(pg-o.pgCPU)),
	}
	return nil
}

// rest waits until everything that was acknowledged is stored, and counts.
func (o *observer) rest(ctx context.Context) (invalid string, err error) {
	begin := time.Now()
	m, err := o.metrics.scrape(ctx)
	if err != nil {
		return "", err
	}
	o.server.Backlog = m.received() - m.stored()
	if m, err = waitRest(ctx, o.metrics, m); err != nil {
		return "", err
	}
	o.server.Drain = time.Since(begin)
	o.server.Mallocs = m.mallocs() - o.before.mallocs() - o.scrapeCost*(o.metrics.times-o.asked)
	o.server.GCs = m.sum("go_gc_duration_seconds_count") - o.before.sum("go_gc_duration_seconds_count")
	o.server.Requests = m.webhooks(`code="200"`) - o.before.webhooks(`code="200"`)
	o.server.Received = m.received() - o.before.received()
	o.server.Stored = m.stored() - o.before.stored()
	rows, err := o.i.stored(ctx)
	if err != nil {
		return "", err
	}
	switch others := m.webhooks() - m.webhooks(`code="200"`); {
	case others > 0:
		return fmt.Sprintf("%d webhooks were not answered with 200", others), nil
	case m.quarantined() > 0:
		return fmt.Sprintf("%d alerts or bodies are in quarantine", m.quarantined()), nil
	case o.server.Received != o.server.Requests*load.Alerts:
		return fmt.Sprintf("%d alerts received in %d requests of %d", o.server.Received, o.server.Requests, load.Alerts), nil
	case rows != m.received():
		return fmt.Sprintf("%d alerts received, %d rows in the store", m.received(), rows), nil
	}
	return "", nil
}

// waitRest asks until two answers in a row are the same and at rest: a request
// whose client has gone may still be at work.
func waitRest(ctx context.Context, from *scraper, last metrics) (metrics, error) {
	ctx, cancel := context.WithTimeout(ctx, restLimit)
	defer cancel()
	every := time.NewTicker(restEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%d of %d alerts are stored after %v: %w", last.stored(), last.received(), restLimit, ctx.Err())
		case <-every.C:
		}
		m, err := from.scrape(ctx)
		if err != nil {
			return nil, err
		}
		if m.atRest() && m.received() == last.received() && m.sum("stormdrain_http_requests_in_flight") <= 1 { // one is this
			return m, nil
		}
		last = m
	}
}

func (o *observer) resident(samples []int64) {
	if len(samples) == 0 {
		return // the process has gone, which is told elsewhere
	}
	slices.Sort(samples)
	o.server.ResidentMedian = samples[len(samples)/2]
	o.server.ResidentMax = samples[len(samples)-1]
}

func (o *observer) end() error {
	cpu, _, err := o.readCPU()
	if err != nil {
		return err
	}
	memory, err := process.ReadMemory(o.i.process.PID())
	if err != nil {
		return err
	}
	o.server.CPU = cpu - o.cpu
	o.server.ResidentPeak = memory.Peak
	return nil
}
