package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// activator does for a test what systemd does for a socket unit: it holds the
// listening socket open while one run of the program follows the other, and
// listens to what each says of itself.
type activator struct {
	t      *testing.T
	p      *program
	socket *os.File
	notify *net.UnixConn
	env    []string
}

func newActivator(t *testing.T, flags ...string) *activator {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	path := filepath.Join(t.TempDir(), "notify")
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { notify.Close() })
	a := &activator{t: t, p: newProgram(t, flags...), socket: socket, notify: notify}
	a.p.addr = l.Addr().String()
	a.env = []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=2000000", "LISTEN_FDS=1"}
	return a
}

// start runs the program with the socket and waits until it says READY=1.
func (a *activator) start() {
	a.t.Helper()
	a.spawn()
	a.await("READY=1")
}

// spawn waits for nothing. That server.listen names another address must not matter.
func (a *activator) spawn() {
	a.t.Helper()
	args := append([]string{"serve", "--data.dir=" + a.p.dataDir, "--web.listen-address=127.0.0.1:1", "--log.format=json"}, a.p.flags...)
	r, err := spawn(args, func(cmd *exec.Cmd) {
		// LISTEN_PID is known to the process alone, and exec keeps it.
		cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, binary}, args...)
		cmd.ExtraFiles = []*os.File{a.socket}
		cmd.Env = append(cmd.Env, a.env...)
	})
	if err != nil {
		a.t.Fatal(err)
	}
	a.p.run = r
}

// await reads messages until one begins with this, and returns it. A READY=1 that
// nobody waits for is a false one.
func (a *activator) await(begin string) string {
	a.t.Helper()
	var heard []string
	b := make([]byte, 4096)
	for {
		if err := a.notify.SetReadDeadline(time.Now().Add(startLimit)); err != nil {
			a.t.Fatal(err)
		}
		n, err := a.notify.Read(b)
		if err != nil {
			a.t.Fatalf("waiting for %s, heard %q: %v\n%s", begin, heard, err, a.p.run.stderr.tail())
		}
		m := string(b[:n])
		if strings.HasPrefix(m, begin) {
			return m
		}
		if strings.HasPrefix(m, "READY=1") {
			a.t.Fatalf("%q before %s", m, begin)
		}
		heard = append(heard, m)
	}
}

// TestRestartUnderLoad restarts the program twice on a socket that stays open.
// Nobody who sends may notice: every delivery is answered with 200.
func TestRestartUnderLoad(t *testing.T) {
	forEachStore(t, func(t *testing.T, store *testStore) {
		a := newActivator(t, store.flags...)
		a.start()
		l := startLoad(a.p, crashConnections, 500)
		for range 2 {
			l.waitAcked(300, ackLimit)
			if code := a.p.terminate(startLimit); code != 0 {
				t.Errorf("exit status %d after SIGTERM, want 0", code)
			}
			a.await("STOPPING=1")
			a.start()
		}
		l.waitAcked(300, ackLimit)
		l.stop()
		l.mustTakeAll()
		a.p.client().waitAtRest()
		verify(t, l, store, a.p)
	})
}

// TestServiceMessages follows one run as systemd would.
func TestServiceMessages(t *testing.T) {
	a := newActivator(t, "--config.file="+configFile(t, "log: {level: info}\n"))
	a.start()
	a.await("WATCHDOG=1")
	if err := a.p.run.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if m := a.await("RELOADING=1"); !strings.Contains(m, "\nMONOTONIC_USEC=") {
		t.Errorf("reload: %q", m)
	}
	a.await("READY=1")
	a.p.client().deliver("/webhook", "one", loadBody(0), 100)
	if code := a.p.terminate(startLimit); code != 0 {
		t.Errorf("exit status %d", code)
	}
	a.await("STOPPING=1")
}

// TestReadyWaitsForThePromise: with journal.ack commit nothing can be promised
// while the store is down.
func TestReadyWaitsForThePromise(t *testing.T) {
	store := newPostgres(t)
	store.postgres.Stop()
	a := newActivator(t, append(store.flags, "--journal.ack=commit")...)
	a.spawn()
	if m := a.await("STATUS="); !strings.Contains(m, "not taking alerts: the store is down") || !strings.Contains(m, "backlog: 0 deliveries") {
		t.Errorf("first %q", m)
	}
	a.await("WATCHDOG=1")
	store.postgres.Restart()
	if m := a.await("READY=1"); !strings.Contains(m, "\nSTATUS=taking alerts; backlog: 0 deliveries") {
		t.Errorf("then %q", m)
	}
}

// TestReload changes the file of a running program, and asks for it by signal and
// by HTTP.
func TestReload(t *testing.T) {
	path := configFile(t, "log: {level: info}\n")
	p := startProgram(t, "--config.file="+path)
	c := p.client()
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	reload := func(code int, answer string) {
		t.Helper()
		if got := c.do("POST", "/-/reload", nil); got.code != code || !strings.Contains(got.body, answer) || strings.Count(got.body, "\n") != 1 {
			t.Errorf("reload: %d %q, want %d and %q", got.code, got.body, code, answer)
		}
	}
	said := func(what string) {
		t.Helper()
		eventually(t, startLimit, func() string {
			if strings.Contains(p.run.stderr.String(), what) {
				return ""
			}
			return fmt.Sprintf("no %q in the log\n%s", what, p.run.stderr.tail())
		})
	}
	reload(200, "reloaded")
	write("log: {level: debug}\nstorage: {batch_rows: 7}\n")
	reload(200, "reloaded")
	said(`"keys":["log.level"]`)
	said(`"keys":["storage.batch_rows"]`)
	write("log: {levle: debug}\n")
	reload(400, path+", line 1): unknown key; did you mean log.level?")
	metrics := c.do("GET", "/metrics", nil).body
	if !strings.Contains(metrics, "stormdrain_config_last_reload_successful 0\n") || !strings.Contains(metrics, "\nstormdrain_config_last_reload_success_timestamp_seconds ") {
		t.Error("the metrics do not say that the last reload has failed")
	}
	if got := c.do("GET", "/-/reload", nil); got.code != 405 || got.header.Get("Allow") != "POST" {
		t.Errorf("GET: %d, Allow %q", got.code, got.header.Get("Allow"))
	}
	write("log: {level: error}\n")
	if err := p.run.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, startLimit, func() string {
		if strings.Contains(c.do("GET", "/metrics", nil).body, "stormdrain_config_last_reload_successful 1\n") {
			return ""
		}
		return "the reload by signal has not succeeded"
	})
}
