package server

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// calm is how long nothing may have failed before a condition is over. Under
// overload success and failure alternate by the millisecond.
const calm = 10 * time.Second

// condition is something that can be wrong for a while, such as that deliveries
// cannot be taken in. The log has a line when it begins and one when it is over,
// and none for each request in between.
type condition struct {
	begins, over string // the two messages; without over it ends in silence

	lasts atomic.Bool // so that those who succeed need no lock
	mu    sync.Mutex
	count int // of failures since it began
	began time.Time
	last  time.Time
}

// failed notes a failure, and why.
func (c *condition) failed(log zerolog.Logger, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	begins := !c.lasts.Load() || c.over == "" && now.Sub(c.last) > calm
	if begins {
		c.count, c.began = 0, now
		c.lasts.Store(true)
	}
	c.count, c.last = c.count+1, now
	if begins {
		log.Warn().Str("reason", oneLine(why)).Msg(c.begins)
	}
}

// succeeded notes that it may be over.
func (c *condition) succeeded(log zerolog.Logger) {
	if c.lasts.Load() {
		c.end(log)
	}
}

func (c *condition) end(log zerolog.Logger) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.lasts.Load() || time.Since(c.last) < calm {
		return
	}
	c.lasts.Store(false)
	log.Info().Int("failures", c.count).Str("lasted", c.last.Sub(c.began).Round(time.Millisecond).String()).Msg(c.over)
}
