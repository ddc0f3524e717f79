package limit

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// allowed asks n times and counts.
func allowed(n int, allow func() bool) (yes int) {
	for range n {
		if allow() {
			yes++
		}
	}
	return yes
}

func TestLimiter(t *testing.T) {
	t.Parallel()
	f := func(perSecond float64, burst, atOnce, inTenSeconds int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			l := New(perSecond, burst)
			if got := allowed(1000, l.Allow); got != atOnce {
				t.Errorf("%v, %d: %d at once, want %d", perSecond, burst, got, atOnce)
			}
			later := 0
			for range 10_000 {
				time.Sleep(time.Millisecond)
				later += allowed(3, l.Allow)
			}
			if later != inTenSeconds {
				t.Errorf("%v, %d: %d in ten seconds, want %d", perSecond, burst, later, inTenSeconds)
			}
			time.Sleep(time.Hour)
			if got := allowed(1000, l.Allow); got != atOnce {
				t.Errorf("%v, %d: %d after an hour, want %d", perSecond, burst, got, atOnce)
			}
		})
	}
	f(100, 20, 20, 1000)
	f(100, 1, 1, 1000)
	f(100, 0, 100, 1000)
	f(2.5, 0, 3, 25)
	f(0.5, 0, 1, 5)
	f(0.5, 4, 4, 5)
	f(1e12, 1, 1000, 30_000) // faster than the clock
	f(1000, 1e9, 1000, 30_000)
}

func TestLimiterOfLifetimes(t *testing.T) {
	t.Parallel()
	for _, burst := range []int{1, 1 << 40} {
		l := New(1e-300, burst)
		if got := allowed(3, l.Allow); got < 1 || got > 2 {
			t.Errorf("burst %d: %d let in", burst, got)
		}
	}
}

func TestLimiterIsExactInParallel(t *testing.T) {
	t.Parallel()
	l := New(1e-3, 500)
	var yes atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { yes.Add(int32(allowed(1000, l.Allow))) })
	}
	wg.Wait()
	if yes.Load() != 500 {
		t.Errorf("%d let in, want 500", yes.Load())
	}
}

func TestClients(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := NewClients(1, 3)
		f := func(addr string, want int) {
			t.Helper()
			a := netip.MustParseAddr(addr)
			if got := allowed(10, func() bool { return c.Allow(a) }); got != want {
				t.Errorf("%s: %d, want %d", addr, got, want)
			}
		}
		f("10.0.0.1", 3)
		f("10.0.0.1", 0)
		f("::ffff:10.0.0.1", 0) // the same, as a socket for both protocols sees it
		f("10.0.0.2", 3)
		f("2001:db8:0:1::1", 3)
		f("2001:db8:0:1:ffff::2", 0) // the same network
		f("2001:db8:0:2::1", 3)
		time.Sleep(2 * time.Second)
		f("10.0.0.1", 2)
	})
}

// A million addresses take no more memory than the table, and whoever keeps
// coming is not forgotten on the way.
func TestClientsAreBounded(t *testing.T) {
	t.Parallel()
	c := NewClients(1e-3, 2)
	c.most = 100
	busy := netip.MustParseAddr("192.0.2.1")
	got := 0
	for i := range 10_000 {
		if c.Allow(busy) {
			got++
		}
		if !c.Allow(netip.MustParseAddr(fmt.Sprintf("10.0.%d.%d", i>>8, i&255))) {
			t.Fatal("a new client is kept out")
		}
		if len(c.new) > c.most || len(c.old) > c.most {
			t.Fatalf("%d and %d in the table", len(c.new), len(c.old))
		}
	}
	if got != 2 {
		t.Errorf("the busy one was let in %d times, want 2", got)
	}
}

func BenchmarkAllow(b *testing.B) {
	b.Run("of=all", func(b *testing.B) {
		l := New(1e9, 1<<30)
		b.ReportAllocs()
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				l.Allow()
			}
		})
	})
	b.Run("of=clients", func(b *testing.B) {
		c := NewClients(1e9, 1<<30)
		addr := netip.MustParseAddr("192.0.2.1")
		b.ReportAllocs()
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				c.Allow(addr)
			}
		})
	})
}
