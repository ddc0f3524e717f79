package sqlite

import (
	"bufio"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// childEnv makes this test binary write batches into the file that it names,
// one for each byte of its input, saying each committed position.
const childEnv = "STORMDRAIN_TEST_SQLITE_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		fmt.Fprintln(os.Stderr, writeAsTold(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func writeAsTold(path string) error {
	s, err := New(Config{Path: path})
	if err != nil {
		return err
	}
	f := newFeed(1, 500, 10)
	if f.seq, err = s.Position(context.Background(), f.journal); err != nil {
		return err
	}
	for {
		if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
			return err
		}
		if f.seq%500 == 0 {
			f.addSets(50)
		}
		b := f.batch(1000)
		if err := s.Write(context.Background(), b); err != nil {
			return err
		}
		fmt.Println(b.To)
	}
}

// startChild starts a child on path, which writes that many batches and then
// waits, and returns what it says, line by line.
func startChild(t *testing.T, path string, batches int) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write(make([]byte, batches)); err != nil { // a pipe holds them all
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// After a kill at any moment the store is at a position that was the last one
// said, or one batch later, and holds exactly the events up to there.
func TestKill(t *testing.T) {
	t.Parallel()
	path := temporary(t)
	for round := range 3 {
		cmd, said := startChild(t, path, 1000)
		var last uint64
		for lines := 0; lines < 8+9*round && said.Scan(); lines++ {
			last, _ = strconv.ParseUint(said.Text(), 10, 64)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for said.Scan() { // what it said before it died
			last, _ = strconv.ParseUint(said.Text(), 10, 64)
		}
		_ = cmd.Wait() // it was killed
		s := open(t, path)
		position := mustPosition(t, s, alert.ID{1})
		if last == 0 || position != last && position != last+100 {
			t.Fatalf("round %d: position %d, the child said %d", round, position, last)
		}
		whole(t, s, int64(position)*10)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// whole checks that the database is sound and holds this many events.
func whole(t *testing.T, s *Store, events int64) {
	t.Helper()
	if n := count(t, s, `SELECT coalesce(sum(alerts), 0) FROM bundles`); n != events {
		t.Errorf("%d events, want %d", n, events)
	}
	if n := count(t, s, `SELECT count(*) FROM alert_events`); n != events {
		t.Errorf("%d events in the view, want %d", n, events)
	}
	if n := int64(len(keys(t, s, matching(t, `job="node"`)))); n != events {
		t.Errorf("%d events by label set, want %d", n, events)
	}
	err := s.reading(context.Background(), func(c *conn) error {
		return c.query(context.Background(), `PRAGMA integrity_check`, func(row []driver.Value) error {
			if row[0] != "ok" {
				return fmt.Errorf("integrity: %v", row[0])
			}
			return nil
		})
	})
	if err != nil {
		t.Error(err)
	}
}

// A power cut leaves the two files as they were at some moment, so copies of
// them must open, at a position that was committed.
func TestCopyOpens(t *testing.T) {
	t.Parallel()
	path := temporary(t)
	s := open(t, path)
	f := newFeed(1, 300, 10)
	mustPosition(t, s, f.journal)
	for i := range 6 {
		b := f.batch(1000)
		mustWrite(t, s, b)
		twin := temporary(t)
		if err := makeFolder(strings.TrimSuffix(twin, "/alerts.db")); err != nil {
			t.Fatal(err)
		}
		copyFile(t, path+"-wal", twin+"-wal", i*1000) // its last bytes may not have been written
		copyFile(t, path, twin, 0)
		c := open(t, twin)
		position := mustPosition(t, c, f.journal)
		if cut := i > 0; !cut && position != b.To || cut && position != b.To-100 {
			t.Errorf("copy %d is at %d, the original at %d", i, position, b.To)
		}
		whole(t, c, int64(position)*10)
	}
}

func copyFile(t *testing.T, from, to string, less int) {
	t.Helper()
	// A process of its own reads the files: closing one here would drop the
	// locks that SQLite holds on it for this process.
	out, err := exec.Command("cat", from).Output()
	if err == nil {
		err = os.WriteFile(to, out[:len(out)-less], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Two processes on one file take turns; a batch that the other has stored is
// refused for its position.
func TestSecondProcess(t *testing.T) {
	t.Parallel()
	path := temporary(t)
	const batches = 20
	cmd, said := startChild(t, path, batches)
	defer func() { _, _ = cmd.Process.Kill(), cmd.Wait() }()
	if !said.Scan() {
		t.Fatal("the child said nothing")
	}
	s := open(t, path)
	f := newFeed(2, 500, 10)
	mustPosition(t, s, f.journal)
	for range 5 {
		mustWrite(t, s, f.batch(1000))
	}
	other := newFeed(1, 1, 10)
	if err := s.Write(context.Background(), other.batch(10)); !errors.Is(err, storage.ErrPosition) {
		t.Errorf("a position that the other process has left: %v", err)
	}
	for range batches - 1 {
		if !said.Scan() {
			t.Fatal("the child stopped early")
		}
	}
	if n := count(t, s, `SELECT count(*) - count(DISTINCT labels) FROM label_sets`); n != 0 {
		t.Errorf("%d label sets are there twice", n)
	}
	whole(t, s, 5000+1000*batches)
}

// While another process keeps its transaction open, a write waits; when its
// context ends it gives up, and it works once the other has finished.
func TestWaitsForTheOther(t *testing.T) {
	t.Parallel()
	path := temporary(t)
	s, other := open(t, path), open(t, path)
	f := newFeed(1, 5, 10)
	mustPosition(t, s, f.journal)
	b := f.batch(100)
	err := other.writing(context.Background(), func(c *conn) error {
		return c.transaction(context.Background(), true, func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			defer cancel()
			if err := s.Write(ctx, b); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a write that waits too long: %v", err)
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, b)
}
