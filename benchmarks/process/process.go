// Package process runs the servers under test and reads from /proc what they
// use. It works on Linux alone, as what it reads is Linux's.
package process

import (
	"context"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

// Process is a server that this program started. It ends with Stop.
type Process struct {
	name   string
	cmd    *exec.Cmd
	log    *log
	exited chan struct{} // closed when it is gone and its log is complete
}

// Start runs binary, with nothing of our environment but PATH: no GOGC of the
// caller decides a measurement.
func Start(name, binary string, args ...string) (*Process, error) {
	p := &Process{name: name, cmd: exec.Command(binary, args...), log: newLog(), exited: make(chan struct{})}
	p.cmd.Stderr = p.log
	p.cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/nonexistent"}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.cmd.Wait() // how it ended is in ProcessState
		close(p.exited)
	}()
	return p, nil
}

// PID is valid until Stop.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Address waits for the line of the log that says where the server listens.
func (p *Process) Address(ctx context.Context) (string, error) {
	select {
	case address := <-p.log.address:
		return address, nil
	case <-p.exited:
		return "", fmt.Errorf("%s exited at its start\n%s", p.name, p.log.tail())
	case <-ctx.Done():
		return "", fmt.Errorf("%s has not said where it listens: %w\n%s", p.name, ctx.Err(), p.log.tail())
	}
}

// Stop asks the server to end and waits for it. One that is not gone after limit
// is killed, which is an error, as is any exit status but 0. It may be called
// again and then says the same.
func (p *Process) Stop(limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // gone already is told by its status
	select {
	case <-p.exited:
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with %s\n%s", p.name, p.cmd.ProcessState, p.log.tail())
	}
	return nil
}

// Kill ends the server as a crash would and waits until it is gone. Stop then
// says how it ended.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // gone already is as good
	<-p.exited
}

// Exited is closed when the server is gone.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Tail returns the last lines of its log.
func (p *Process) Tail() string { return p.log.tail() }
