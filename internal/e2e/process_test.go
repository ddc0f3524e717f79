package e2e

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startLimit is how long a start may take, recovery of a backlog included.
const startLimit = 30 * time.Second

// program is one data directory with one run of the binary after another on
// it. All runs listen on the port that the first one was given.
type program struct {
	t       testing.TB
	dataDir string
	flags   []string
	addr    string // host:port; empty before the first start
	run     *run   // nil while stopped
}

// run is one process.
type run struct {
	cmd    *exec.Cmd
	stderr *stderrLog
	exited chan struct{} // closed when the process is gone and stderr is complete
}

// newProgram prepares a program on a data directory of its own. Nothing is
// started. A run that is left over at the end of the test is killed.
func newProgram(t testing.TB, flags ...string) *program {
	t.Helper()
	p := &program{t: t, dataDir: filepath.Join(t.TempDir(), "data"), flags: flags}
	t.Cleanup(func() {
		if p.run != nil {
			p.kill9()
		}
	})
	return p
}

// startProgram starts a program and waits until it is ready.
func startProgram(t testing.TB, flags ...string) *program {
	t.Helper()
	p := newProgram(t, flags...)
	p.start()
	return p
}

func (p *program) url() string { return "http://" + p.addr }

// start runs the program again on the same directory and waits until it is ready.
func (p *program) start() {
	p.t.Helper()
	p.spawn()
	p.waitReady()
}

// spawn runs the program and waits for nothing but, at the first run, its address.
func (p *program) spawn() {
	p.t.Helper()
	listen := p.addr
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	args := []string{"serve", "--data.dir=" + p.dataDir, "--web.listen-address=" + listen, "--log.format=json"}
	r, err := spawn(append(args, p.flags...), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	p.run = r
	if p.addr != "" {
		return
	}
	p.addr = r.waitAddress(p.t)
}

// waitAddress reads from the log where the program listens.
func (r *run) waitAddress(t testing.TB) (addr string) {
	t.Helper()
	eventually(t, startLimit, func() string {
		if addr = r.stderr.address(); addr != "" {
			return ""
		}
		if r.hasExited() {
			t.Fatalf("the program exited at its start\n%s", r.stderr.tail())
		}
		return "no address in the log\n" + r.stderr.tail()
	})
	return addr
}

// spawn starts the binary. prepare may be nil, or say where and as whom.
func spawn(args []string, prepare func(*exec.Cmd)) (*run, error) {
	r := &run{cmd: exec.Command(binary, args...), stderr: &stderrLog{}, exited: make(chan struct{})}
	r.cmd.Stderr = r.stderr
	r.cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/nonexistent"} // none of ours decides a test
	if prepare != nil {
		prepare(r.cmd)
	}
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		r.cmd.Wait() // how it ended is in ProcessState
		close(r.exited)
	}()
	return r, nil
}

func (p *program) waitReady() {
	p.t.Helper()
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	eventually(p.t, startLimit, func() string {
		if p.run.hasExited() {
			p.t.Fatalf("the program exited before it was ready\n%s", p.run.stderr.tail())
		}
		resp, err := client.Get(p.url() + "/-/ready")
		if err != nil {
			return err.Error()
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			line, _ := io.ReadAll(resp.Body)
			return resp.Status + " " + string(line)
		}
		return ""
	})
}

// kill9 kills the program and waits until it is gone.
func (p *program) kill9() {
	p.t.Helper()
	if err := p.run.cmd.Process.Kill(); err != nil && !p.run.hasExited() {
		p.t.Fatal(err)
	}
	<-p.run.exited
	p.checkLog()
	p.run = nil
}

// terminate sends SIGTERM and returns the exit status.
func (p *program) terminate(limit time.Duration) int {
	p.t.Helper()
	if err := p.run.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	code := p.run.wait(p.t, limit)
	p.checkLog()
	p.run = nil
	return code
}

// checkLog fails the test for what no run may ever say.
func (p *program) checkLog() {
	p.t.Helper()
	text := p.run.stderr.String()
	for _, bad := range []string{"panic:", "DATA RACE", "BUG:", "fatal error:", "goroutine 1 ["} {
		if strings.Contains(text, bad) {
			p.t.Errorf("%q in the log:\n%s", bad, p.run.stderr.tail())
		}
	}
}

func (r *run) hasExited() bool {
	select {
	case <-r.exited:
		return true
	default:
		return false
	}
}

// wait returns the exit status of a process that is to end by itself.
func (r *run) wait(t testing.TB, limit time.Duration) int {
	t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-r.exited:
	case <-timer.C:
		kill := r.cmd.Process.Kill()
		<-r.exited
		t.Fatalf("still running after %v (then killed: %v)\n%s", limit, errors.Is(kill, nil), r.stderr.tail())
	}
	return r.cmd.ProcessState.ExitCode()
}

// stderrLog keeps what a process writes to standard error.
type stderrLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *stderrLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *stderrLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// tail is what fits into a test's message.
func (l *stderrLog) tail() string {
	const most = 4000
	s := l.String()
	if len(s) > most {
		s = "…" + s[len(s)-most:]
	}
	return s
}

var listening = regexp.MustCompile(`(?i)listen.*(127\.0\.0\.1:[1-9][0-9]*)|(127\.0\.0\.1:[1-9][0-9]*).*listen`)

// address finds the line that names the port; "" when there is none yet.
func (l *stderrLog) address() string {
	for line := range strings.Lines(l.String()) {
		if m := listening.FindStringSubmatch(line); m != nil && strings.HasSuffix(line, "\n") {
			return m[1] + m[2]
		}
	}
	return ""
}
