package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	storming "stormdrain/benchmarks/instance"
	"stormdrain/benchmarks/process"
)

// Target is a server with a configuration.
type Target struct {
	Name    string
	Ack     string   // of stormdrain; empty for all others
	Variant string   // of the reference; empty for all others
	Store   string   // "postgres", "sqlite"; empty: a ceiling
	Disk    bool     // of a ceiling: a record of each request is made durable before it is answered
	Flags   []string // besides those that say where and what
}

// Path is where alerts go.
const Path = "/webhook/bench"

const (
	startLimit = 30 * time.Second
	stopLimit  = 40 * time.Second // more than shutdown.timeout
)

// instance is one run of a target, with a data directory and a database of its
// own: each begins with empty tables, and none inherits what another left.
type instance struct {
	Target
	alerts  int // in each request; 0: they differ
	process *process.Process
	address string
	dir     string    // "" where nothing is kept beside a database
	db      *database // nil without Postgres
}

// start runs the target and waits until it is ready.
func (r *Runner) start(ctx context.Context, t Target, alerts int) (_ *instance, err error) {
	i := &instance{Target: t, alerts: alerts}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.stop(i))
		}
	}()
	url := "" // SQLite in the data directory
	if t.Store == "postgres" {
		if i.db, err = r.Postgres.create(); err != nil {
			return nil, err
		}
		url = i.db.url
	}
	if t.Ack != "" || t.Disk {
		if i.dir, err = os.MkdirTemp(r.Dir, "run"); err != nil {
			return nil, err
		}
	}
	if t.Ack != "" {
		return i, r.startStormdrain(ctx, i, url)
	}
	binary, args := r.Ceiling, []string{"-listen=127.0.0.1:0", "-alerts=" + strconv.Itoa(alerts)}
	if t.Variant != "" {
		binary, args = r.Reference, []string{"-listen=127.0.0.1:0", "-variant=" + t.Variant, "-database=" + url}
	}
	if t.Disk {
		args = append(args, "-disk="+filepath.Join(i.dir, "disk"))
	}
	if i.process, err = process.Start(t.Name, binary, append(args, t.Flags...)...); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	i.address, err = i.process.Address(ctx) // ready when it listens
	return i, err
}

// startStormdrain waits until it can promise a 2xx: with journal.ack=commit it
// answers 503 until it has its store.
func (r *Runner) startStormdrain(ctx context.Context, i *instance, url string) error {
	s, err := storming.Start(ctx, &storming.Config{
		Binary: r.Stormdrain, Dir: filepath.Join(i.dir, "data"), Storage: url,
		Flags: append([]string{"--journal.ack=" + i.Ack}, i.Flags...),
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", i.Name, err)
	}
	s.Scraper.Close()
	i.process, i.address = s.Process, s.Address
	return nil
}

// stop ends the server and removes what it kept. It may be called on what start
// left half done.
func (r *Runner) stop(i *instance) (err error) {
	if i.process != nil {
		err = i.process.Stop(stopLimit)
	}
	if i.db != nil {
		err = errors.Join(err, r.Postgres.drop(i.db))
	}
	if i.dir != "" {
		err = errors.Join(err, os.RemoveAll(i.dir))
	}
	if err != nil {
		return fmt.Errorf("stop %s: %w", i.Name, err)
	}
	return nil
}

// onEach starts a target, calls f with it and stops it again.
func (r *Runner) onEach(ctx context.Context, t Target, alerts int, f func(*instance) error) error {
	i, err := r.start(ctx, t, alerts)
	if err != nil {
		return err
	}
	return errors.Join(f(i), r.stop(i))
}
