package tuning

import (
	"runtime"
	"runtime/pprof"
	"testing"
	"time"
)

// Both rates belong to the process, so it is not parallel.
func TestProfiles(t *testing.T) {
	t.Cleanup(func() { applyProfiles(Config{}) })

	if said := applyProfiles(Config{}); said != nil {
		t.Errorf("not wanted, and said %+v", said)
	}
	before := pprof.Lookup("block").Count()
	waitFor(2 * blockFully)
	if n := pprof.Lookup("block").Count() - before; n != 0 {
		t.Errorf("%d waits were recorded for nobody", n)
	}
	if n := runtime.SetMutexProfileFraction(-1); n != 0 {
		t.Errorf("1 in %d contended locks is recorded for nobody", n)
	}

	if said := applyProfiles(Config{Profiles: true}); len(said) != 2 || said[0].Source != "debug.pprof" {
		t.Errorf("said %+v", said)
	}
	waitFor(2 * blockFully)
	if n := pprof.Lookup("block").Count() - before; n == 0 {
		t.Error("a wait of twice the length that is always recorded was not")
	}
	if n := runtime.SetMutexProfileFraction(-1); n != mutexFraction {
		t.Errorf("1 in %d contended locks is recorded", n)
	}
}

// waitFor blocks on a channel, as the profile does not count time.Sleep.
func waitFor(d time.Duration) { <-time.After(d) }
