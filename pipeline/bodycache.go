package pipeline

import (
	"bytes"
	"container/list"
	"hash/maphash"
	"sync"

	"stormdrain/internal/alert"
)

// bodyCache remembers what a body decoded to, so that one that comes again byte
// for byte (Alertmanager's HTTP retries and repeats do) is decoded once. Source,
// time and request ID are not part of it. It is bounded in bytes and forgets
// what was not asked for the longest.
//
// A body is kept when it comes for the second time: keeping each one at once
// would cost a copy of every body for the few that ever come again. Of what was
// seen once, only a hash in a table of fixed size remains.
type bodyCache struct {
	maxBytes int64
	seed     maphash.Seed

	mu     sync.Mutex
	byHash map[uint64]*list.Element // of *cachedBody
	recent list.List                // most recently used first
	bytes  int64
	once   [4096]uint64 // hashes of bodies seen once, by their low bits
}

type cachedBody struct {
	hash   uint64
	kind   alert.Kind
	body   []byte
	result *decoded
}

// decodedOverhead is what a cached result costs for each alert, and once.
const decodedOverhead = 64

func (c *cachedBody) size() int64 {
	return int64(len(c.body)) + decodedOverhead*int64(4+len(c.result.events))
}

// newBodyCache returns nil, the cache that is off, for maxBytes 0.
func newBodyCache(maxBytes int64) *bodyCache {
	if maxBytes <= 0 {
		return nil
	}
	return &bodyCache{maxBytes: maxBytes, seed: maphash.MakeSeed(), byHash: make(map[uint64]*list.Element)}
}

// find returns what the body decoded to, or nil; and the body's hash, for add.
// The result is shared and read-only. The body is lent.
func (c *bodyCache) find(kind alert.Kind, body []byte) (*decoded, uint64) {
	if c == nil {
		return nil, 0
	}
	hash := maphash.Bytes(c.seed, body) + uint64(kind)
	c.mu.Lock()
	defer c.mu.Unlock()
	el, ok := c.byHash[hash]
	if !ok {
		return nil, hash
	}
	cached := el.Value.(*cachedBody)
	if cached.kind != kind || !bytes.Equal(cached.body, body) {
		return nil, hash
	}
	c.recent.MoveToFront(el)
	return cached.result, hash
}

// add keeps a copy of body and of result if the body was seen before.
func (c *bodyCache) add(kind alert.Kind, hash uint64, body []byte, result *decoded) {
	if c == nil || int64(len(body)) > c.maxBytes/4 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if slot := &c.once[hash%uint64(len(c.once))]; *slot != hash {
		*slot = hash
		return
	}
	if !result.lasts() {
		return
	}
	if old, ok := c.byHash[hash]; ok {
		c.remove(old)
	}
	cached := &cachedBody{hash: hash, kind: kind, body: bytes.Clone(body), result: result.clone()}
	c.byHash[hash] = c.recent.PushFront(cached)
	c.bytes += cached.size()
	for c.bytes > c.maxBytes {
		c.remove(c.recent.Back())
	}
}

func (c *bodyCache) remove(el *list.Element) {
	cached := c.recent.Remove(el).(*cachedBody)
	delete(c.byHash, cached.hash)
	c.bytes -= cached.size()
}
