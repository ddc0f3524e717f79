package sqlite

import "stormdrain/internal/alert"

// maxNumbers bounds how many numbers a generation of the cache holds, so that
// both take some 10 MB at most.
const maxNumbers = 1 << 16

// numbered is a dictionary entry's identity, which includes its kind, and its
// number in the table of that kind.
type numbered struct {
	id     alert.ID
	number int64
}

// numbers remembers the numbers of committed dictionary entries, in two
// generations: what is used moves to the young one, and when that is full it
// becomes the old one, whose entries are then forgotten unless used again.
type numbers struct {
	max        int
	epoch      int64 // in which all of them were learned, see retention.go
	young, old map[alert.ID]int64
}

func newNumbers(most int) *numbers {
	return &numbers{max: most, young: map[alert.ID]int64{}, old: map[alert.ID]int64{}}
}

// renew forgets everything when it is of another epoch.
func (n *numbers) renew(epoch int64) {
	if n.epoch != epoch {
		n.epoch = epoch
		clear(n.young)
		clear(n.old)
	}
}

func (n *numbers) get(id alert.ID) (int64, bool) {
	if v, ok := n.young[id]; ok {
		return v, true
	}
	v, ok := n.old[id]
	if ok {
		n.put(id, v)
	}
	return v, ok
}

// add takes entries that are committed; a rolled-back number would be given to
// another entry.
func (n *numbers) add(entries []numbered) {
	for _, e := range entries {
		n.put(e.id, e.number)
	}
}

func (n *numbers) put(id alert.ID, number int64) {
	if len(n.young) >= n.max {
		n.young, n.old = n.old, n.young
		clear(n.young)
	}
	n.young[id] = number
}
