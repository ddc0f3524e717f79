// Package subject runs stormdrain for a tool that needs one to
// aim at: on a free port of the loopback interface, with a data directory and a
// database of its own, all of which go away with it.
package subject

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"stormdrain/benchmarks/instance"
	"stormdrain/internal/pgtest"
)

// Path is where alerts go.
const Path = "/webhook/bench"

// Stores are the names that Config.Store may have.
func Stores() []string { return []string{"sqlite", "postgres"} }

// Config is what to run.
type Config struct {
	Binary string   // see module.Build
	Store  string   // one of Stores
	Flags  []string // of stormdrain, besides address, data directory and store
}

// Subject is a server that runs. It ends with Stop.
type Subject struct {
	server   *instance.Instance
	dir      string
	postgres *pgtest.Private // nil with SQLite
}

// Start runs a server and waits until it is ready. With PostgreSQL, it stores
// into a private cluster that lives as long as the server.
func Start(ctx context.Context, cfg Config) (_ *Subject, err error) {
	s := &Subject{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "stormdrain-subject"); err != nil {
		return nil, err
	}
	url := "" // SQLite in the data directory
	if cfg.Store == "postgres" {
		if s.postgres, err = pgtest.Open(); err != nil {
			return nil, err
		}
		if url, err = s.postgres.CreateDatabase("stormdrain"); err != nil {
			return nil, err
		}
	}
	s.server, err = instance.Start(ctx, &instance.Config{Binary: cfg.Binary, Dir: filepath.Join(s.dir, "data"), Storage: url, Flags: cfg.Flags})
	return s, err
}

// Address is host:port.
func (s *Subject) Address() string { return s.server.Address }

// Stop ends the server and removes all that it kept. It may be called on what
// Start left half done.
func (s *Subject) Stop() (err error) {
	if s.server != nil {
		err = s.server.Stop()
	}
	if s.postgres != nil {
		s.postgres.Close()
	}
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}
