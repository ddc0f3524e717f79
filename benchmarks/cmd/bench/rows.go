package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"stormdrain/benchmarks/report"
)

// stores are the packages below storage that have a BenchmarkWrite.
func stores() []string { return []string{"postgres", "sqlite"} }

// rowsLimit bounds one run of a store's benchmarks.
const rowsLimit = 10 * time.Minute

// rowsRound runs the benchmarks of the stores once, each store in turn.
func (b *bench) rowsRound(ctx context.Context, r *report.Report, round int) error {
	if b.opts.rows == "" {
		return nil
	}
	for _, store := range stores() {
		out, err := b.runRows(ctx, store)
		if err != nil {
			return err
		}
		found := parseRows(out)
		if len(found) == 0 {
			return fmt.Errorf("the benchmarks of %s say no rows/s:\n%s", store, out)
		}
		for _, w := range found {
			w.Round, w.Store = round, store
			b.say("round %d, %s, %s: %.0f rows/s", round, store, w.Name, w.PerSecond)
			r.Rows = append(r.Rows, w)
		}
	}
	return nil
}

func (b *bench) runRows(ctx context.Context, store string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, rowsLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.tests[store], "-test.run=^$", "-test.bench=^BenchmarkWrite$",
		"-test.benchtime="+b.opts.rows, "-test.timeout="+rowsLimit.String())
	cmd.Dir = filepath.Join(b.root, "storage", store)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("benchmarks of %s: %w\n%s", store, err, out)
	}
	return string(out), nil
}

// parseRows reads the lines of go test -bench that have a figure in rows/s.
func parseRows(out string) (all []report.Rows) {
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		for i := 3; i < len(f); i += 2 { // name, count, then value and unit
			if f[i] != "rows/s" {
				continue
			}
			if v, err := strconv.ParseFloat(f[i-1], 64); err == nil {
				all = append(all, report.Rows{Name: benchmarkName(f[0]), PerSecond: v})
			}
		}
	}
	return all
}

// benchmarkName cuts off what all have: the function, and the processors.
func benchmarkName(s string) string {
	_, name, _ := strings.Cut(s, "/")
	if i := strings.LastIndexByte(name, '-'); i >= 0 {
		if _, err := strconv.Atoi(name[i+1:]); err == nil {
			name = name[:i]
		}
	}
	return name
}
