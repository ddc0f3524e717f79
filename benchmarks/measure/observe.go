package measure

import (
	"context"
	"slices"
	"time"

	"stormdrain/benchmarks/machine"
	"stormdrain/benchmarks/process"
	"stormdrain/benchmarks/report"
	"stormdrain/benchmarks/scrape"
)

// observed runs the load against the instance and says what that cost the
// server. The load returns the processor time that it took itself. invalid says
// what does not add up.
func (r *Runner) observed(ctx context.Context, i *instance, run func() (time.Duration, error)) (s report.Server, invalid string, err error) {
	o := &observer{r: r, i: i, metrics: scrape.New(i.address)}
	defer o.metrics.Close()
	if err := o.begin(ctx); err != nil {
		return s, "", err
	}
	watched := process.WatchResident(i.process.PID())
	client, err := run()
	o.ended = time.Now()
	if err == nil {
		err = o.loadEnded(client)
	}
	if err == nil && i.Store != "" {
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
	r       *Runner
	i       *instance
	metrics *scrape.Scraper

	before     scrape.Metrics // nil for the ceiling
	asked      int64          // scrapes before
	scrapeCost int64          // mallocs of one
	journaled  int64          // bytes before
	storeBytes int64          // before
	logged     int64          // bytes of PostgreSQL's log, before
	at         time.Time
	ended      time.Time // when the load had
	cpu        time.Duration
	pgCPU      time.Duration
	load       machine.Load

	server report.Server
}

// begin lets the disk come to rest and notes where everything stands.
func (o *observer) begin(ctx context.Context) (err error) {
	if o.i.db != nil {
		if err := o.r.Postgres.checkpoint(); err != nil {
			return err
		}
	}
	machine.Settle()
	if o.i.Store != "" {
		if _, o.storeBytes, err = o.i.stored(ctx); err != nil {
			return err
		}
		if err := o.priceOfAScrape(ctx); err != nil {
			return err
		}
	}
	if o.i.db != nil {
		if o.logged, err = o.r.Postgres.logged(ctx); err != nil {
			return err
		}
	}
	if o.i.Ack != "" {
		if o.journaled, err = o.i.journaled(); err != nil {
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
		m, err := o.metrics.Scrape(ctx)
		if err != nil {
			return err
		}
		if o.before != nil {
			costs = append(costs, m.Mallocs()-o.before.Mallocs())
		}
		o.before = m
	}
	slices.Sort(costs)
	o.scrapeCost = costs[len(costs)/2]
	o.asked = o.metrics.Times()
	return nil
}

func (o *observer) readCPU() (server, pg time.Duration, err error) {
	if server, err = process.CPU(o.i.process.PID()); err != nil {
		return 0, 0, err
	}
	if o.r.Postgres != nil {
		pg, err = process.TreeCPU(o.r.Postgres.server.PID())
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
		Elapsed: o.ended.Sub(o.at), Postgres: pg - o.pgCPU, Client: client, Stolen: used.Stolen,
		// Counts in steps of 10 ms and read one after the other: below 0 is 0.
		Others: max(0, used.Busy-client-o.server.LoadCPU-(pg-o.pgCPU)),
	}
	return nil
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
	cpu, pg, err := o.readCPU()
	if err != nil {
		return err
	}
	memory, err := process.ReadMemory(o.i.process.PID())
	if err != nil {
		return err
	}
	o.server.CPU = cpu - o.cpu
	if o.i.db != nil {
		o.server.PostgresCPU = pg - o.pgCPU
	}
	o.server.ResidentPeak = memory.Peak
	return nil
}
