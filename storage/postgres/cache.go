package postgres

import (
	"sync"

	"stormdrain/internal/alert"
)

// cache remembers the numbers of dictionary rows by content identity, which
// differs between kinds, too. It holds only what a commit has made, all of one
// epoch.
//
// It forgets in halves: when the young generation is full, it becomes the old
// one and what was old and not asked for since is gone. That keeps what is in
// use as a list in order of use would, without the list.
type cache struct {
	half int // entries of a generation

	mu    sync.Mutex
	epoch int64
	young map[alert.ID]int64
	old   map[alert.ID]int64
}

func newCache(entries int) *cache {
	return &cache{half: entries / 2, young: map[alert.ID]int64{}, old: map[alert.ID]int64{}}
}

func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.young, c.old = map[alert.ID]int64{}, map[alert.ID]int64{}
}

// renew forgets everything when it is of another epoch.
func (c *cache) renew(epoch int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.epoch != epoch {
		c.epoch, c.young, c.old = epoch, map[alert.ID]int64{}, map[alert.ID]int64{}
	}
}

// lookup sets numbers[i] for each entry that it knows and appends the others to
// dst. The numbers are of the epoch that it returns.
func (c *cache) lookup(entries []alert.Entry, numbers []int64, dst []unknown) (_ []unknown, epoch int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, e := range entries {
		id := e.ID()
		n, ok := c.young[id]
		if !ok {
			if n, ok = c.old[id]; ok {
				c.put(id, n)
			}
		}
		if ok {
			numbers[i] = n
		} else {
			dst = append(dst, newUnknown(e, i))
		}
	}
	return dst, c.epoch
}

// add remembers the numbers of some entries, after their commit, if the epoch is
// still the one in which they were learned.
func (c *cache) add(entries []alert.Entry, numbers []int64, which []unknown, epoch int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.epoch != epoch {
		return
	}
	for _, u := range which {
		c.put(entries[u.index].ID(), numbers[u.index])
	}
}

func (c *cache) put(id alert.ID, n int64) {
	if c.half == 0 {
		return
	}
	if len(c.young) >= c.half {
		c.young, c.old = c.old, c.young
		clear(c.young) // and keeps its memory
	}
	c.young[id] = n
}
