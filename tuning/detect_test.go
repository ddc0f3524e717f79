package tuning

import (
	"os"
	"testing"
	"testing/fstest"
)

// tree builds a file system out of names and contents.
func tree(files ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		fsys[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return fsys
}

const (
	gib       = 1 << 30
	meminfo   = "MemTotal:        8388608 kB\nMemFree:         1 kB\n" // 8 GiB
	unified   = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
	versionV1 = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n" +
		"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:1 master:2 - cgroup cgroup rw,cpu,cpuacct\n" +
		"35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
		"40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n" +
		"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
)

func expect(t *testing.T, fsys fstest.MapFS, want Limits) {
	t.Helper()
	if got := Detect(fsys); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestDetectNothing(t *testing.T) {
	t.Parallel()
	expect(t, tree(), Limits{})
	expect(t, tree("proc/meminfo", meminfo), Limits{Memory: 8 * gib, MemorySource: "memory of the machine"})
	expect(t, tree("proc/meminfo", "MemTotal: lots kB\n", "proc/self/cgroup", "nonsense\n0:\n\n", "proc/self/mountinfo", "nonsense\n - \n a - cgroup2\n"),
		Limits{})
	expect(t, tree("proc/meminfo", meminfo, "proc/self/cgroup", "0::/a\n", "proc/self/mountinfo", unified,
		"sys/fs/cgroup/a/cpu.max", "max 100000\n", "sys/fs/cgroup/a/memory.max", "max\n", "sys/fs/cgroup/a/memory.high", "max\n"),
		Limits{Memory: 8 * gib, MemorySource: "memory of the machine"})
}

// TestDetectAncestorV2: a slice with the limits, a service in it without any.
func TestDetectAncestorV2(t *testing.T) {
	t.Parallel()
	expect(t, tree("proc/meminfo", meminfo,
		"proc/self/cgroup", "0::/system.slice/drain.slice/stormdrain.service\n",
		"proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"+unified,
		"sys/fs/cgroup/system.slice/drain.slice/stormdrain.service/cpu.max", "400000 100000\n",
		"sys/fs/cgroup/system.slice/drain.slice/stormdrain.service/memory.max", "4294967296\n",
		"sys/fs/cgroup/system.slice/drain.slice/cpu.max", "150000 100000\n",
		"sys/fs/cgroup/system.slice/drain.slice/memory.max", "max\n",
		"sys/fs/cgroup/system.slice/drain.slice/memory.high", "1073741824\n",
		"sys/fs/cgroup/system.slice/cpu.max", "max 100000\n",
		"sys/fs/cgroup/system.slice/memory.max", "2147483648\n",
	), Limits{
		CPUs: 1.5, CPUSource: "/sys/fs/cgroup/system.slice/drain.slice/cpu.max",
		Memory: gib, MemorySource: "/sys/fs/cgroup/system.slice/drain.slice/memory.high",
	})
}

// TestDetectContainerV2: a cgroup namespace, so our folder is the mount.
func TestDetectContainerV2(t *testing.T) {
	t.Parallel()
	want := Limits{CPUs: 0.5, CPUSource: "/sys/fs/cgroup/cpu.max", Memory: gib, MemorySource: "/sys/fs/cgroup/memory.max"}
	for _, where := range []string{"0::/\n", "0::/../../other\n"} {
		expect(t, tree("proc/meminfo", meminfo, "proc/self/cgroup", where, "proc/self/mountinfo", unified,
			"sys/fs/cgroup/cpu.max", "50000\n", "sys/fs/cgroup/memory.max", "1073741824\n"), want)
	}
}

func TestDetectV1(t *testing.T) {
	t.Parallel()
	expect(t, tree("proc/meminfo", meminfo,
		"proc/self/cgroup", "9:name=systemd:/\n4:memory:/pods/one\n2:cpu,cpuacct:/pods/one\n0::/\n",
		"proc/self/mountinfo", versionV1,
		"sys/fs/cgroup/cpu,cpuacct/pods/one/cpu.cfs_quota_us", "-1\n",
		"sys/fs/cgroup/cpu,cpuacct/pods/one/cpu.cfs_period_us", "100000\n",
		"sys/fs/cgroup/cpu,cpuacct/pods/cpu.cfs_quota_us", "250000\n",
		"sys/fs/cgroup/cpu,cpuacct/pods/cpu.cfs_period_us", "100000\n",
		"sys/fs/cgroup/memory/pods/one/memory.limit_in_bytes", "9223372036854771712\n",
		"sys/fs/cgroup/memory/pods/memory.limit_in_bytes", "2147483648\n",
	), Limits{
		CPUs: 2.5, CPUSource: "/sys/fs/cgroup/cpu,cpuacct/pods/cpu.cfs_quota_us",
		Memory: 2 * gib, MemorySource: "/sys/fs/cgroup/memory/pods/memory.limit_in_bytes",
	})
}

// TestDetectContainerV1: only our own folder is mounted, and memory.stat tells
// what those above it allow.
func TestDetectContainerV1(t *testing.T) {
	t.Parallel()
	files := func(cgroupPath string) fstest.MapFS {
		return tree("proc/meminfo", meminfo,
			"proc/self/cgroup", "4:memory:"+cgroupPath+"\n2:cpu:"+cgroupPath+"\n",
			"proc/self/mountinfo", "1 2 0:29 /docker/a\\040b /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n"+
				"3 2 0:32 /docker/a\\040b /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n",
			"sys/fs/cgroup/cpu/cpu.cfs_period_us", "50000\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n",
			"sys/fs/cgroup/memory/memory.stat", "cache 1\nhierarchical_memory_limit 536870912\nhierarchical_memsw_limit 1\n",
		)
	}
	want := Limits{CPUs: 2, CPUSource: "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", Memory: gib / 2, MemorySource: "/sys/fs/cgroup/memory/memory.stat"}
	expect(t, files("/docker/a b"), want)
	expect(t, files("/docker/other"), want)
	expect(t, files("/docker/a bc"), want)
}

// TestDetectHybrid: memory by version 1, CPU by version 2, on one machine.
func TestDetectHybrid(t *testing.T) {
	t.Parallel()
	expect(t, tree("proc/meminfo", meminfo,
		"proc/self/cgroup", "4:memory:/m:with:colons\n0::/c\n",
		"proc/self/mountinfo", versionV1,
		"sys/fs/cgroup/memory/m:with:colons/memory.limit_in_bytes", "1073741824\n",
		"sys/fs/cgroup/unified/c/cpu.max", "300000 100000\n",
	), Limits{
		CPUs: 3, CPUSource: "/sys/fs/cgroup/unified/c/cpu.max",
		Memory: gib, MemorySource: "/sys/fs/cgroup/memory/m:with:colons/memory.limit_in_bytes",
	})
}

// TestDetectOddNumbers: what cannot be a limit is none.
func TestDetectOddNumbers(t *testing.T) {
	t.Parallel()
	for _, quota := range []string{"", "0 100000", "-1 100000", "50000 0", "x y", "99999999999999999999 1"} {
		for _, limit := range []string{"", "0", "-1", "1 2", "99999999999999999999"} {
			expect(t, tree("proc/self/cgroup", "0::/\n", "proc/self/mountinfo", unified,
				"sys/fs/cgroup/cpu.max", quota, "sys/fs/cgroup/memory.max", limit), Limits{})
		}
	}
}

// TestDetectHere reads the machine that the test runs on.
func TestDetectHere(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/meminfo"); err != nil {
		return // not Linux: TestDetectNothing is this machine
	}
	if l := Detect(os.DirFS("/")); l.Memory <= 0 || l.MemorySource == "" || l.CPUs < 0 {
		t.Errorf("%+v", l)
	}
}

func TestUnescape(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"/a": "/a", `/a\040b`: "/a b", `\134`: `\`, `/x\`: `/x\`, `\9zz1`: `\9zz1`, `\04`: `\04`} {
		if got := unescape(in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}
