package server

import (
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// What a connection needed before it came to rest is garbage, and Go's collector
// comes when something is allocated: a server that thousands of connections have gone
// quiet on would keep what they had for minutes. So it is given back to the system
// when many have come to rest.
const (
	thriftyRests = 1000
	// thriftyAfter is how long others may come to rest as well; fasthttp keeps the
	// goroutines of idle workers for ten seconds, with stacks that have grown.
	thriftyAfter = 15 * time.Second
	// thriftyPause is from one time to the next at least: connections may come and go
	// all the time.
	thriftyPause = time.Minute
)

// thrift gives memory back.
type thrift struct {
	give func() // giveBack; tests count

	mu    sync.Mutex
	rests int         // since it was given back
	last  time.Time   // when that was
	timer *time.Timer // nil: not due
}

func newThrift() *thrift { return &thrift{give: giveBack} }

// rested is told of each connection that comes to rest.
func (t *thrift) rested() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rests++; t.rests >= thriftyRests && t.timer == nil {
		t.timer = time.AfterFunc(max(thriftyAfter, thriftyPause-time.Since(t.last)), t.due)
	}
}

func (t *thrift) due() {
	t.mu.Lock()
	t.rests, t.last, t.timer = 0, time.Now(), nil
	t.mu.Unlock()
	t.give()
}

func (t *thrift) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer != nil {
		t.timer.Stop()
	}
}

// giveBack collects twice, for what is in a sync.Pool outlives one collection.
func giveBack() {
	runtime.GC()
	debug.FreeOSMemory()
}
