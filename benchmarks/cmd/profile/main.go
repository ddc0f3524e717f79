// Command profile records where stormdrain spends its time and its memory while
// a storm of alerts comes in. docs/profiling.md says how to read what it
// records.
package main

import (
	"context"
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
	if err := run(ctx, opts, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, opts options, out io.Writer) error {
	switch {
	case opts.pgo != "":
		return recordPGO(ctx, opts, out)
	case opts.url != "":
		return profileRunning(ctx, opts, out)
	}
	return profileStorm(ctx, opts, out)
}
