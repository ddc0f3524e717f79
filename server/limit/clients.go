package limit

import (
	"net/netip"
	"sync"
)

// mostClients is how many buckets are in each half of the table: 32 768 of
// them take 2 MiB.
const mostClients = 1 << 15

// Clients is a bucket for each client. The table is bounded: when its new half
// is full it becomes the old one, and the old one is forgotten. A client that is
// forgotten has a full bucket again, so more addresses than the table holds make
// the limit softer, and never keep a client out.
type Clients struct {
	bucket
	most int

	mu       sync.Mutex
	new, old map[client]int64 // when each one's bucket is full again
}

// client is an IPv4 address, or the first half of an IPv6 address: whoever has
// one of the second half has them all.
type client [16]byte

// NewClients returns full buckets for everybody; the numbers are those of New.
func NewClients(perSecond float64, burst int) *Clients {
	return &Clients{bucket: newBucket(perSecond, burst), most: mostClients, new: make(map[client]int64)}
}

// Allow takes a token from the client's bucket, if there is one.
func (c *Clients) Allow(addr netip.Addr) bool {
	key := clientOf(addr)
	c.mu.Lock()
	defer c.mu.Unlock()
	full, known := c.new[key]
	if !known {
		full = c.old[key]
	}
	next, ok := c.take(full, c.now())
	if !known && len(c.new) >= c.most {
		c.new, c.old = make(map[client]int64), c.new
	}
	c.new[key] = next
	return ok
}

func clientOf(addr netip.Addr) client {
	key := client(addr.As16())
	if !addr.Unmap().Is4() {
		clear(key[8:])
	}
	return key
}
