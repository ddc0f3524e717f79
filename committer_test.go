package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"stormdrain/internal/systemd"
	"stormdrain/storage/journal"
)

// oneFrame is the least that a journal takes.
type oneFrame struct{}

func (oneFrame) Encode(w *journal.Writer) { w.EndFrame(append(w.BeginFrame(), 'x')) }

// journalWith opens a journal whose committer runs synced after each fdatasync.
func journalWith(t *testing.T, dir string, synced func()) *journal.Journal {
	t.Helper()
	cfg := journal.DefaultConfig()
	cfg.Dir, cfg.WaitTimeout = dir, 160*time.Millisecond
	cfg.Observer.Synced = func(time.Duration) { synced() }
	j, err := journal.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// TestPanicOfTheCommitter: nobody can be answered without it, so the process ends,
// and with a status that has it started again. A second process of this test is
// the one that dies.
func TestPanicOfTheCommitter(t *testing.T) {
	t.Parallel()
	const variable = "STORMDRAIN_TEST_JOURNAL"
	if dir := os.Getenv(variable); dir != "" {
		j := journalWith(t, dir, func() { panic("index out of range") })
		_, err := j.Append(oneFrame{}, true)
		t.Fatalf("answered with %v", err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestPanicOfTheCommitter$", "-test.count=1")
	cmd.Env = append(os.Environ(), variable+"="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); err == nil || code != 2 || !strings.Contains(string(out), "panic: index out of range") {
		t.Errorf("exit status %d, %v\n%s", code, err, out)
	}
}

// TestHungCommitter: the watchdog is fed while the committer has nothing to do,
// and never again once it hangs, so that the service manager ends the process.
// The environment is the process's, so it is not parallel.
func TestHungCommitter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "300000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))

	hang, hangs := make(chan struct{}), make(chan struct{}, 1)
	j := journalWith(t, t.TempDir(), func() { hangs <- struct{}{}; <-hang })
	m := systemd.Watch(systemd.Health{
		Ready: j.Ready, Heartbeat: j.Heartbeat, Beat: j.HeartbeatEvery(), Status: func() string { return "" },
	})
	fed := func(within time.Duration) bool {
		b := make([]byte, 4096)
		for deadline := time.Now().Add(within); ; {
			if err := manager.SetReadDeadline(deadline); err != nil {
				t.Fatal(err)
			}
			n, err := manager.Read(b)
			if err != nil {
				return false
			}
			if string(b[:n]) == "WATCHDOG=1" {
				return true
			}
		}
	}
	for range 4 {
		if !fed(10 * time.Second) {
			t.Fatal("the watchdog of a committer at rest starves")
		}
	}
	if _, err := j.Append(oneFrame{}, false); err != nil {
		t.Fatal(err)
	}
	<-hangs
	for last := time.Now(); fed(time.Second); {
		if time.Since(last) > 10*time.Second {
			t.Fatal("the watchdog of a committer that hangs is fed")
		}
	}
	close(hang)
	if !fed(10 * time.Second) {
		t.Error("the watchdog starves when the committer has come back")
	}
	m.Close(t.Context())
	if err := j.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
