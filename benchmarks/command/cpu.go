package command

import (
	"syscall"
	"time"
)

// ownCPU is what this process has used: when it needs a whole processor, then
// the generator is what was measured.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0 // cannot fail for ourselves
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
