package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// build finds the module and compiles what will be measured: the
// servers, and the tests of the stores when they are asked for.
func (b *bench) build(ctx context.Context) error {
	root, err := b.tool(ctx, "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return err
	}
	b.root = strings.TrimSpace(root)
	b.stormdrain, b.ceiling = filepath.Join(b.dir, "stormdrain"), filepath.Join(b.dir, "ceiling")
	b.reference = filepath.Join(b.dir, "reference")
	b.say("building")
	for out, pkg := range map[string]string{b.stormdrain: ".", b.ceiling: "./benchmarks/ceiling", b.reference: "./benchmarks/reference"} {
		if _, err := b.tool(ctx, "go", "build", "-buildvcs=false", "-trimpath", "-o", out, pkg); err != nil {
			return err
		}
	}
	if b.opts.rows == "" {
		return nil
	}
	for _, store := range stores() {
		b.tests[store] = filepath.Join(b.dir, store+".test")
		if _, err := b.tool(ctx, "go", "test", "-c", "-buildvcs=false", "-o", b.tests[store], "./storage/"+store); err != nil {
			return err
		}
	}
	return nil
}

// tool runs one of the tools in the module's root, without cgo: the binary
// that is released has none.
func (b *bench) tool(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = b.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, args[0], err, stderr.String())
	}
	return string(out), nil
}

// commit returns the short name of the commit, with "-dirty" when the tree has
// changes; "unknown" where there is no git.
func (b *bench) commit(ctx context.Context) string {
	name, err := b.tool(ctx, "git", "rev-parse", "--short", "HEAD")
	if err != nil {
		return "unknown"
	}
	// Results of earlier runs and notes beside the code change nothing.
	changes, err := b.tool(ctx, "git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)benchmarks/results")
	if err != nil || strings.TrimSpace(changes) != "" {
		return strings.TrimSpace(name) + "-dirty"
	}
	return strings.TrimSpace(name)
}
