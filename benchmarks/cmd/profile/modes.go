package main

import (
	"fmt"
	"time"
)

// recording is one answer of /debug/pprof, in one file.
type recording struct {
	name  string   // "heap-growth": the beginning of the file's name
	query string   // "heap?seconds=30"
	show  []string // values to print the largest of; none: pprof cannot read it
	calls bool     // what waits is in the runtime, always: print who called it, and not its layers
}

// step is what is recorded at the same time: what costs much, the CPU's profile
// and the trace, is alone.
type step []recording

// traceLimit is short, as a trace holds every event: a storm makes up to some
// megabytes of it a second, which the server keeps in memory until they are sent.
const traceLimit = 3 * time.Second

func modes() []string {
	return []string{"cpu", "heap", "allocs", "goroutine", "mutex", "block", "trace", "all"}
}

// stepsOf returns what a mode records in which order. Of what only ever adds up
// since the start of the process, it is the growth over the time.
func stepsOf(mode string, length time.Duration) []step {
	over := func(profile string) string { return fmt.Sprintf("%s?seconds=%d", profile, length/time.Second) }
	var (
		cpu        = recording{"cpu", over("profile"), []string{"cpu"}, false}
		heapGrowth = recording{"heap-growth", over("heap"), []string{"inuse_space"}, false}
		heap       = recording{"heap", "heap?gc=1", []string{"inuse_space"}, false}
		allocs     = recording{"allocs", over("allocs"), []string{"alloc_space", "alloc_objects"}, false}
		more       = recording{"goroutine-growth", over("goroutine"), []string{"goroutine"}, true}
		goroutines = recording{"goroutine", "goroutine", []string{"goroutine"}, true}
		mutex      = recording{"mutex", over("mutex"), []string{"delay"}, true}
		block      = recording{"block", over("block"), []string{"delay"}, true}
		trace      = recording{"trace", fmt.Sprintf("trace?seconds=%d", min(length, traceLimit)/time.Second), nil, false}
	)
	switch mode {
	case "heap":
		return []step{{heapGrowth}, {heap}}
	case "allocs":
		return []step{{allocs}}
	case "goroutine":
		return []step{{more}, {goroutines}}
	case "mutex":
		return []step{{mutex}}
	case "block":
		return []step{{block}}
	case "trace":
		return []step{{trace}}
	case "all":
		return []step{{cpu}, {heapGrowth, allocs, mutex, block, more}, {heap, goroutines}, {trace}}
	}
	return []step{{cpu}}
}

// together is how long all the steps take, but for what each needs to be sent.
func together(steps []step, length time.Duration) time.Duration {
	return time.Duration(len(steps)) * length
}
