package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"stormdrain/benchmarks/module"
	"stormdrain/benchmarks/subject"
)

// pgoLimit is what a repository should not have to carry again and again.
const pgoLimit = 1 << 20

// recordPGO records the CPU of one storm for each store and writes both, as one
// profile, to the file. Each store has the same time: neither is the program.
func recordPGO(ctx context.Context, o options, out io.Writer) error {
	tree, err := module.Find(ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "stormdrain-profile")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// From a build without any profile, so that the next is not made of the last;
	// with -trimpath, so that it holds no path of this machine.
	binary := filepath.Join(dir, "stormdrain")
	if err := tree.Build(ctx, binary, ".", "-pgo=off"); err != nil {
		return err
	}
	var parts []string
	for _, store := range subject.Stores() {
		path, err := stormOfStore(ctx, o, tree.Root, dir, binary, store, out)
		if err != nil {
			return fmt.Errorf("%s: %w", store, err)
		}
		parts = append(parts, path)
	}
	merged, err := merge(ctx, dir, parts)
	if err != nil {
		return err
	}
	if len(merged) >= pgoLimit {
		return fmt.Errorf("%s would have %d bytes, and may have %d: record a shorter time", o.pgo, len(merged), pgoLimit)
	}
	if err := os.WriteFile(o.pgo, merged, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d bytes; go build takes it from the folder of package main by itself\n", o.pgo, len(merged))
	return nil
}

func stormOfStore(ctx context.Context, o options, root, dir, binary, store string, out io.Writer) (path string, err error) {
	server, err := subject.Start(ctx, subject.Config{Binary: binary, Store: store, Flags: []string{"--debug.pprof"}})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	fmt.Fprintf(out, "%s, %v: ", store, o.length)
	o.mode, o.out = "cpu", dir
	r, err := newRecorder(o, "http://"+server.Address(), store, out)
	if err != nil {
		return "", err
	}
	files, err := r.inStorm(ctx, root, server.Address(), o)
	if err != nil {
		return "", err
	}
	return files[0].path, nil
}

// merge adds profiles up and takes out what is about this machine.
func merge(ctx context.Context, dir string, parts []string) ([]byte, error) {
	path := filepath.Join(dir, "merged")
	args := append([]string{"tool", "pprof", "-proto", "-output=" + path}, parts...)
	if said, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go tool pprof -proto: %w\n%s", err, said)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return withoutPaths(b)
}
