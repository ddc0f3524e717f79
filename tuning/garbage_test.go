package tuning

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestPercentFor(t *testing.T) {
	t.Parallel()
	f := func(want int, live uint64) {
		t.Helper()
		if got := percentFor(live); got != want {
			t.Errorf("%d bytes alive: %d, want %d", live, got, want)
		}
	}
	f(50, 0)
	f(50, 1)
	f(50, 32<<20)
	f(26, 60<<20)
	f(16, 100<<20)
	f(15, 200<<20)
	f(15, 1<<40)
}

func TestGOGCFromTheEnvironment(t *testing.T) {
	restoreGOGC(t)
	t.Setenv("GOGC", "70")
	if s := applyGOGC(Config{}); s != (Setting{"gogc", "70", "GOGC"}) {
		t.Errorf("%+v", s)
	}
	if err := os.Unsetenv("GOGC"); err != nil {
		t.Fatal(err)
	}
	if s := applyGOGC(Config{}); s != (Setting{"gogc", "50", "default, down to 15 so that garbage stays below 16 MiB"}) {
		t.Errorf("%+v", s)
	}
	if n := gogc(); n != 50 {
		t.Errorf("GOGC %d", n)
	}
}

// What is said stays: no collection changes it.
func TestGOGCThatWasSaid(t *testing.T) {
	restoreGOGC(t)
	applyGOGC(Config{})
	applyGOGC(Config{GOGC: 120})
	alive := make([]byte, 100<<20)
	collect(t)
	collect(t)
	if n := gogc(); n != 120 {
		t.Errorf("GOGC %d", n)
	}
	runtime.KeepAlive(alive)
}

func TestGOGCFollowsWhatIsAlive(t *testing.T) {
	restoreGOGC(t)
	t.Setenv("GOGC", "")
	applyGOGC(Config{})
	alive := make([]byte, 100<<20)
	untilGOGC(t, func(n int) bool { return n >= leastPercent && n <= 20 })
	runtime.KeepAlive(alive)
	alive = nil
	untilGOGC(t, func(n int) bool { return n == mostPercent })
}

// untilGOGC collects until GOGC is as it should be: cleanups run a moment after the
// collection that finds them.
func untilGOGC(t *testing.T, right func(int) bool) {
	t.Helper()
	for begun := time.Now(); !right(gogc()); {
		if time.Since(begun) > time.Minute {
			t.Fatalf("GOGC is %d", gogc())
		}
		collect(t)
	}
}

// collect returns when a collection is over and the cleanups that it found have run,
// those of the follower too, which were there before.
func collect(t *testing.T) {
	t.Helper()
	ran := make(chan struct{})
	runtime.AddCleanup(new([64]byte), func(int) { close(ran) }, 0)
	runtime.GC()
	<-ran
}

func gogc() int {
	now := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(now)
	return int(now[0].Value.Uint64())
}

func restoreGOGC(t *testing.T) {
	before := gogc()
	t.Cleanup(func() {
		garbage.stop()
		debug.SetGCPercent(before)
	})
}
