package load

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// clock wakes its one user on time. Go's own timers may be a millisecond late
// when nothing else runs, for the poller waits in whole milliseconds; a timerfd
// wakes the poller itself, some 60 µs late, and needs no thread of its own.
type clock struct {
	fd    int
	timer *os.File
	stop  func() bool
}

// newClock returns a clock whose sleeps end early when ctx does.
func newClock(ctx context.Context) (*clock, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	c := &clock{fd: fd, timer: os.NewFile(uintptr(fd), "timer")}
	c.stop = context.AfterFunc(ctx, func() { _ = c.timer.SetReadDeadline(time.Unix(1, 0)) }) // fails after close only
	return c, nil
}

// sleep returns false when the context has ended.
func (c *clock) sleep(d time.Duration) (bool, error) {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	if err := unix.TimerfdSettime(c.fd, 0, &spec, nil); err != nil {
		return false, os.NewSyscallError("timerfd_settime", err)
	}
	var expirations [8]byte
	_, err := c.timer.Read(expirations[:])
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false, nil
	}
	return err == nil, err
}

func (c *clock) close() {
	c.stop()
	c.timer.Close()
}
