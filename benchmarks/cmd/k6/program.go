package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	source  = "go.k6.io/k6"
	version = "v1.8.1"
)

// install builds k6 from the module proxy, once: its file has the version in its
// name. It takes some minutes and is nothing that stormdrain depends on.
func install(ctx context.Context, bin string, out io.Writer) (string, error) {
	program := filepath.Join(bin, "k6-"+version)
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(bin, "k6-build") // beside it, so that it can be renamed
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintf(out, "building k6 %s, which takes some minutes, once\n", version)
	cmd := exec.CommandContext(ctx, "go", "install", source+"@"+version)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOBIN="+dir)
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go install %s@%s: %w\n%s", source, version, err, said)
	}
	return program, os.Rename(filepath.Join(dir, "k6"), program)
}

// endLimit is how long k6 may take to end after an interrupt.
const endLimit = 30 * time.Second

// command prepares a run of one script. k6 tells nobody about it, and opens no
// port of its own.
func command(ctx context.Context, o options, script, target string) *exec.Cmd {
	args := []string{"run", "--no-usage-report", "--address="}
	if o.quick {
		args = append(args, "--no-thresholds")
	}
	for _, v := range o.variables(target) {
		args = append(args, "--env", v)
	}
	cmd := exec.CommandContext(ctx, o.program, append(args, script)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) } // it then says what it has
	cmd.WaitDelay = endLimit
	return cmd
}
