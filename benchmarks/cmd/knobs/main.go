// Command knobs measures what each default was chosen by: it runs the real
// program with some values of one setting at a time, in turn, everything else at
// its default. benchmarks/README.md says how to run it and how to read it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	opts, err := parseOptions(os.Args[1:], os.Stderr)
	if err != nil {
		os.Exit(2) // said already
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, opts, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "knobs:", err)
		os.Exit(1)
	}
}

// run measures, prints the tables to stdout, what it is at to progress, and
// writes the files.
func run(ctx context.Context, opts options, stdout, progress io.Writer) error {
	b := &board{opts: opts, progress: progress}
	defer b.close()
	if err := b.prepare(ctx); err != nil {
		return err
	}
	rep, err := b.measure(ctx)
	if err != nil {
		return err
	}
	fmt.Fprint(stdout, rep.Markdown())
	if len(rep.Invalid()) > 0 {
		return errors.New("the run is invalid, nothing is written")
	}
	if opts.out == "" {
		return nil
	}
	names, err := rep.Write(opts.out)
	for _, name := range names {
		fmt.Fprintf(stdout, "\nwritten: %s", name)
	}
	fmt.Fprintln(stdout)
	return err
}
