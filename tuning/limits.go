package tuning

import (
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// cpuQuota returns the quota of one cgroup in processors, and the file that
// says so. 0: none.
func cpuQuota(root fs.FS, dir string, v2 bool) (cpus float64, source string) {
	if v2 {
		name := path.Join(dir, "cpu.max") // "max 100000" or "50000 100000"
		fields := strings.Fields(word(root, name))
		if len(fields) == 0 {
			return 0, ""
		}
		period := "100000" // the kernel's default, where the file leaves it out
		if len(fields) > 1 {
			period = fields[1]
		}
		return ratio(fields[0], period), "/" + name
	}
	name := path.Join(dir, "cpu.cfs_quota_us") // -1: none
	return ratio(word(root, name), word(root, path.Join(dir, "cpu.cfs_period_us"))), "/" + name
}

func ratio(quota, period string) float64 {
	q, err := strconv.ParseInt(quota, 10, 64)
	p, err2 := strconv.ParseInt(period, 10, 64)
	if err != nil || err2 != nil || q <= 0 || p <= 0 {
		return 0
	}
	return float64(q) / float64(p)
}

// memoryLimit is one limit, with the file that says so.
type memoryLimit struct {
	bytes  int64
	source string
}

// memoryLimits returns the limits of one cgroup. Above memory.high the kernel
// slows a process down to a crawl, so it is a limit like memory.max. Version 1
// says in memory.stat what the cgroups above allow, which a container cannot
// read otherwise. "No limit" is a number near 2^63 there, or "max": the first
// is lowered by the memory of the machine, the second is no number.
func memoryLimits(root fs.FS, dir string, v2 bool) []memoryLimit {
	var limits []memoryLimit
	add := func(name, value string) {
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && n > 0 {
			limits = append(limits, memoryLimit{n, "/" + path.Join(dir, name)})
		}
	}
	if v2 {
		add("memory.max", word(root, path.Join(dir, "memory.max")))
		add("memory.high", word(root, path.Join(dir, "memory.high")))
		return limits
	}
	add("memory.limit_in_bytes", word(root, path.Join(dir, "memory.limit_in_bytes")))
	for line := range lines(root, path.Join(dir, "memory.stat")) {
		if value, ok := strings.CutPrefix(line, "hierarchical_memory_limit "); ok {
			add("memory.stat", value)
		}
	}
	return limits
}

// machineMemory returns MemTotal in bytes.
func machineMemory(root fs.FS) int64 {
	for line := range lines(root, "proc/meminfo") {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "MemTotal:" && fields[2] == "kB" {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil || n < 0 || n > 1<<50 {
				return 0
			}
			return n << 10
		}
	}
	return 0
}

// word returns what a file holds, without the space around it; "" when it
// cannot be read.
func word(root fs.FS, name string) string {
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
