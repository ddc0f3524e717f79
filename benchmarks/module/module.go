// Package module builds programs of this module and says which commit they are.
package module

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Module is the source tree that the working directory is in.
type Module struct{ Root string }

// Find looks for it.
func Find(ctx context.Context) (*Module, error) {
	root, err := run(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}")
	return &Module{Root: strings.TrimSpace(root)}, err
}

// Build compiles a package, "." for stormdrain itself, to the file out, as it is
// released: without cgo and without paths of this machine. Flags of go build
// may say otherwise.
func (m *Module) Build(ctx context.Context, out, pkg string, flags ...string) error {
	args := append([]string{"build", "-buildvcs=false", "-trimpath", "-o", out}, flags...)
	_, err := run(ctx, m.Root, "go", append(args, pkg)...)
	return err
}

// BuildTest compiles the tests and benchmarks of a package.
func (m *Module) BuildTest(ctx context.Context, out, pkg string) error {
	_, err := run(ctx, m.Root, "go", "test", "-c", "-buildvcs=false", "-o", out, pkg)
	return err
}

// Commit returns the short name of the commit, with "-dirty" when the tree has
// changes; "unknown" where there is no git.
func (m *Module) Commit(ctx context.Context) string {
	name, err := run(ctx, m.Root, "git", "rev-parse", "--short", "HEAD")
	if err != nil {
		return "unknown"
	}
	// Results of earlier runs and notes beside the code change nothing.
	changes, err := run(ctx, m.Root, "git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)benchmarks/results")
	if err != nil || strings.TrimSpace(changes) != "" {
		return strings.TrimSpace(name) + "-dirty"
	}
	return strings.TrimSpace(name)
}

func run(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, args[0], err, stderr.String())
	}
	return string(out), nil
}
