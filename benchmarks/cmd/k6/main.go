// Command k6 runs the scenarios of benchmarks/k6 against a stormdrain that it
// starts, or against one that runs. benchmarks/README.md says how to read what
// k6 prints.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"stormdrain/benchmarks/module"
	"stormdrain/benchmarks/subject"
)

func main() {
	opts, err := parseOptions(os.Args[1:], os.Stderr)
	if err != nil {
		os.Exit(2) // said already
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, opts, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "k6:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) error {
	tree, err := module.Find(ctx)
	if err != nil {
		return err
	}
	if o.program == "" {
		if o.program, err = install(ctx, filepath.Join(tree.Root, "bin"), out); err != nil {
			return err
		}
	}
	if o.target != "" {
		return each(o.scenarios, func(scenario string) error { return measure(ctx, o, tree.Root, scenario, o.target, out) })
	}
	dir, err := os.MkdirTemp("", "stormdrain-k6")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "stormdrain")
	if err := tree.Build(ctx, binary, "."); err != nil {
		return err
	}
	return each(o.scenarios, func(scenario string) (err error) {
		server, err := subject.Start(ctx, subject.Config{Binary: binary, Store: o.store})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		return measure(ctx, o, tree.Root, scenario, "http://"+server.Address(), out)
	})
}

// each goes on after a scenario that failed: the others may still say something.
func each(scenarios []string, f func(string) error) (err error) {
	for _, s := range scenarios {
		if e := f(s); e != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", s, e))
		}
	}
	return err
}

// measure runs one scenario and says beside k6's own words what the server counted.
func measure(ctx context.Context, o options, root, scenario, target string, out io.Writer) error {
	before, err := subject.ReadCounts(ctx, target)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	fmt.Fprintf(out, "== %s against %s\n", scenario, target)
	cmd := command(limited, o, filepath.Join(root, "benchmarks", "k6", scenario+".js"), target)
	cmd.Stdout, cmd.Stderr = out, out
	failed := explain(cmd.Run())
	after, err := subject.ReadCounts(ctx, target)
	if err != nil {
		return errors.Join(failed, err)
	}
	c := after.Sub(before)
	fmt.Fprintf(out, "The server answered %d webhooks with 200 and %d with something else.\n", c.OK, c.Others)
	if failed == nil && o.quick && (c.OK == 0 || c.Others > 0) {
		failed = errors.New("a few requests, and not all of them were taken in")
	}
	return failed
}

// thresholdsCrossed is k6's exit status when it measured well and did not like it.
const thresholdsCrossed = 99

func explain(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == thresholdsCrossed {
		return errors.New("thresholds were crossed, see above; with many dropped_iterations by k6 itself and not by the server")
	}
	return err
}
