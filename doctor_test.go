package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stormdrain/internal/config"
	"stormdrain/tuning/doctor"
)

// TestDoctor is the command on this machine, whatever that is like: the data
// folder does not have to be there, and is not made.
func TestDoctor(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	dir := filepath.Join(parent, "a", "b")
	parse := func(args ...string) *config.Config {
		t.Helper()
		cfg, command, _ := config.Parse(append([]string{"doctor", "--web.listen-address=127.0.0.1:0", "--data.dir=" + dir}, args...), nil, os.Stdout, os.Stderr)
		if command != config.CommandDoctor {
			t.Fatalf("command %q", command)
		}
		return &cfg
	}
	var out bytes.Buffer
	if err := examine(t.Context(), parse(), doctor.Here{}, &out); err != nil && !errors.Is(err, errUnfit) {
		t.Error(err)
	}
	for _, want := range []string{"  fdatasync  ", "  port  ", "SQLite in " + dir} {
		if !strings.Contains(strings.Join(strings.Fields(out.String()), " "), strings.TrimSpace(want)) || strings.Contains(out.String(), "\x1b") {
			t.Errorf("no %q in %q", want, out.String())
		}
	}
	if left, _ := os.ReadDir(parent); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}

	out.Reset()
	cfg := parse("--format=json", "--storage.url=postgres://me:hunter2@127.0.0.1:1/alerts")
	if err := examine(t.Context(), cfg, doctor.Here{}, &out); !errors.Is(err, errUnfit) {
		t.Errorf("a store that cannot be reached: %v", err)
	}
	var said struct{ Status string }
	if err := json.Unmarshal(out.Bytes(), &said); err != nil || said.Status != "fail" || strings.Contains(out.String(), "hunter2") {
		t.Errorf("%v: %s", err, out.String())
	}
}
