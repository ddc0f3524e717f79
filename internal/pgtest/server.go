package pgtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	readyLine  = "database system is ready to accept connections"
	startLimit = time.Minute // recovery after a kill included
	logLines   = 40          // kept for the message of a start that went wrong
)

// server is one run of the postmaster and its children.
type server struct {
	pid  int
	gone chan struct{} // closed when no process of this run is left
}

// startServer starts cmd and waits for the line of its log that says that it
// takes connections.
func startServer(cmd *exec.Cmd) (*server, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = w
	dieWithParent(cmd.SysProcAttr)
	started := make(chan error, 1)
	exited := make(chan struct{})
	go func() {
		// The signal at the parent's death is tied to the thread that forked:
		// this one must live as long as the server.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		w.Close()
		started <- err
		if err == nil {
			cmd.Wait() // how it ended is in its log
		}
		close(exited)
	}()
	if err := <-started; err != nil {
		r.Close()
		return nil, err
	}
	s := &server{pid: cmd.Process.Pid, gone: make(chan struct{})}
	ready, tail := make(chan struct{}), make(chan []string, 1)
	go func() {
		// Every process of the server holds the other end of the pipe, so its
		// end means that the last of them is gone.
		tail <- readLog(r, ready)
		<-exited
		close(s.gone)
	}()
	timer := time.NewTimer(startLimit)
	defer timer.Stop()
	select {
	case <-ready:
		return s, nil
	case lines := <-tail:
		<-exited
		return nil, fmt.Errorf("it exited\n%s", strings.Join(lines, "\n"))
	case <-timer.C:
		s.kill()
		return nil, fmt.Errorf("it is not ready after %v\n%s", startLimit, strings.Join(<-tail, "\n"))
	}
}

// readLog drains the server's log to its end and returns the last lines. It
// closes ready at the line that says so.
func readLog(r *os.File, ready chan struct{}) (tail []string) {
	defer r.Close()
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		if line = strings.TrimRight(line, "\n"); line != "" {
			if len(tail) == logLines {
				tail = append(tail[:0], tail[1:]...)
			}
			tail = append(tail, line)
		}
		if ready != nil && strings.Contains(line, readyLine) {
			close(ready)
			ready = nil
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				tail = append(tail, err.Error())
			}
			return tail
		}
	}
}

func (s *server) signal(sig syscall.Signal) error { return syscall.Kill(s.pid, sig) }

// kill ends the postmaster and its children. Each child leads a process group
// of its own, so they are looked up; one that is missed ends by itself when it
// finds the postmaster gone.
func (s *server) kill() {
	select {
	case <-s.gone: // the number may be another's by now
		return
	default:
	}
	// Stopped, it cannot fork between the look-up and the kill.
	_ = s.signal(syscall.SIGSTOP)
	pids := children(s.pid)
	_ = s.signal(syscall.SIGKILL)
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL) // gone already is as good
	}
}

func (s *server) wait() { <-s.gone }

// children lists the processes whose parent is pid; none without /proc.
func children(pid int) (pids []int) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // ended meanwhile
		}
		// pid (name) state ppid …; a name may hold blanks and parentheses.
		fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		if len(fields) < 2 || fields[1] != strconv.Itoa(pid) {
			continue
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			pids = append(pids, child)
		}
	}
	return pids
}
