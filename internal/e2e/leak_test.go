package e2e

import (
	"fmt"
	"testing"
	"time"
)

// TestNothingLeaks compares goroutines and file descriptors after one load and
// after four. Memory is left out: a short run cannot tell a leak from a heap
// that is still growing to its target.
func TestNothingLeaks(t *testing.T) {
	forEachStore(t, func(t *testing.T, store *testStore) {
		p := startProgram(t, store.flags...)
		c := p.client()
		loadOnce := func() {
			l := startLoad(p, crashConnections, crashRate)
			l.waitAcked(800, ackLimit)
			l.stop()
			l.client.CloseIdleConnections()
			l.mustTakeAll()
			c.waitAtRest()
			c.events("limit=10")
		}
		loadOnce()
		// Idle workers and connections end by themselves after a while.
		const slack = 8
		baseline := settled(t, c)
		for range 3 {
			loadOnce()
		}
		eventually(t, 40*time.Second, func() string {
			m := c.metrics()
			if m["go_goroutines"] <= baseline["go_goroutines"]+slack && m["process_open_fds"] <= baseline["process_open_fds"]+slack {
				return ""
			}
			return fmt.Sprintf("goroutines %v, were %v; file descriptors %v, were %v",
				m["go_goroutines"], baseline["go_goroutines"], m["process_open_fds"], baseline["process_open_fds"])
		})
	})
}

// settled waits until the connections of the last load are gone and returns
// the metrics of that moment.
func settled(t *testing.T, c *client) (m map[string]float64) {
	t.Helper()
	eventually(t, 40*time.Second, func() string {
		m = c.metrics()
		if m["process_open_fds"] < crashConnections && m["go_goroutines"] > 0 {
			return ""
		}
		return fmt.Sprintf("%v file descriptors after the load", m["process_open_fds"])
	})
	return m
}
