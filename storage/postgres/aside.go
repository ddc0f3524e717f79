package postgres

import (
	"stormdrain/internal/alert"
	"stormdrain/storage/fold"
)

// aside is what this process has committed and not folded.
type aside struct {
	pending *fold.Pending
	at      int64            // when the last delivery of it, or before it, was received; unknown: noTime
	epoch   int64            // in which its numbers were learned, see epoch.go
	added   map[int64]string // severities of label sets that were added, by number
}

// maxAdded bounds added.
const maxAdded = fold.Limit

func newAside() *aside { return &aside{pending: fold.NewPending(fold.Limit), at: noTime} }

func (a *aside) empty() bool { return a.pending.To() == a.pending.From() }

// begin forgets everything, and goes on behind a position.
func (a *aside) begin(journal alert.ID, position uint64) {
	a.pending.Begin(journal, position)
	a.at = noTime
	a.added = nil
}

// follow goes on behind what another one has; nothing is in this one.
func (a *aside) follow(last *aside) {
	a.pending.Begin(last.pending.Journal(), last.pending.To())
	a.at, a.epoch = last.at, last.epoch
}

// renew lets go of what is pending when it is of another epoch: its numbers may be
// of rows that are gone, and the events are read again.
func (a *aside) renew(epoch int64) {
	if a.epoch != epoch {
		a.epoch = epoch
		a.pending.Begin(a.pending.Journal(), a.pending.To())
	}
}

func (a *aside) add(b *alert.Batch, numbers []int64, epoch int64, added []addedSet) {
	a.renew(epoch)
	a.keep(added)
	if b.Journal != a.pending.Journal() {
		a.at = noTime
	}
	a.pending.Add(b, numbers)
	if n := len(b.Deliveries); n > 0 {
		a.at = b.Deliveries[n-1].ReceivedAt
	}
}

// keep remembers the severities of label sets that are committed.
func (a *aside) keep(sets []addedSet) {
	if len(sets) == 0 {
		return
	}
	if a.added == nil {
		a.added = make(map[int64]string, len(sets))
	}
	if len(a.added)+len(sets) > maxAdded {
		clear(a.added)
	}
	for _, set := range sets {
		a.added[set.number] = set.severity
	}
}

// reset forgets what is folded now. Of an alert that goes on firing the severity is
// read once.
func (a *aside) reset() {
	a.pending.Reset()
	if len(a.added) > maxSeverities {
		a.added = nil // seldom so many
	}
	clear(a.added)
}
