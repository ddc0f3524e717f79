// Package runs is the format of an index in sorted runs: for each key, the
// numbers of the label sets that have it. What is written once is never changed;
// runs become fewer by being merged. It knows no tables.
package runs

// Key stands for something to look for: 40 bits of a hash. Two things with the same
// key cost label sets that are looked at in vain, one look in a thousand at a billion
// keys; 24 bits more would cost three bytes of the six that an entry has.
type Key uint64

const keyBits = 40

// All is a key that every label set of a run has, and nothing to look for.
const All Key = 0

// KeyOf returns the key of 64 bits of a hash. The multiplication spreads hashes
// that are not good in their upper bits.
func KeyOf(hash uint64) Key { return max(1, Key(hash*0x9e3779b97f4a7c15>>(64-keyBits))) }

// Entry says that the label sets from First to Last have a key, both included. The entries of
// a run are in order, and those of one key neither touch nor overlap.
type Entry struct {
	Key         Key
	First, Last int64
}

// Compare is the order of entries.
func (e Entry) Compare(f Entry) int {
	switch {
	case e.Key < f.Key || e.Key == f.Key && e.First < f.First:
		return -1
	case e == f:
		return 0
	default:
		return 1
	}
}

// Run is what is known of a run as a whole.
type Run struct {
	First, Last int64 // numbers of its label sets: these and some between
	Sets        int64 // how many it has
}

// Page is a piece of a run: entries from one on. Which page has an entry follows
// from what the pages begin with.
type Page struct {
	Key    Key   // of its first entry
	Number int64 // First of its first entry
	Packed []byte
}
