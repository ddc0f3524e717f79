// Package wrk runs wrk with this folder's script and reads what it prints.
package wrk

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Config is one run.
type Config struct {
	URL         string
	Script      string // path of storm.lua
	Mode        string // "storm", "hard" or "mix", see storm.lua
	Alerts      int    // in a request: 1, 10, 100 or 1000; "mix" has its own
	Number      int    // of the run: no two runs on one server may have the same
	Connections int
	Duration    time.Duration // whole seconds, at least one
}

// overtime is what wrk may need beside the measured time, for its start and
// for the last answers.
const overtime = 30 * time.Second

// Run runs wrk with one thread and waits for its end. A run in which any
// request failed is returned like any other; ask Failures.
func Run(ctx context.Context, cfg Config) (Result, error) {
	seconds := int(cfg.Duration / time.Second)
	if seconds < 1 || cfg.Connections < 1 {
		return Result{}, fmt.Errorf("wrk: %v over %d connections is no load", cfg.Duration, cfg.Connections)
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Duration+overtime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "wrk", "-t1", "-c"+strconv.Itoa(cfg.Connections), "-d"+strconv.Itoa(seconds)+"s",
		"--timeout", "10s", "--latency", "-s", cfg.Script, cfg.URL)
	cmd.Env = append(os.Environ(), "MODE="+cfg.Mode, "RUN="+strconv.Itoa(cfg.Number))
	if cfg.Alerts > 0 {
		cmd.Env = append(cmd.Env, "ALERTS="+strconv.Itoa(cfg.Alerts))
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return Result{}, fmt.Errorf("wrk: %w\n%s", err, out)
	}
	r, err := Parse(string(out))
	if err != nil {
		return Result{}, err
	}
	r.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return r, nil
}

// Version returns wrk's version, "debian/4.1.0-3+b2" or the like.
func Version(ctx context.Context) (string, error) {
	// It prints its version and the usage, and exits with 1.
	out, err := exec.CommandContext(ctx, "wrk", "-v").CombinedOutput()
	fields := strings.Fields(string(out))
	if len(fields) < 2 || fields[0] != "wrk" {
		return "", fmt.Errorf("wrk is not installed (on Debian: apt-get install wrk): %w", err)
	}
	return fields[1], nil
}
