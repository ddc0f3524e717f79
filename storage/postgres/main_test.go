package postgres

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails the package when a store that was closed left a goroutine
// behind: its pool has one that looks after the connections.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leftBehind(); left != "" {
		fmt.Fprintf(os.Stderr, "goroutines left behind:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// leftBehind returns the stacks of goroutines of the store, its pool and its
// connections that do not end. They are told to by Close, which does not wait
// for all of them.
func leftBehind() (left string) {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if left = stacks("storage/postgres.", "jackc/pgx", "jackc/puddle"); left == "" {
			break
		}
	}
	return left
}

// stacks returns those that pass through one of the packages, but not this one's.
func stacks(packages ...string) string {
	b := make([]byte, 1<<20)
	b = b[:runtime.Stack(b, true)]
	var found []string
	for stack := range strings.SplitSeq(string(b), "\n\n") {
		if strings.Contains(stack, "postgres.stacks(") {
			continue
		}
		for _, p := range packages {
			if strings.Contains(stack, p) {
				found = append(found, stack)
				break
			}
		}
	}
	return strings.Join(found, "\n\n")
}
