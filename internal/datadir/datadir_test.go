package datadir

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// childDir names the folder that a child process of these tests is to hold.
const childDir = "STORMDRAIN_TEST_DATADIR"

// TestMain becomes the child where it is asked to: it holds the folder until
// its standard input ends.
func TestMain(m *testing.M) {
	path := os.Getenv(childDir)
	if path == "" {
		os.Exit(m.Run())
	}
	if _, err := Open(path); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("locked")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// startChild runs a second process on the folder and returns its first line.
func startChild(t *testing.T, path string) (cmd *exec.Cmd, line string) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+path)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	line, err = bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return cmd, strings.TrimSpace(line)
}

func TestOpenCreates(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a", "b", "data")
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&^0o750 != 0 {
		t.Errorf("%v, %v", info, err)
	}
	if d.Path() != path {
		t.Error(d.Path())
	}
	b, err := os.ReadFile(filepath.Join(path, lockName))
	if err != nil || string(b) != fmt.Sprintf("%d\n", os.Getpid()) {
		t.Errorf("%q, %v", b, err)
	}
	for range 2 {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenTwiceInOneProcess(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(path)
	var inUse *InUseError
	if !errors.As(err, &inUse) || inUse.PID != os.Getpid() {
		t.Errorf("%v", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	again, err := Open(path)
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	_ = again.Close()
}

func TestChildIsKeptOut(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	want := fmt.Sprintf("data directory %q is in use by another stormdrain (pid %d)", path, os.Getpid())
	if _, line := startChild(t, path); line != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
}

// TestKilledChildLeavesNoLock: the lock dies with its process, and the number
// that it left in the file keeps nobody out.
func TestKilledChildLeavesNoLock(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	child, line := startChild(t, path)
	if line != "locked" {
		t.Fatal(line)
	}
	_, err := Open(path)
	var inUse *InUseError
	if !errors.As(err, &inUse) || inUse.PID != child.Process.Pid {
		t.Fatalf("%v, child is %d", err, child.Process.Pid)
	}
	if err := child.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	_ = d.Close()
}

func TestOneWinner(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data")
	var winners atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			d, err := Open(path)
			var inUse *InUseError
			switch {
			case err == nil:
				winners.Add(1)
				t.Cleanup(func() { _ = d.Close() })
			case !errors.As(err, &inUse):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if winners.Load() != 1 {
		t.Errorf("%d winners", winners.Load())
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(path string, want error) {
		t.Helper()
		d, err := Open(path)
		if !errors.Is(err, want) || !strings.Contains(err.Error(), fmt.Sprintf("%q", path)) {
			t.Errorf("%v, %v", d, err)
		}
	}
	f(file, syscall.ENOTDIR)
	f(filepath.Join(file, "below"), syscall.ENOTDIR)
	f("/proc/no-such-folder", fs.ErrNotExist)

	locked := filepath.Join(t.TempDir(), "locked")
	if err := os.MkdirAll(filepath.Join(locked, lockName), 0o700); err != nil {
		t.Fatal(err)
	}
	f(locked, syscall.EISDIR)
}

func TestInUseWithoutPID(t *testing.T) {
	t.Parallel()
	if got := (&InUseError{Path: "x"}).Error(); got != `data directory "x" is in use by another stormdrain` {
		t.Error(got)
	}
}
