package load

import (
	"runtime"
	"syscall"
	"time"
)

// newClock returns a sleep for the calling goroutine. Go's own timers may be a
// millisecond late when nothing else runs; the kernel's are some 60 µs late.
func newClock() (sleep func(time.Duration), stop func()) {
	runtime.LockOSThread()
	return func(d time.Duration) {
		ts := syscall.NsecToTimespec(int64(d))
		_ = syscall.Nanosleep(&ts, nil) // woken early, a request is sent a little early
	}, runtime.UnlockOSThread
}
