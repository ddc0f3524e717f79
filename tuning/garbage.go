package tuning

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"sync/atomic"
)

// How much garbage there may be before it is collected, where nobody has said it.
//
// As a part of what is alive it is cheap and small in a storm of known alerts, which
// lives on 15 MiB. A storm of new ones lives on 80, half of which are 40 more that do
// nothing but wait to be collected; so from then on it is a number of bytes. It is a
// part again where so much is alive that the collector would come too often: its work
// for each byte that is allocated has a bound, unlike with a memory limit that is
// near what is alive. docs/adr/0022-memory.md has the figures.
const (
	mostPercent  = 50
	mostGarbage  = 16 << 20 // bytes
	leastPercent = 15
)

// percentFor is what GOGC should be with so many bytes alive.
func percentFor(live uint64) int {
	if live == 0 {
		return mostPercent
	}
	return min(max(int(mostGarbage*100/live), leastPercent), mostPercent)
}

func applyGOGC(cfg Config) Setting {
	if cfg.GOGC != 0 {
		garbage.stop()
		debug.SetGCPercent(cfg.GOGC)
		return Setting{"gogc", strconv.Itoa(cfg.GOGC), "tuning.gogc"}
	}
	if v := os.Getenv("GOGC"); v != "" {
		garbage.stop()
		return Setting{"gogc", v, "GOGC"}
	}
	garbage.start()
	return Setting{"gogc", strconv.Itoa(mostPercent), "default, down to " + strconv.Itoa(leastPercent) +
		" so that garbage stays below " + strconv.Itoa(mostGarbage>>20) + " MiB"}
}

// garbage is the process's one follower: there is one collector.
var garbage follower

// follower sets GOGC after each collection to what percentFor says. It needs no
// goroutine: the runtime runs a cleanup for an object that nobody holds when a
// collection has found that out.
type follower struct {
	generation atomic.Int64 // of start and stop: who finds another one is over
}

func (f *follower) start() {
	debug.SetGCPercent(mostPercent)
	f.await(f.generation.Add(1), mostPercent)
}

// stop leaves GOGC as it is.
func (f *follower) stop() { f.generation.Add(1) }

// await follows after the next collection. percent is what GOGC is now.
func (f *follower) await(generation int64, percent int) {
	gone := new([64]byte) // not one that shares its place with others
	runtime.AddCleanup(gone, func(percent int) { f.follow(generation, percent) }, percent)
}

// follow leaves small differences alone: to set GOGC stops the program for a moment.
func (f *follower) follow(generation int64, percent int) {
	if f.generation.Load() != generation {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if next := percentFor(live[0].Value.Uint64()); next < percent*9/10 || next > percent*11/10 || next != percent && (next == mostPercent || next == leastPercent) {
		debug.SetGCPercent(next)
		percent = next
	}
	f.await(generation, percent)
}
