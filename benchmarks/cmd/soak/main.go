// Command soak puts a moderate, mixed load on stormdrain for a while, samples
// what the process holds, and fails when any of it grows. benchmarks/README.md
// says how to run it and how to read it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"stormdrain/benchmarks/machine"
	"stormdrain/benchmarks/module"
)

func main() {
	opts, err := parseOptions(os.Args[1:], os.Stderr)
	if err != nil {
		os.Exit(2) // said already
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, opts, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// run soaks all stores at the same time, each with a server of its own, prints
// what it found and writes the files.
func run(ctx context.Context, opts options, stdout io.Writer) error {
	dir, err := os.MkdirTemp("", "stormdrain-soak")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tree, err := module.Find(ctx)
	if err != nil {
		return err
	}
	binary := filepath.Join(dir, "stormdrain")
	if err := tree.Build(ctx, binary, "."); err != nil {
		return err
	}
	commit := tree.Commit(ctx)
	results := make([]*result, len(opts.stores))
	errs := make([]error, len(opts.stores))
	var done sync.WaitGroup
	for i, store := range opts.stores {
		done.Go(func() {
			r := &result{Store: store, Time: time.Now(), Commit: commit, Machine: machine.Describe(dir), Rate: opts.rate, Duration: opts.duration}
			results[i], errs[i] = r, soak(ctx, r, opts, binary, filepath.Join(dir, store))
		})
	}
	done.Wait()
	for i, r := range results {
		if errs[i] != nil {
			errs[i] = fmt.Errorf("%s: %w", r.Store, errs[i])
			continue
		}
		fmt.Fprint(stdout, r.text())
		if !r.flat() {
			errs[i] = fmt.Errorf("%s: not flat, or not whole; see above", r.Store)
		}
		errs[i] = errors.Join(errs[i], r.write(opts.out, stdout))
	}
	return errors.Join(errs...)
}
