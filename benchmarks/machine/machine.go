// Package machine says what a measurement ran on, and how busy that was.
package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Machine is what a reader needs to know to compare two results. It names
// neither the host nor a path.
type Machine struct {
	CPU         string `json:"cpu"`
	Cores       int    `json:"cores"`
	Kernel      string `json:"kernel"`
	MemoryBytes int64  `json:"memory_bytes"`
	FileSystem  string `json:"file_system"` // of the journal and of both stores
}

// Describe looks at this machine; dir is where the data will be. What cannot be
// found out is "unknown".
func Describe(dir string) Machine {
	return Machine{
		CPU:         valueOf(read("/proc/cpuinfo"), "model name"),
		Cores:       runtime.NumCPU(),
		Kernel:      orUnknown(strings.TrimSpace(read("/proc/sys/kernel/osrelease"))),
		MemoryBytes: memory(read("/proc/meminfo")),
		FileSystem:  fileSystem(dir),
	}
}

func read(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(b)
}

// valueOf returns the value of the first line "name : value".
func valueOf(text, name string) string {
	for line := range strings.Lines(text) {
		if n, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(n) == name {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

func memory(meminfo string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(valueOf(meminfo, "MemTotal"), " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

func fileSystem(dir string) string {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "unknown"
	}
	if real, err = filepath.Abs(real); err != nil {
		return "unknown"
	}
	return fileSystemOf(read("/proc/self/mountinfo"), real)
}

// fileSystemOf returns the type of the innermost mount that holds path. Of two
// mounts on one place the later one covers the other.
func fileSystemOf(mountinfo, path string) string {
	found, length := "unknown", -1
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		mount, kind := strings.Fields(before), strings.Fields(after)
		if !ok || len(mount) < 5 || len(kind) < 1 {
			continue
		}
		point := strings.TrimSuffix(mount[4], "/")
		if (path == point || strings.HasPrefix(path, point+"/")) && len(point) >= length {
			found, length = kind[0], len(point)
		}
	}
	return found
}

// Settle writes what others have left in the page cache to the disk, so that
// the next measurement does not wait for it.
func Settle() { syscall.Sync() }

// Load is the processor time of the whole machine since it started.
type Load struct {
	Busy   time.Duration // all that is not idle, waiting for a disk, or stolen
	Stolen time.Duration // the hypervisor gave it to another machine
}

// ReadLoad reads /proc/stat.
func ReadLoad() (Load, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return Load{}, err
	}
	return parseLoad(string(b))
}

func parseLoad(text string) (Load, error) {
	const tick = 10 * time.Millisecond // USER_HZ is 100
	line, _, _ := strings.Cut(text, "\n")
	f := strings.Fields(line) // cpu user nice system idle iowait irq softirq steal …
	if len(f) < 9 || f[0] != "cpu" {
		return Load{}, fmt.Errorf("/proc/stat begins with %q", line)
	}
	var t [9]time.Duration
	for i := 1; i < len(t); i++ {
		n, err := strconv.ParseInt(f[i], 10, 64)
		if err != nil {
			return Load{}, fmt.Errorf("/proc/stat begins with %q", line)
		}
		t[i] = time.Duration(n) * tick
	}
	return Load{Busy: t[1] + t[2] + t[3] + t[6] + t[7], Stolen: t[8]}, nil
}

// Sub returns what was used between before and l.
func (l Load) Sub(before Load) Load {
	return Load{Busy: l.Busy - before.Busy, Stolen: l.Stolen - before.Stolen}
}
