package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// binary is the program under test, built once by TestMain. sharedDir is a
// directory that every user can pass through.
var binary, sharedDir string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "stormdrain-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	// A test runs the program as another user, who must be able to reach it.
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	sharedDir = dir
	if binary = os.Getenv("BINARY"); binary != "" {
		return m.Run()
	}
	binary = filepath.Join(dir, "stormdrain")
	args := []string{"build", "-buildvcs=false", "-o", binary}
	if os.Getenv("RACE") == "1" {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "stormdrain")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// rounds is how often a crash test kills.
func rounds(t *testing.T) int {
	t.Helper()
	s := os.Getenv("ROUNDS")
	if s == "" {
		return 25
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("ROUNDS=%q is no positive number", s)
	}
	return n
}

// random returns the source of a test's choices and logs how to repeat them.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("SEED=%q is no number", s)
		}
		seed = n
	}
	t.Logf("repeat the choices of this run with SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// eventually polls check until it returns "". What it returns otherwise is the
// reason why not yet, and ends the test when the limit has passed.
func eventually(t testing.TB, limit time.Duration, check func() (notYet string)) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); ; <-tick.C {
		notYet := check()
		if notYet == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %s", limit, notYet)
		}
	}
}
