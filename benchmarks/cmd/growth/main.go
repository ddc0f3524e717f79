// Command growth fills both stores through the real program and watches what an
// alert costs as they grow, what a query takes, and how a large backlog is
// worked off. benchmarks/README.md says how to run it and how to read it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"stormdrain/benchmarks/machine"
	"stormdrain/benchmarks/module"
	"stormdrain/internal/pgtest"
)

func main() {
	opts, err := parseOptions(os.Args[1:], os.Stderr)
	if err != nil {
		os.Exit(2) // said already
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, opts, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "growth:", err)
		os.Exit(1)
	}
}

// growth is what is made once: a folder and the program.
type growth struct {
	opts     options
	progress io.Writer
	dir      string // of the program and of all data but PostgreSQL's
	binary   string
}

func (g *growth) say(format string, args ...any) { fmt.Fprintf(g.progress, format+"\n", args...) }

func run(ctx context.Context, opts options, stdout, progress io.Writer) error {
	g := &growth{opts: opts, progress: progress}
	var err error
	if g.dir, err = os.MkdirTemp("", "stormdrain-growth"); err != nil {
		return err
	}
	defer os.RemoveAll(g.dir)
	r := newReport(&opts)
	if r.Machine = machine.Describe(g.dir); r.Machine.FileSystem == "tmpfs" && !opts.quick {
		return errors.New("temporary files are on tmpfs, where an fsync costs nothing; set TMPDIR to a folder on the disk")
	}
	tree, err := module.Find(ctx)
	if err != nil {
		return err
	}
	g.say("building")
	g.binary = filepath.Join(g.dir, "stormdrain")
	if err := tree.Build(ctx, g.binary, "."); err != nil {
		return err
	}
	r.Commit = tree.Commit(ctx)
	if err := g.measure(ctx, r); err != nil {
		return err
	}
	fmt.Fprint(stdout, r.markdown())
	return r.write(opts.out, stdout)
}

// measure does what was asked for, each part with a PostgreSQL of its own, so
// that none tidies up after another.
func (g *growth) measure(ctx context.Context, r *report) error {
	if n := g.opts.postgresEvents; n > 0 {
		err := g.withPostgres(func(pg *pgtest.Private) error {
			c, err := g.fill(ctx, r, postgres, pg, n)
			r.Curves = append(r.Curves, c)
			return err
		})
		if err != nil {
			return fmt.Errorf("fill Postgres: %w", err)
		}
	}
	if n := g.opts.sqliteEvents; n > 0 {
		c, err := g.fill(ctx, r, sqlite, nil, n)
		if err != nil {
			return fmt.Errorf("fill SQLite: %w", err)
		}
		r.Curves = append(r.Curves, c)
	}
	if g.opts.backlogBytes > 0 {
		err := g.withPostgres(func(pg *pgtest.Private) (err error) {
			r.Backlog, err = g.backlog(ctx, pg)
			return err
		})
		if err != nil {
			return fmt.Errorf("backlog: %w", err)
		}
	}
	return nil
}

func (g *growth) withPostgres(f func(*pgtest.Private) error) error {
	pg, err := pgtest.Open(g.opts.settings...)
	if err != nil {
		return err
	}
	defer pg.Close()
	return f(pg)
}
