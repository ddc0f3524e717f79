package fold

import "stormdrain/internal/alert"

// Reached tells what is folded for the first time from what is folded again because
// episodes were forgotten: what is counted when it is found must not be counted by a
// rebuild, too. It knows of each journal how far it was ever seen to be folded, in this
// process; what a rebuild that was cut short has left is new to the next one.
type Reached struct{ positions map[alert.ID]uint64 }

// NewReached returns one that has seen no journal.
func NewReached() *Reached { return &Reached{positions: map[alert.ID]uint64{}} }

// See notes how far a journal is folded: each one at the beginning of a fold, also
// those that have nothing to be folded, and the one that was folded when that is committed.
func (r *Reached) See(journal alert.ID, folded uint64) {
	r.positions[journal] = max(r.positions[journal], folded)
}

// Bound returns upTo, or a position before it: from there on it is for the first
// time that a journal is folded, and up to there it is not.
func (r *Reached) Bound(journal alert.ID, folded, upTo uint64) uint64 {
	if known := r.positions[journal]; folded < known {
		return min(upTo, known)
	}
	return upTo
}

// First reports whether what is behind a position is folded for the first time.
func (r *Reached) First(journal alert.ID, folded uint64) bool { return folded >= r.positions[journal] }

// BegunResolved counts the states that are new and began with a resolve. Whether their
// firing comes later, and in which fold, changes nothing.
func BegunResolved(states []State) (n uint64) {
	for i := range states {
		if states[i].BegunResolved {
			n++
		}
	}
	return n
}
