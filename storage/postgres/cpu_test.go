package postgres

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

func cpuOf(b *testing.B, s *Store) (self, server float64) {
	var ru syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
	self = float64(ru.Utime.Sec+ru.Stime.Sec)*1e3 + float64(ru.Utime.Usec+ru.Stime.Usec)/1e3
	for _, c := range s.pool.idle {
		raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.PID()))
		f := strings.Fields(string(raw))
		var u, st float64
		fmt.Sscan(f[13], &u)
		fmt.Sscan(f[14], &st)
		server += (u + st) * 10
	}
	return
}
