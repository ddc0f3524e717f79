package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"stormdrain/benchmarks/machine"
	"stormdrain/benchmarks/module"
	"stormdrain/benchmarks/subject"
)

// profileStorm starts a server, lets a storm go over it, and records.
func profileStorm(ctx context.Context, o options, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "stormdrain-profile")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if machine.Describe(dir).FileSystem == "tmpfs" {
		fmt.Fprintln(out, "Temporary files are on tmpfs, where an fsync costs nothing: the profile shows less of the disk than there is. Set TMPDIR.")
	}
	tree, err := module.Find(ctx)
	if err != nil {
		return err
	}
	binary := filepath.Join(dir, "stormdrain")
	// Without -trimpath, so that pprof finds the source.
	if err := tree.Build(ctx, binary, ".", "-trimpath=false"); err != nil {
		return err
	}
	server, err := subject.Start(ctx, subject.Config{Binary: binary, Store: o.store, Flags: []string{"--debug.pprof"}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()

	r, err := newRecorder(o, "http://"+server.Address(), o.store, out)
	if err != nil {
		return err
	}
	files, err := r.inStorm(ctx, tree.Root, server.Address(), o)
	if err != nil {
		return err
	}
	return r.show(ctx, files)
}

func newRecorder(o options, base, name string, out io.Writer) (*recorder, error) {
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return nil, err
	}
	return &recorder{base: base, folder: o.out, suffix: stamp(time.Now()) + "_" + name, length: o.length, out: out}, nil
}

// inStorm records every step of a mode in one storm and, where it is about
// goroutines, once more when it is over: those that are left then are leaks.
func (r *recorder) inStorm(ctx context.Context, root, address string, o options) ([]file, error) {
	calm, err := subject.ReadCounts(ctx, r.base)
	if err != nil {
		return nil, err
	}
	steps := stepsOf(o.mode, o.length)
	s, err := startStorm(ctx, root, address, o.rate, together(steps, o.length))
	if err != nil {
		return nil, err
	}
	files, err := r.all(ctx, steps)
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	said, err := s.end(ctx)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(r.out, "In the storm: %s.\n", said)
	if o.mode != "goroutine" && o.mode != "all" {
		return files, nil
	}
	after, err := waitCalm(ctx, r.base, calm.Goroutines, o.rest)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(r.out, "Goroutines before the storm %d, after it %d.\n", calm.Goroutines, after)
	left, err := r.step(ctx, step{{"goroutine-after", "goroutine", []string{"goroutine"}, true}})
	return append(files, left...), err
}

func (r *recorder) all(ctx context.Context, steps []step) (files []file, err error) {
	for _, s := range steps {
		names := make([]string, len(s))
		for i, what := range s {
			names[i] = what.name
		}
		fmt.Fprintf(r.out, "recording %s\n", strings.Join(names, ", "))
		more, err := r.step(ctx, s)
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	return files, nil
}

// waitCalm returns the number of goroutines as soon as it is at most as high as
// it was, or when the time is over.
func waitCalm(ctx context.Context, base string, was int64, limit time.Duration) (int64, error) {
	over := time.NewTimer(limit)
	defer over.Stop()
	every := time.NewTicker(200 * time.Millisecond)
	defer every.Stop()
	for {
		now, err := subject.ReadCounts(ctx, base)
		if err != nil || now.Goroutines <= was {
			return now.Goroutines, err
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-over.C:
			return now.Goroutines, nil
		case <-every.C:
		}
	}
}

// profileRunning records a server that somebody else runs, and sends nothing.
func profileRunning(ctx context.Context, o options, out io.Writer) error {
	before, err := subject.ReadCounts(ctx, o.url)
	if err != nil {
		return err
	}
	began := time.Now()
	r, err := newRecorder(o, o.url, "running", out)
	if err != nil {
		return err
	}
	files, err := r.all(ctx, stepsOf(o.mode, o.length))
	if err != nil {
		return err
	}
	after, err := subject.ReadCounts(ctx, o.url)
	if err != nil {
		return err
	}
	c, took := after.Sub(before), time.Since(began)
	fmt.Fprintf(out, "Meanwhile: %d webhooks answered with 200, %d with something else, %.0f a second together, %d goroutines.\n",
		c.OK, c.Others, float64(c.OK+c.Others)/took.Seconds(), c.Goroutines)
	if c.OK+c.Others == 0 {
		fmt.Fprintln(out, "Nothing came in: this is a profile of a server at rest.")
	}
	return r.show(ctx, files)
}
