// Package tuning fits the Go runtime and the process limits to the machine and
// to what its cgroups leave of it, and says what it chose and why.
//
// Since Go 1.25 the runtime reads the CPU quota of its own cgroup by itself,
// but not those of the cgroups above, and it never reads a memory limit. Both
// are common: systemd slices and Kubernetes pods put the limit on a parent.
package tuning

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
)

// Config overrides what would be worked out.
type Config struct {
	GOMAXPROCS  int   // processors; 0: from the CPUs and the quotas
	GOGC        int   // percent; 0: $GOGC, or what follows from what is alive; -1: off
	MemoryLimit int64 // bytes; 0: $GOMEMLIMIT, or 80 % of the tightest limit
	NoFile      int   // open files; 0: the hard limit. More than that is tried, and what was got is reported
	Profiles    bool  // record waits and contended locks, for whoever asks for their profiles
}

// Setting is one decision, for the log.
type Setting struct {
	Name   string // "gomaxprocs", "gogc", "memory_limit", "nofile", "mutex_profile", "block_profile"
	Value  string
	Source string // what it follows from, or why it is not as wished
}

// Apply changes the running process, so it is called once, before anything
// that sizes itself by the number of processors. It never fails: a program that
// runs untuned is better than one that does not run.
func Apply(cfg Config) []Setting {
	limits := Detect(os.DirFS("/"))
	return append([]Setting{
		applyProcs(chooseProcs(cfg, limits, runtime.NumCPU(), runtime.GOMAXPROCS(0))),
		applyGOGC(cfg),
		applyMemory(chooseMemory(cfg, limits, os.Getenv("GOMEMLIMIT"))),
		applyNoFile(cfg),
	}, applyProfiles(cfg)...)
}

// Limits is what the machine and the cgroups allow. Zero: no limit is known.
type Limits struct {
	CPUs         float64 // the smallest quota, in processors
	CPUSource    string  // the file that says so
	Memory       int64   // bytes; the smallest of the cgroups' and the machine's
	MemorySource string
}

// Detect reads the limits below root, which is the root of the file system.
// What cannot be read does not limit.
func Detect(root fs.FS) Limits {
	var l Limits
	h := findHierarchies(root)
	for _, g := range h.cpu {
		g.walk(func(dir string) { l.lowerCPUs(cpuQuota(root, dir, g.v2)) })
	}
	for _, g := range h.memory {
		g.walk(func(dir string) {
			for _, limit := range memoryLimits(root, dir, g.v2) {
				l.lowerMemory(limit.bytes, limit.source)
			}
		})
	}
	l.lowerMemory(machineMemory(root), "memory of the machine")
	return l
}

func (l *Limits) lowerCPUs(cpus float64, source string) {
	if cpus > 0 && (l.CPUs == 0 || cpus < l.CPUs) {
		l.CPUs, l.CPUSource = cpus, source
	}
}

func (l *Limits) lowerMemory(bytes int64, source string) {
	if bytes > 0 && (l.Memory == 0 || bytes < l.Memory) {
		l.Memory, l.MemorySource = bytes, source
	}
}

// choice is a number to apply. Not set: leave the runtime as it is, and report
// the number.
type choice struct {
	value  int64
	source string
	set    bool
}

// chooseProcs follows Go's own rule for a quota: rounded up, and not below 2,
// because with one processor the garbage collector stops the program's work.
// Where the runtime has found the same or less by itself it is left alone: it
// goes on following the quota of its cgroup, which it stops doing when told.
func chooseProcs(cfg Config, l Limits, cpus, now int) choice {
	if cfg.GOMAXPROCS > 0 {
		return choice{int64(cfg.GOMAXPROCS), "tuning.gomaxprocs", true}
	}
	if l.CPUs > 0 {
		if quota := max(2, int(math.Ceil(l.CPUs))); quota < now {
			return choice{int64(quota), fmt.Sprintf("quota of %.2f CPUs in %s", l.CPUs, l.CPUSource), true}
		}
	}
	source := "CPUs of the machine"
	if now != cpus {
		source = "Go runtime"
	}
	return choice{int64(now), source, false}
}

func applyProcs(c choice) Setting {
	if c.set {
		runtime.GOMAXPROCS(int(c.value))
	}
	return Setting{"gomaxprocs", strconv.FormatInt(c.value, 10), c.source}
}

// chooseMemory leaves a fifth for what Go does not count: the page cache of the
// journal that the cgroup is charged for, what the SQLite library maps by itself,
// stacks of the kernel.
func chooseMemory(cfg Config, l Limits, env string) choice {
	switch {
	case cfg.MemoryLimit > 0:
		return choice{cfg.MemoryLimit, "tuning.memory_limit", true}
	case env != "":
		return choice{debug.SetMemoryLimit(-1), "GOMEMLIMIT", false}
	case l.Memory > 0:
		return choice{l.Memory / 5 * 4, fmt.Sprintf("80 %% of %d bytes, %s", l.Memory, l.MemorySource), true}
	}
	return choice{debug.SetMemoryLimit(-1), "no limit found", false}
}

func applyMemory(c choice) Setting {
	if c.set {
		debug.SetMemoryLimit(c.value)
	}
	value := "none"
	if c.value != math.MaxInt64 {
		value = strconv.FormatInt(c.value, 10)
	}
	return Setting{"memory_limit", value, c.source}
}
