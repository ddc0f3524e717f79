// Package subject builds stormdrain and runs it for a tool that needs one to
// aim at: on a free port of the loopback interface, with a data directory and a
// database of its own, all of which go away with it.
package subject

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"stormdrain/benchmarks/process"
	"stormdrain/internal/pgtest"
)

// Path is where alerts go.
const Path = "/webhook/bench"

const (
	startLimit = 30 * time.Second
	stopLimit  = 40 * time.Second // more than shutdown.timeout
)

// Stores are the names that Config.Store may have.
func Stores() []string { return []string{"sqlite", "postgres"} }

// Root returns the folder of the module that the current folder belongs to.
func Root(ctx context.Context) (string, error) {
	out, err := tool(exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}"))
	return strings.TrimSpace(out), err
}

// Build compiles the program below root to the file out, without cgo, as it is
// released.
func Build(ctx context.Context, root, out string, flags ...string) error {
	args := append([]string{"build", "-buildvcs=false", "-o", out}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, ".")...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	_, err := tool(cmd)
	return err
}

func tool(cmd *exec.Cmd) (string, error) {
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args[:2], " "), err, stderr.String())
	}
	return string(out), nil
}

// Config is what to run.
type Config struct {
	Binary string   // what Build made
	Store  string   // one of Stores
	Flags  []string // of stormdrain, besides address, data directory and store
}

// Subject is a server that runs. It ends with Stop.
type Subject struct {
	process  *process.Process
	address  string
	dir      string
	postgres *pgtest.Private // nil with SQLite
}

// Start runs a server and waits until it listens. With PostgreSQL, it stores
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
	args := append([]string{"serve", "--web.listen-address=127.0.0.1:0", "--log.format=json",
		"--data.dir=" + filepath.Join(s.dir, "data"), "--storage.url=" + url}, cfg.Flags...)
	if s.process, err = process.Start("stormdrain", cfg.Binary, args...); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	s.address, err = s.process.Address(ctx)
	return s, err
}

// Address is host:port.
func (s *Subject) Address() string { return s.address }

// Stop ends the server and removes all that it kept. It may be called on what
// Start left half done.
func (s *Subject) Stop() (err error) {
	if s.process != nil {
		err = s.process.Stop(stopLimit)
	}
	if s.postgres != nil {
		s.postgres.Close()
	}
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}
