package pipeline

import (
	"bytes"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"stormdrain/internal/alert"
)

// entry is an interned label set, set of details, or envelope. It is immutable
// but for the last group of fields, and outlives its place in the table for as
// long as somebody refers to it.
type entry struct {
	kind  alert.EntryKind
	first uint32 // length of the first part of key
	key   []byte // see canonical.go; nil for an entry of one request only
	id    alert.ID
	hash  uint64

	used     atomic.Bool           // since the hand passed
	gone     atomic.Bool           // from the table, or never in it
	follower atomic.Pointer[entry] // what came behind it the last time

	// ---- guarded by the shard's lock ----
	next *entry // of the same bucket

	// ---- guarded by the journal's lock: only frame.Encode touches them ----
	generation uint64 // of the segment that holds the entry; 0: none
	number     uint32 // in that segment
}

// entryOverhead is what an entry costs beside its key: the struct (96 bytes), and its
// share of the buckets and of the clock, which have room for more (8 to 16 each).
const entryOverhead = 128

// size counts the key as the allocator does, which rounds up.
func (e *entry) size() int64 { return int64(cap(e.key)) + entryOverhead }

// internTable finds the entry of a key. It is bounded in bytes: what was not
// asked for since the clock's hand came by last makes room for what is new, and
// once the table is full, for what is new and comes a second time: annotations
// that carry a measured value come once, and would flush all else.
// Identity does not depend on it; an entry that was evicted and comes again is
// worked out again and gets the same one.
//
// The hash is seeded in every process, and keys are compared byte by byte, so a
// collision, even a deliberate one, costs a comparison and merges nothing.
type internTable struct {
	seeds    [4]maphash.Seed // by kind
	shards   []internShard
	followed atomic.Uint64 // entries that follow found

	entries [4]atomic.Int64 // by kind
	bytes   atomic.Int64
}

type internShard struct {
	mu       sync.Mutex
	buckets  []*entry // by hash, a power of two of them: a map takes four times as much
	clock    []*entry
	hand     int
	bytes    int64
	maxBytes int64
	hits     uint64
	misses   uint64
	once     []uint32 // parts of hashes of keys that came when there was no room
	_        [32]byte // two locks do not share a cache line
}

// onceSlots is how many keys a shard remembers that came once. All shards
// together remember 128 Ki keys in 512 KiB.
const onceSlots = 4096

// admits reports whether a key may take the place of others: it came before, as
// far as the shard remembers.
func (s *internShard) admits(hash uint64) bool {
	if s.once == nil {
		s.once = make([]uint32, onceSlots)
	}
	slot, part := &s.once[hash/internShards%onceSlots], uint32(hash>>32)
	if *slot == part {
		return true
	}
	*slot = part
	return false
}

const internShards = 32

func newInternTable(maxBytes int64) *internTable {
	t := &internTable{shards: make([]internShard, internShards)}
	for i := range t.seeds {
		t.seeds[i] = maphash.MakeSeed()
	}
	for i := range t.shards {
		t.shards[i].buckets = make([]*entry, firstBuckets)
		t.shards[i].maxBytes = maxBytes / internShards
	}
	return t
}

// find returns the entry of the key, nil for one that is not in the table, and
// the hash of the key, which add wants. The key is lent.
func (t *internTable) find(kind alert.EntryKind, key []byte) (*entry, uint64) {
	hash := maphash.Bytes(t.seeds[kind], key)
	s := &t.shards[hash%internShards]
	s.mu.Lock()
	e := s.find(kind, hash, key)
	if e != nil {
		e.use()
		s.hits++
	}
	s.mu.Unlock()
	return e, hash
}

// use keeps e from being the next to go. Most entries are in use already, and
// reading that does not take the line from other processors.
func (e *entry) use() {
	if !e.used.Load() {
		e.used.Store(true)
	}
}

// follow returns the entry that came behind last before, if its key is this one.
// Alertmanager sends a group in the same order each time, so it mostly is, and
// then neither a hash nor a lock is needed. last may be nil.
func (t *internTable) follow(last *entry, kind alert.EntryKind, key []byte) *entry {
	if last == nil {
		return nil
	}
	e := last.follower.Load()
	if e == nil || e.kind != kind || e.gone.Load() || !bytes.Equal(e.key, key) {
		return nil
	}
	e.use()
	return e
}

// keepFollower bounds what an entry may keep alive beyond its place in the table:
// one follower, and not that one's, which evict lets go.
const keepFollower = 2 << 10

// precede notes that e came behind last.
func (t *internTable) precede(last, e *entry) {
	if last != nil && !last.gone.Load() && !e.gone.Load() && len(e.key) <= keepFollower {
		last.follower.Store(e)
	}
}

// counts returns how often an entry was known, and how often not.
func (t *internTable) counts() (hits, misses uint64) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		hits, misses = hits+s.hits, misses+s.misses
		s.mu.Unlock()
	}
	return hits + t.followed.Load(), misses
}

// add puts in an entry that find did not have, and returns the one that
// everybody shares: another request may have been quicker. The key is copied;
// first is the length of its first part. An entry that is too large for the table
// is returned all the same; and so is one that is not admitted, without its key:
// it serves for this request.
func (t *internTable) add(kind alert.EntryKind, hash uint64, key []byte, first int, id alert.ID) *entry {
	e := &entry{kind: kind, first: uint32(first), id: id, hash: hash}
	size := int64(len(key)) + entryOverhead // at least
	s := &t.shards[hash%internShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.misses++
	if size > s.maxBytes/4 {
		e.key = bytes.Clone(key)
		e.gone.Store(true)
		return e
	}
	if s.bytes+size > s.maxBytes && !s.admits(hash) {
		e.gone.Store(true)
		return e
	}
	if other := s.find(kind, hash, key); other != nil {
		return other
	}
	e.key = bytes.Clone(key)
	size = e.size()
	for s.bytes+size > s.maxBytes {
		t.evict(s)
	}
	s.chain(e)
	s.clock = append(s.clock, e)
	s.bytes += size
	t.bytes.Add(size)
	t.entries[kind].Add(1)
	return e
}

func (s *internShard) find(kind alert.EntryKind, hash uint64, key []byte) *entry {
	for e := *s.bucket(hash); e != nil; e = e.next {
		if e.hash == hash && e.kind == kind && bytes.Equal(e.key, key) {
			return e
		}
	}
	return nil
}

// evict removes the first entry that was not used since the hand passed it.
func (t *internTable) evict(s *internShard) {
	for {
		if s.hand >= len(s.clock) {
			s.hand = 0
		}
		e := s.clock[s.hand]
		if e.used.Swap(false) {
			s.hand++
			continue
		}
		last := len(s.clock) - 1
		s.clock[s.hand] = s.clock[last]
		s.clock[last] = nil
		s.clock = s.clock[:last]
		s.unchain(e)
		e.gone.Store(true)
		e.follower.Store(nil)
		s.bytes -= e.size()
		t.bytes.Add(-e.size())
		t.entries[e.kind].Add(-1)
		return
	}
}

// firstBuckets is how many a shard has when it is empty.
const firstBuckets = 16

func (s *internShard) bucket(hash uint64) **entry {
	return &s.buckets[hash/internShards&uint64(len(s.buckets)-1)]
}

// chain adds e to its bucket. There are as many buckets as entries, or up to twice that.
func (s *internShard) chain(e *entry) {
	if len(s.clock) >= len(s.buckets) {
		s.buckets = make([]*entry, 2*len(s.buckets))
		for _, known := range s.clock {
			s.link(known)
		}
	}
	s.link(e)
}

func (s *internShard) link(e *entry) {
	b := s.bucket(e.hash)
	e.next, *b = *b, e
}

func (s *internShard) unchain(e *entry) {
	b := s.bucket(e.hash)
	for *b != e {
		b = &(*b).next
	}
	*b = e.next
}
