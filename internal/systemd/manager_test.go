package systemd

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// manager is a service manager's ear. The environment is the process's, so no
// test here is parallel.
type ear struct {
	t    *testing.T
	conn *net.UnixConn
}

func listen(t *testing.T) *ear {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "")
	return &ear{t, conn}
}

// next returns the next message but those of the watchdog, "" for none in time.
func (e *ear) next(within time.Duration) string {
	e.t.Helper()
	for deadline := time.Now().Add(within); ; {
		if m := e.any(time.Until(deadline)); m != "WATCHDOG=1" {
			return m
		}
	}
}

func (e *ear) any(within time.Duration) string {
	e.t.Helper()
	if err := e.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		e.t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, err := e.conn.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ""
	}
	if err != nil {
		e.t.Fatal(err)
	}
	return string(b[:n])
}

const patience = 10 * time.Second

func alive() Health {
	return Health{
		Ready: func() error { return nil }, Heartbeat: time.Now, Beat: time.Millisecond,
		Status: func() string { return "fine" },
	}
}

func TestLifeOfAService(t *testing.T) {
	e := listen(t)
	h := alive()
	var ready atomic.Bool
	h.Ready = func() error {
		if !ready.Load() {
			return errors.New("the store is down")
		}
		return nil
	}
	m := Watch(h)
	if got := e.next(patience); got != "STATUS=fine" {
		t.Errorf("first %q", got)
	}
	m.Reloading()() // of a process that is starting: no message
	m.Serving()
	if got := e.next(100 * time.Millisecond); got != "" {
		t.Errorf("%q, although it is not ready", got)
	}
	ready.Store(true)
	if got := e.next(patience); got != "READY=1\nSTATUS=fine" {
		t.Errorf("when ready: %q", got)
	}
	done := m.Reloading()
	name, usec, _ := strings.Cut(e.next(patience), "\nMONOTONIC_USEC=")
	if n, err := strconv.ParseInt(usec, 10, 64); name != "RELOADING=1" || err != nil || n <= 0 {
		t.Errorf("reload: %q at %q", name, usec)
	}
	done()
	if got := e.next(patience); got != "READY=1" {
		t.Errorf("after the reload: %q", got)
	}
	m.Stopping()
	m.Stopping()
	if got := e.next(patience); got != "STOPPING=1\nSTATUS=shutting down: finishing what is in flight" {
		t.Errorf("at the end: %q", got)
	}
	for range 2 {
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if got := e.next(50 * time.Millisecond); got != "" {
		t.Errorf("after the end: %q", got)
	}
}

// TestWatchdog: fed while the heart beats, also before we are ready and while we
// are stopping; never again once it has stopped.
func TestWatchdog(t *testing.T) {
	e := listen(t)
	t.Setenv("WATCHDOG_USEC", "60000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	h := alive()
	var stuck atomic.Bool
	began := time.Now()
	h.Heartbeat = func() time.Time {
		if stuck.Load() {
			return began
		}
		return time.Now()
	}
	m := Watch(h)
	fed := func() (n int) {
		for deadline := time.Now().Add(patience); n < 5 && time.Now().Before(deadline); {
			if e.any(patience) == "WATCHDOG=1" {
				n++
			}
		}
		return n
	}
	if n := fed(); n < 5 {
		t.Errorf("starting: fed %d times", n)
	}
	m.Serving()
	if n := fed(); n < 5 {
		t.Errorf("ready: fed %d times", n)
	}
	m.Stopping()
	if n := fed(); n < 5 {
		t.Errorf("stopping: fed %d times", n)
	}
	stuck.Store(true)
	for e.any(120*time.Millisecond) != "" { // what was under way
	}
	if got := e.any(200 * time.Millisecond); got != "" {
		t.Errorf("a heart that stands still gives %q", got)
	}
	m.Close(t.Context())
}

// TestWatchdogOfAnotherProcess: it is its parent's, say.
func TestWatchdogOfAnotherProcess(t *testing.T) {
	e := listen(t)
	t.Setenv("WATCHDOG_USEC", "3000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()+1))
	m := Watch(alive())
	m.Serving()
	for m := e.any(100 * time.Millisecond); m != ""; m = e.any(100 * time.Millisecond) {
		if m == "WATCHDOG=1" {
			t.Error("fed a watchdog that is not ours")
		}
	}
	m.Close(t.Context())
}

func TestNobodyListens(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	m := Watch(Health{}) // nothing of it is called
	m.Serving()
	m.Reloading()()
	m.Stopping()
	m.Close(t.Context())
	if ls, err := Listeners(); len(ls) != 0 || err != nil {
		t.Errorf("%v, %v", ls, err)
	}
}
