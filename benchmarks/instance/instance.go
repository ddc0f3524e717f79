// Package instance runs the real stormdrain for a measurement: one data
// directory, one process after another on it.
package instance

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"stormdrain/benchmarks/process"
	"stormdrain/benchmarks/scrape"
)

const (
	startLimit = time.Minute
	stopLimit  = 40 * time.Second // more than shutdown.timeout
	readyEvery = time.Millisecond
)

// Config says what to run.
type Config struct {
	Binary  string
	Dir     string   // of the data; removed by nobody
	Storage string   // --storage.url; empty: SQLite in Dir
	Flags   []string // more of them
}

// SQLite returns where the embedded database is, when Storage is empty.
func (c *Config) SQLite() string { return filepath.Join(c.Dir, "stormdrain.db") }

// Journal returns the folder of the journal's segments.
func (c *Config) Journal() string { return filepath.Join(c.Dir, "journal") }

// Instance is one process. It ends with Stop.
type Instance struct {
	*process.Process
	*scrape.Scraper
	Address string        // host:port
	Ready   time.Duration // from the start of the process until it could promise a 2xx
}

// Start runs the program and waits until it is ready.
func Start(ctx context.Context, c *Config) (_ *Instance, err error) {
	args := []string{"serve", "--web.listen-address=127.0.0.1:0", "--log.format=json", "--data.dir=" + c.Dir, "--storage.url=" + c.Storage}
	begin := time.Now()
	i := &Instance{}
	if i.Process, err = process.Start("stormdrain", c.Binary, append(args, c.Flags...)...); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			i.Kill()
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if i.Address, err = i.Process.Address(ctx); err != nil {
		return nil, err
	}
	i.Scraper = scrape.New(i.Address)
	if err := i.waitReady(ctx); err != nil {
		i.Scraper.Close()
		return nil, err
	}
	i.Ready = time.Since(begin)
	return i, nil
}

func (i *Instance) waitReady(ctx context.Context) error {
	every := time.NewTicker(readyEvery)
	defer every.Stop()
	for {
		err := i.Scraper.Ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-every.C:
		case <-i.Exited():
			return fmt.Errorf("stormdrain exited before it was ready\n%s", i.Tail())
		case <-ctx.Done():
			return fmt.Errorf("stormdrain is not ready: %w", err)
		}
	}
}

// Stop asks the server to end, waits for it, and returns an error unless its exit
// status is 0. It may be called again, and after Kill.
func (i *Instance) Stop() error {
	i.Scraper.Close()
	return i.Process.Stop(stopLimit)
}
