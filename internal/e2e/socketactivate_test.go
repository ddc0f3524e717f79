package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// activate has systemd-socket-activate listen for p and start command when the first
// connection is there. It becomes the command, so p.run is both.
func (p *program) activate(settings []string, command ...string) {
	p.t.Helper()
	tool, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		p.t.Fatalf("%v (make deps installs it)", err)
	}
	args := []string{"-l", p.addr}
	for _, s := range settings {
		args = append(args, "-E", s)
	}
	r, err := spawn(nil, func(cmd *exec.Cmd) {
		cmd.Path, cmd.Args = tool, append(append([]string{tool}, args...), command...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.run = r
	p.t.Cleanup(func() { // the shell's child is not in p.run
		_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL) // gone already, in a test that succeeds
		<-r.exited
	})
	eventually(p.t, startLimit, func() string {
		if text := r.stderr.String(); !strings.Contains(text, "Listening on") {
			return "systemd-socket-activate says " + text
		}
		return ""
	})
}

// The first connection starts the program. Nobody else listens there until then, so
// the delivery that it brings has waited in the socket.
func TestSocketActivate(t *testing.T) {
	p := newProgram(t)
	p.addr = freePort(t)
	p.activate([]string{"STORMDRAIN_DATA_DIR=" + p.dataDir, "STORMDRAIN_LOG_FORMAT=json"}, binary)
	if _, err := os.Stat(p.dataDir); err == nil {
		t.Fatal("the program was started before anybody connected")
	}
	c := p.client()
	c.deliver("/webhook/waited", "first", loadBody(0), loadAlerts(0))
	c.waitAtRest()
	if got := len(c.events("source=waited")); got != loadAlerts(0) {
		t.Errorf("%d events, want %d", got, loadAlerts(0))
	}
	if log := p.run.stderr.String(); strings.Contains(log, ":9567") {
		t.Errorf("it listens on server.listen, too:\n%s", log)
	}
	if code := p.terminate(startLimit); code != 0 {
		t.Errorf("exit status %d after SIGTERM", code)
	}
	if conn, err := net.Dial("tcp", p.addr); err == nil {
		conn.Close()
		t.Error("somebody holds the socket")
	}
}

// The socket of systemd-socket-activate outlives the program, which a shell starts
// again whenever it ends. No delivery is refused, and none is lost.
func TestSocketActivateRestarts(t *testing.T) {
	p := newProgram(t)
	p.addr = freePort(t)
	dir := t.TempDir()
	pidFile, stop := filepath.Join(dir, "pid"), filepath.Join(dir, "stop")
	// LISTEN_PID is the shell's; each program is told its own.
	const loop = `while ! [ -e "$STOP" ]; do sh -c 'echo $$ >"$PIDFILE.new"; mv "$PIDFILE.new" "$PIDFILE"; LISTEN_PID=$$ exec "$0"' "$0" || exit; done`
	p.activate([]string{"STORMDRAIN_DATA_DIR=" + p.dataDir, "STORMDRAIN_LOG_FORMAT=json", "PIDFILE=" + pidFile, "STOP=" + stop}, "sh", "-c", loop, binary)

	pid := func() int {
		text, err := os.ReadFile(pidFile)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	terminate := func() {
		t.Helper()
		if err := syscall.Kill(pid(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	l := startLoad(p, crashConnections, 500)
	l.waitAcked(300, ackLimit)
	for range 3 {
		before := pid()
		terminate()
		eventually(t, startLimit, func() string {
			if pid() == before {
				return "no other program was started\n" + p.run.stderr.tail()
			}
			return ""
		})
		l.waitAcked(300, ackLimit)
	}
	l.stop()
	l.mustTakeAll()
	p.client().waitAtRest()
	verify(t, l, &testStore{}, p)

	if err := os.WriteFile(stop, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	terminate()
	if code := p.run.wait(t, startLimit); code != 0 { // of the last program, by way of the shell
		t.Errorf("exit status %d", code)
	}
	p.checkLog()
	p.run = nil
}
