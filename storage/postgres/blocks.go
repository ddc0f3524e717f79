package postgres

import (
	"encoding/binary"

	"stormdrain/internal/alert"
)

const (
	// blockKeys is how many keys a block has at most, unless a single label set
	// has more: what keeps its row below the 2 kB above which PostgreSQL moves
	// values elsewhere.
	blockKeys = 240

	// blockSets is how many label sets a block has at most: a reader looks at
	// each of them.
	blockSets = 256
)

// blocks makes the rows of label_blocks for label sets that come in the order
// of their numbers. A storm's sets have most labels in common, so that a block
// has a third of the keys that they have one by one.
type blocks struct {
	all  []block
	keys []int64    // of all blocks
	seen [512]int64 // hash table of the last block's keys, 0: free
}

type block struct {
	first, last int64 // numbers of its sets
	begin, end  int   // its keys: blocks.keys[begin:end]
}

func (b *blocks) reset() { b.all, b.keys = b.all[:0], b.keys[:0] }

// add adds a label set.
func (b *blocks) add(number int64, content []byte) {
	f := alert.FieldsOf(content)
	fingerprint, labels := f.Uint64(), f.Pairs()
	last := b.last(number, labels+1)
	b.key(last, int64(fingerprint))
	for range labels {
		b.key(last, keyOf(f.Next(), f.Next()))
	}
}

// last returns the block that takes the set with this number and so many keys.
func (b *blocks) last(number int64, keys int) *block {
	if n := len(b.all); n > 0 {
		last := &b.all[n-1]
		if number == last.last+1 && number-last.first < blockSets && last.end-last.begin+keys <= blockKeys {
			last.last = number
			return last
		}
	}
	clear(b.seen[:])
	b.all = append(b.all, block{number, number, len(b.keys), len(b.keys)})
	return &b.all[len(b.all)-1]
}

func (b *blocks) key(last *block, k int64) {
	// Beyond blockKeys the block is that of one set, in which no label comes twice.
	if k != 0 && last.end-last.begin < blockKeys {
		at := uint64(k) * 0x9e3779b97f4a7c15 >> 55
		for ; b.seen[at] != 0; at = (at + 1) % uint64(len(b.seen)) {
			if b.seen[at] == k {
				return
			}
		}
		b.seen[at] = k
	}
	b.keys = append(b.keys, k)
	last.end++
}

// appendRow appends block i for a COPY.
func (b *blocks) appendRow(dst []byte, i int) ([]byte, error) {
	block := &b.all[i]
	dst = binary.BigEndian.AppendUint16(dst, 3)
	dst = appendInt8(dst, block.first)
	dst = appendInt8(dst, block.last)
	dst = appendArrayHead(dst, oidInt8, 8, block.end-block.begin)
	for _, k := range b.keys[block.begin:block.end] {
		dst = appendInt8(dst, k)
	}
	return dst, nil
}

// keyOf is how a label is found: FNV-1a 64 over the name, 0xff, which UTF-8 has
// not, and the value. Two labels with the same key cost rows that are looked at
// in vain.
func keyOf[T string | []byte](name, value T) int64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * prime
	}
	h = (h ^ 0xff) * prime
	for i := range len(value) {
		h = (h ^ uint64(value[i])) * prime
	}
	return int64(h)
}
