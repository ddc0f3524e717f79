// Command bench measures stormdrain and prints each figure as a part of what a
// server reaches that only reads the body. benchmarks/README.md says how to run
// it and how to read it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"stormdrain/benchmarks/report"
)

func main() {
	opts, err := parseOptions(os.Args[1:], os.Stderr)
	if err != nil {
		os.Exit(2) // said already
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, opts, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures, prints the tables to stdout, what it is at to progress, and
// writes the files.
func run(ctx context.Context, opts options, stdout, progress io.Writer) error {
	b, err := prepare(ctx, opts, progress)
	if err != nil {
		return err
	}
	defer b.close()
	rep, err := b.measure(ctx)
	if err != nil {
		return err
	}
	fmt.Fprint(stdout, rep.Markdown())
	if len(rep.Invalid()) > 0 {
		return errors.New("the run is invalid, nothing is written")
	}
	return write(rep, opts.out, stdout)
}

func write(rep *report.Report, dir string, stdout io.Writer) error {
	if dir == "" {
		return nil
	}
	names, err := rep.Write(dir)
	for _, name := range names {
		fmt.Fprintf(stdout, "\nwritten: %s", name)
	}
	fmt.Fprintln(stdout)
	return err
}
