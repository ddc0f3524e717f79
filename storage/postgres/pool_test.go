package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"stormdrain/internal/alert"
	"stormdrain/storage/storagetest"
)

func TestPool(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	cfg := DefaultConfig()
	cfg.MaxConns, cfg.MinConns = 2, 1
	open := func(change func(*Config)) *pool {
		c := cfg
		change(&c)
		p := newPool(d.open(t).pool.config, c)
		t.Cleanup(p.close)
		return p
	}
	acquire := func(p *pool) *conn {
		t.Helper()
		c, err := p.acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}

	t.Run("WaitsForOneOfTwo", func(t *testing.T) {
		p := open(func(*Config) {})
		a, b := acquire(p), acquire(p)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := p.acquire(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("a third: %v", err)
		}
		got := make(chan *conn)
		go func() { got <- acquire(p) }()
		p.release(a)
		c := <-got
		if c != a {
			t.Error("a new connection, though one was idle")
		}
		p.release(c)
		p.release(b)
	})
	t.Run("DropsOpenTransactions", func(t *testing.T) {
		p := open(func(*Config) {})
		a := acquire(p)
		if err := a.Exec(t.Context(), `BEGIN`).Close(); err != nil {
			t.Fatal(err)
		}
		p.release(a)
		if b := acquire(p); b == a {
			t.Error("a connection with an open transaction is used again")
		} else {
			p.release(b)
		}
	})
	t.Run("DropsOldAndDeadOnes", func(t *testing.T) {
		p := open(func(c *Config) { c.MaxConnLifetime = time.Hour })
		a := acquire(p)
		a.born = a.born.Add(-2 * time.Hour)
		p.release(a)
		b := acquire(p)
		if b == a {
			t.Error("an old connection is used again")
		}
		p.release(b)
		b.idleSince = b.idleSince.Add(-2 * doubtful)
		b.Conn().Close()
		if c := acquire(p); c == b {
			t.Error("a dead connection is used again")
		} else {
			p.release(c)
		}
	})
	t.Run("ClosesIdleOnes", func(t *testing.T) {
		p := open(func(c *Config) { c.MaxConnIdleTime = time.Millisecond })
		a, b := acquire(p), acquire(p)
		p.release(a)
		p.release(b)
		<-a.CleanupDone() // b stays: it is the minimum
		if b.IsClosed() {
			t.Error("below the minimum")
		}
	})
	t.Run("CloseWaits", func(t *testing.T) {
		p := open(func(*Config) {})
		a := acquire(p)
		closed := make(chan struct{})
		go func() { p.close(); close(closed) }()
		<-p.closed
		select {
		case <-closed:
			t.Error("closed while a connection is in use")
		default:
		}
		p.release(a)
		<-closed
		if !a.IsClosed() {
			t.Error("a connection is open after close")
		}
	})
}

func TestCache(t *testing.T) {
	t.Parallel()
	b := storagetest.Batch(alert.ID{}, 0, storagetest.Delivery{Seq: 1, Alerts: manyAlerts(1000)})
	numbers, which := make([]int64, len(b.Entries)), make([]int32, len(b.Entries))
	for i := range b.Entries {
		numbers[i], which[i] = int64(i+1), int32(i)
	}
	c := newCache(100)
	c.add(b.Entries, numbers, which)
	got := make([]int64, len(b.Entries))
	unknown := c.lookup(b.Entries, got)
	if known := len(b.Entries) - len(unknown); known < 50 || known > 100 {
		t.Errorf("%d of %d known, want 50 to 100", known, len(b.Entries))
	}
	for i, n := range got {
		if n != 0 && n != numbers[i] {
			t.Errorf("entry %d has number %d", i, n)
		}
	}
	// One that is asked for again and again outlives any number that are not.
	first := b.Entries[:1]
	c.add(first, numbers, which[:1])
	for i := range b.Entries {
		c.add(b.Entries[i:i+1], numbers[i:], []int32{0})
		if unknown := c.lookup(first, got); len(unknown) != 0 {
			t.Fatalf("forgotten after %d others", i)
		}
	}
	off := newCache(0)
	off.add(b.Entries, numbers, which)
	if unknown := off.lookup(b.Entries, got); len(unknown) != len(b.Entries) {
		t.Errorf("a cache of no entries knows some")
	}
}

func manyAlerts(n int) (alerts []storagetest.Alert) {
	for i := range n {
		alerts = append(alerts, storagetest.Alert{Labels: alert.LabelSet{Fingerprint: uint64(i)}})
	}
	return alerts
}
