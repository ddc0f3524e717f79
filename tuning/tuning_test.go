package tuning

import (
	"math"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestChooseProcs(t *testing.T) {
	t.Parallel()
	f := func(cfg Config, quota float64, cpus, now int, want choice) {
		t.Helper()
		if got := chooseProcs(cfg, Limits{CPUs: quota, CPUSource: "/cpu.max"}, cpus, now); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	f(Config{}, 0, 8, 8, choice{8, "CPUs of the machine", false})
	f(Config{}, 16, 8, 8, choice{8, "CPUs of the machine", false})
	f(Config{}, 2.5, 8, 8, choice{3, "quota of 2.50 CPUs in /cpu.max", true})
	f(Config{}, 2.5, 8, 3, choice{3, "Go runtime", false}) // found by the runtime itself, or set by GOMAXPROCS
	f(Config{}, 0.5, 8, 8, choice{2, "quota of 0.50 CPUs in /cpu.max", true})
	f(Config{}, 0.5, 1, 1, choice{1, "CPUs of the machine", false})
	f(Config{GOMAXPROCS: 5}, 2, 8, 8, choice{5, "tuning.gomaxprocs", true})
	f(Config{GOMAXPROCS: 1}, 0, 8, 8, choice{1, "tuning.gomaxprocs", true})
}

func TestChooseMemory(t *testing.T) {
	t.Parallel()
	f := func(cfg Config, memory int64, env string, source string, value int64, set bool) {
		t.Helper()
		got := chooseMemory(cfg, Limits{Memory: memory, MemorySource: "/memory.max"}, env)
		if got.set != set || got.source != source || set && got.value != value {
			t.Errorf("%+v", got)
		}
	}
	f(Config{}, 1000, "", "80 % of 1000 bytes, /memory.max", 800, true)
	f(Config{}, math.MaxInt64, "", "80 % of 9223372036854775807 bytes, /memory.max", math.MaxInt64/5*4, true)
	f(Config{}, 0, "", "no limit found", 0, false)
	f(Config{}, 1000, "1GiB", "GOMEMLIMIT", 0, false)
	f(Config{MemoryLimit: 7}, 1000, "1GiB", "tuning.memory_limit", 7, true)
}

// TestApply changes this process and puts everything back, so it is not
// parallel.
func TestApply(t *testing.T) {
	procs, memory := runtime.GOMAXPROCS(0), debug.SetMemoryLimit(-1)
	gogc := debug.SetGCPercent(100)
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		garbage.stop()
		runtime.GOMAXPROCS(procs)
		debug.SetMemoryLimit(memory)
		debug.SetGCPercent(gogc)
		_ = setNoFile(files)
	})

	got := Apply(Config{GOMAXPROCS: 3, GOGC: 150, MemoryLimit: 5 << 30, NoFile: int(files.Max / 2)})
	want := []Setting{
		{"gomaxprocs", "3", "tuning.gomaxprocs"},
		{"gogc", "150", "tuning.gogc"},
		{"memory_limit", strconv.Itoa(5 << 30), "tuning.memory_limit"},
		{"nofile", strconv.FormatUint(files.Max/2, 10), "tuning.nofile"},
	}
	for i, s := range want {
		if got[i] != s {
			t.Errorf("got %+v, want %+v", got[i], s)
		}
	}
	if n := runtime.GOMAXPROCS(0); n != 3 {
		t.Errorf("GOMAXPROCS %d", n)
	}
	if n := debug.SetMemoryLimit(-1); n != 5<<30 {
		t.Errorf("memory limit %d", n)
	}
	if n := debug.SetGCPercent(100); n != 150 {
		t.Errorf("GOGC %d", n)
	}
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err != nil || now.Cur != files.Max/2 || now.Max != files.Max {
		t.Errorf("%+v, %v", now, err)
	}

	// And without a wish: everything is chosen, and the hard limit is reached.
	got = Apply(Config{})
	for _, s := range got {
		if s.Name == "" || s.Value == "" || s.Source == "" {
			t.Errorf("%+v", s)
		}
	}
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err != nil || now.Cur != files.Max {
		t.Errorf("%+v, %v", now, err)
	}
}

// TestNoFileAboveTheHardLimit: root may raise it, everybody else gets the hard
// limit and a line that says so. Either way the process has what is reported.
func TestNoFileAboveTheHardLimit(t *testing.T) {
	var before, now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = setNoFile(before) })
	for _, wish := range []int{int(before.Max) + 1, math.MaxInt64} {
		s := applyNoFile(Config{NoFile: wish})
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err != nil || s.Value != strconv.FormatUint(now.Cur, 10) {
			t.Errorf("%+v, %+v, %v", s, now, err)
		}
		if now.Cur < uint64(wish) && !strings.Contains(s.Source, "hard limit, below tuning.nofile ("+strconv.Itoa(wish)+")") {
			t.Errorf("%+v", s)
		}
	}
}
