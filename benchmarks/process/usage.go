package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// tick is the unit of times in /proc/PID/stat: USER_HZ is 100 on every
// architecture that Go runs on.
const tick = 10 * time.Millisecond

// CPU returns the processor time that a process has used, in both modes.
func CPU(pid int) (time.Duration, error) {
	f, err := stat(pid)
	if err != nil {
		return 0, err
	}
	return f.ticks(userTime, systemTime), nil
}

// TreeCPU is CPU for a process and its children, those that have ended too:
// PostgreSQL's postmaster and its backends.
func TreeCPU(pid int) (time.Duration, error) {
	f, err := stat(pid)
	if err != nil {
		return 0, err
	}
	sum := f.ticks(userTime, systemTime, childrenUser, childrenSystem)
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, path := range all {
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		// One that ends between the listing and here is in its parent's sum next time.
		if f, err := stat(child); err == nil && f[parent] == strconv.Itoa(pid) {
			sum += f.ticks(userTime, systemTime)
		}
	}
	return sum, nil
}

// Indexes of /proc/PID/stat, counted from the state, which follows the name.
const (
	parent         = 1
	userTime       = 11
	systemTime     = 12
	childrenUser   = 13
	childrenSystem = 14
)

type fields []string

func stat(pid int) (fields, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil, err
	}
	return parseStat(string(b))
}

// parseStat cuts the name off, which may hold blanks and parentheses.
func parseStat(text string) (fields, error) {
	f := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(f) <= childrenSystem {
		return nil, fmt.Errorf("/proc/PID/stat has %d fields after the name", len(f))
	}
	return f, nil
}

func (f fields) ticks(indexes ...int) (sum time.Duration) {
	for _, i := range indexes {
		n, _ := strconv.ParseInt(f[i], 10, 64) // the kernel writes numbers
		sum += time.Duration(n) * tick
	}
	return sum
}

// Memory is what a process holds, in bytes.
type Memory struct {
	Resident int64
	Peak     int64 // of Resident, since its start
}

// ReadMemory reads VmRSS and VmHWM.
func ReadMemory(pid int) (Memory, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return Memory{}, err
	}
	return parseStatus(string(b))
}

func parseStatus(text string) (m Memory, err error) {
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		switch name {
		case "VmRSS":
			_, err = fmt.Sscanf(value, "%d kB", &m.Resident)
		case "VmHWM":
			_, err = fmt.Sscanf(value, "%d kB", &m.Peak)
		}
		if err != nil {
			return Memory{}, fmt.Errorf("/proc/PID/status says %q: %w", line, err)
		}
	}
	if m.Resident == 0 || m.Peak == 0 {
		return Memory{}, fmt.Errorf("/proc/PID/status has no VmRSS or no VmHWM")
	}
	m.Resident <<= 10
	m.Peak <<= 10
	return m, nil
}

// Descriptors returns how many files, sockets and the like a process has open.
func Descriptors(pid int) (int, error) {
	dir, err := os.Open("/proc/" + strconv.Itoa(pid) + "/fd")
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	return len(names), err
}

// WatchResident reads the resident memory ten times a second until stop is
// called, which returns what was read, in order.
func WatchResident(pid int) (stop func() []int64) {
	var samples []int64
	var done sync.WaitGroup
	end := make(chan struct{})
	done.Go(func() {
		every := time.NewTicker(100 * time.Millisecond)
		defer every.Stop()
		for {
			if m, err := ReadMemory(pid); err == nil {
				samples = append(samples, m.Resident)
			}
			select {
			case <-end:
				return
			case <-every.C:
			}
		}
	})
	return func() []int64 {
		close(end)
		done.Wait()
		return samples
	}
}
