package server

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestThriftGivesMemoryBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var given atomic.Int64
		c := newThrift()
		c.give = func() { given.Add(1) }
		rest := func(n int) {
			for range n {
				c.rested()
			}
		}
		check := func(when string, want int64) {
			t.Helper()
			synctest.Wait()
			if n := given.Load(); n != want {
				t.Errorf("%s it was given back %d times, want %d", when, n, want)
			}
		}
		rest(thriftyRests - 1)
		time.Sleep(time.Hour)
		check("after few rests", 0)
		rest(1)
		check("at once", 0)
		time.Sleep(thriftyAfter)
		check("when many have come to rest", 1)
		rest(5 * thriftyRests)
		time.Sleep(thriftyAfter)
		check("within a minute", 1)
		time.Sleep(thriftyPause - thriftyAfter)
		check("a minute later", 2)
		time.Sleep(thriftyPause)
		rest(thriftyRests)
		c.end()
		time.Sleep(time.Hour)
		check("when the server ends", 2)
	})
}
