package tuning

import (
	"fmt"
	"runtime"
	"time"
)

// How much of what goroutines wait for is recorded while profiles can be asked
// for. A recorded event costs a walk of its stack, and a storm has tens of
// thousands of waits a second, the one for the disk among them: these rates see
// each wait of blockFully and more, shorter ones with a chance that falls with
// their length, and one contended lock in mutexFraction.
const (
	mutexFraction = 100
	blockFully    = 10 * time.Millisecond
)

// applyProfiles sets the two rates that are 0 in every Go program until it asks:
// without them the profiles "mutex" and "block" are there and empty. It sets them
// back when not wanted, and says nothing then.
func applyProfiles(cfg Config) []Setting {
	if !cfg.Profiles {
		runtime.SetMutexProfileFraction(0)
		runtime.SetBlockProfileRate(0)
		return nil
	}
	runtime.SetMutexProfileFraction(mutexFraction)
	runtime.SetBlockProfileRate(int(blockFully))
	return []Setting{
		{"mutex_profile", fmt.Sprintf("1 in %d", mutexFraction), "debug.pprof"},
		{"block_profile", fmt.Sprintf("from %v", blockFully), "debug.pprof"},
	}
}
