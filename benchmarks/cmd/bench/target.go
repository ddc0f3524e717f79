package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"stormdrain/benchmarks/process"
	"stormdrain/benchmarks/report"
	"stormdrain/benchmarks/scrape"
)

// target is a server with a configuration.
type target struct {
	name    string
	ack     string // of stormdrain; empty for all others
	variant string // of the reference; empty for all others
	store   string // "postgres", "sqlite"; empty: the ceiling
}

func targets() []target {
	return []target{
		{name: report.Ceiling},
		{name: report.Before, variant: "before", store: "postgres"},
		{name: report.After, variant: "after", store: "postgres"},
		{name: report.Durable, ack: "fsync", store: "postgres"},
		{name: report.DurableSQLite, ack: "fsync", store: "sqlite"},
		{name: "memory, Postgres", ack: "memory", store: "postgres"},
		{name: "memory, SQLite", ack: "memory", store: "sqlite"},
		{name: "commit, Postgres", ack: "commit", store: "postgres"},
		{name: "commit, SQLite", ack: "commit", store: "sqlite"},
	}
}

func allTargets() string {
	var names []string
	for _, t := range targets() {
		names = append(names, t.name)
	}
	return strings.Join(names, ";")
}

const (
	path       = "/webhook/bench"
	startLimit = 30 * time.Second
	stopLimit  = 40 * time.Second // more than shutdown.timeout
)

// instance is one run of a target, with a data directory and a database of its
// own: each begins with empty tables, and none inherits what another left.
type instance struct {
	target
	alerts  int // in each request; 0: they differ
	process *process.Process
	address string
	dir     string    // "" but for stormdrain
	db      *database // nil without Postgres
}

// start runs the target and waits until it is ready.
func (b *bench) start(ctx context.Context, t target, alerts int) (_ *instance, err error) {
	i := &instance{target: t, alerts: alerts}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.stop(i))
		}
	}()
	if t.store == "postgres" {
		if i.db, err = b.postgres.create(); err != nil {
			return nil, err
		}
	}
	if t.ack != "" {
		if i.dir, err = os.MkdirTemp(b.dir, "run"); err != nil {
			return nil, err
		}
	}
	binary, args := b.command(i)
	if i.process, err = process.Start(t.name, binary, args...); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if i.address, err = i.process.Address(ctx); err != nil {
		return nil, err
	}
	return i, i.waitReady(ctx)
}

func (b *bench) command(i *instance) (binary string, args []string) {
	url := "" // SQLite in the data directory
	if i.db != nil {
		url = i.db.url
	}
	switch {
	case i.ack != "":
		return b.stormdrain, []string{"serve", "--web.listen-address=127.0.0.1:0", "--log.format=json",
			"--data.dir=" + filepath.Join(i.dir, "data"), "--journal.ack=" + i.ack, "--storage.url=" + url}
	case i.variant != "":
		return b.reference, []string{"-listen=127.0.0.1:0", "-variant=" + i.variant, "-database=" + url}
	}
	return b.ceiling, []string{"-listen=127.0.0.1:0", "-alerts=" + strconv.Itoa(i.alerts)}
}

// waitReady is for journal.ack=commit, which answers 503 until it has its store.
// All others are ready when they listen.
func (i *instance) waitReady(ctx context.Context) error {
	if i.ack == "" {
		return nil
	}
	s := scrape.New(i.address)
	defer s.Close()
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for {
		err := s.Ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", i.name, err)
		case <-every.C:
		}
	}
}

// stop ends the server and removes what it kept. It may be called on what start
// left half done.
func (b *bench) stop(i *instance) (err error) {
	if i.process != nil {
		err = i.process.Stop(stopLimit)
	}
	if i.db != nil {
		err = errors.Join(err, b.postgres.drop(i.db))
	}
	if i.dir != "" {
		err = errors.Join(err, os.RemoveAll(i.dir))
	}
	if err != nil {
		return fmt.Errorf("stop %s: %w", i.name, err)
	}
	return nil
}
