package measure

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"stormdrain/benchmarks/module"
	"stormdrain/benchmarks/report"
)

// Stores are the packages below storage that have a BenchmarkWrite.
func Stores() []string { return []string{"postgres", "sqlite"} }

// rowsLimit bounds one run of a store's benchmarks.
const rowsLimit = 10 * time.Minute

// BuildRows compiles the benchmarks of a store to the file out.
func BuildRows(ctx context.Context, tree *module.Module, out, store string) error {
	return tree.BuildTest(ctx, out, "./storage/"+store)
}

// Rows runs those benchmarks of a store below BenchmarkWrite whose part after
// the slash matches the pattern, each for benchtime, as go test takes both.
func Rows(ctx context.Context, tree *module.Module, binary, store, pattern, benchtime string) ([]report.Rows, error) {
	ctx, cancel := context.WithTimeout(ctx, rowsLimit)
	defer cancel()
	bench := "^BenchmarkWrite$"
	if pattern != "" {
		bench += "/" + pattern
	}
	cmd := exec.CommandContext(ctx, binary, "-test.run=^$", "-test.bench="+bench, "-test.benchtime="+benchtime, "-test.timeout="+rowsLimit.String())
	cmd.Dir = filepath.Join(tree.Root, "storage", store)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("benchmarks of %s: %w\n%s", store, err, out)
	}
	found := parseRows(string(out))
	if len(found) == 0 {
		return nil, fmt.Errorf("the benchmarks of %s say no rows/s:\n%s", store, out)
	}
	for i := range found {
		found[i].Store = store
	}
	return found, nil
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
