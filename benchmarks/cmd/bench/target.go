package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"stormdrain/benchmarks/process"
	"stormdrain/benchmarks/report"
)

// target is a server with a configuration.
type target struct {
	name  string
	ack   string // empty: the ceiling
	store string // "postgres", "sqlite"
}

func targets() []target {
	return []target{
		{name: report.Ceiling},
		{name: report.Durable, ack: "fsync", store: "postgres"},
		{name: "fsync, SQLite", ack: "fsync", store: "sqlite"},
		{name: "memory, Postgres", ack: "memory", store: "postgres"},
		{name: "commit, Postgres", ack: "commit", store: "postgres"},
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
	process *process.Process
	address string
	dir     string
	db      *database // nil without Postgres
}

// start runs the target and waits until it is ready.
func (b *bench) start(ctx context.Context, t target) (_ *instance, err error) {
	i := &instance{target: t}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.stop(i))
		}
	}()
	binary, args := b.ceiling, []string{"-listen=127.0.0.1:0"}
	if t.ack != "" {
		if i.dir, err = os.MkdirTemp(b.dir, "run"); err != nil {
			return nil, err
		}
		url := "" // SQLite in the data directory
		if t.store == "postgres" {
			if i.db, err = b.postgres.create(); err != nil {
				return nil, err
			}
			url = i.db.url
		}
		binary, args = b.stormdrain, []string{"serve", "--web.listen-address=127.0.0.1:0", "--log.format=json",
			"--data.dir=" + filepath.Join(i.dir, "data"), "--journal.ack=" + t.ack, "--storage.url=" + url}
	}
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

// waitReady is for journal.ack=commit, which answers 503 until it has its store.
// All others are ready when they listen.
func (i *instance) waitReady(ctx context.Context) error {
	if i.ack == "" {
		return nil
	}
	s := newScraper(i.address)
	defer s.close()
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for {
		err := s.ready(ctx)
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
