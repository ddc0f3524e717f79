package fold

import (
	"cmp"

	"stormdrain/internal/alert"
)

// State is an episode as its row has it and as the rules see it. What is not said
// here is as in alert.Episode.
type State struct {
	Number int64 // the store's; 0: new

	Status                       alert.Status
	StartsAt, EndsAt, Superseded alert.Time
	Unfired                      bool
	FirstAt, LastAt              int64 // received
	ResolvedAt                   int64 // when the last resolve was received, 0 where Status is Firing
	Receipts                     int64
	Details, Envelope            int64 // numbers, of the last receipt

	// Had are beginnings that it had before it was moved: of those that are in the
	// tables, at least the ones that the receipts name.
	Had []alert.Time

	// ---- what Fold says ----

	Change Change
	Moved  []alert.Time // beginnings that it had until now: to be kept, for the next fold's Had
	Seen   []int64      // envelopes that it came by, whose receivers are to be added; one may come twice

	BegunResolved bool // it is new, and its first receipt is a resolve
}

// Change is how much of a state Fold has changed.
type Change uint8

// From nothing to everything.
const (
	Same     Change = iota
	Repeated        // LastAt, Receipts, Details and Envelope, and perhaps Seen
	Changed
)

// Open reports whether s is firing, as far as anybody knows. An alert has one open
// episode at most.
func (s *State) Open() bool { return s.Status == alert.Firing && s.Superseded.IsNone() }

// Until is alert.Episode's.
func (s *State) Until() alert.Time {
	if s.Status == alert.Resolved {
		return s.EndsAt
	}
	return s.Superseded
}

// Class is the class of s, see ClassOf.
func (s *State) Class() int { return ClassOf(s.StartsAt, s.Until()) }

// Fold applies the rules of alert.Episode to the receipts of an alert, in their order.
// states are its episodes that Starts names, and the open one; it returns them
// with those that are new, in the same slice where there is room.
func (p *Pending) Fold(a *Alert, states []State) []State {
	for n := a.first; n >= 0; n = p.runs[n].next {
		r := &p.runs[n]
		var at int
		states, at = belongs(states, r)
		s := &states[at]
		wasOpen := s.Open()
		s.receive(r)
		p.see(s, r)
		if !wasOpen && s.Open() && s.Receipts > r.receipts {
			goesOn(states, at)
		}
	}
	return states
}

// belongs returns the place of the episode that a run belongs to, which it makes if
// there is none.
func belongs(states []State, r *run) ([]State, int) {
	open := -1
	for i := range states {
		s := &states[i]
		if s.has(r.startsAt) {
			return states, i
		}
		if s.Open() {
			open = i
		}
	}
	if open >= 0 && before(r.startsAt, states[open].StartsAt) {
		s := &states[open]
		s.Moved = append(s.Moved, s.StartsAt)
		s.StartsAt, s.Change = r.startsAt, Changed
		return states, open
	}
	if open >= 0 {
		states[open].Superseded, states[open].Change = r.startsAt, Changed
	}
	return append(states, State{
		StartsAt: r.startsAt, EndsAt: alert.NoTime, Superseded: alert.NoTime, Unfired: true, FirstAt: r.firstAt, LastAt: r.lastAt, Change: Changed,
		BegunResolved: r.status == alert.Resolved,
	}), len(states)
}

// has reports whether s has, or has had, this beginning.
func (s *State) has(startsAt alert.Time) bool {
	if s.StartsAt == startsAt {
		return true
	}
	for _, t := range s.Moved {
		if t == startsAt {
			return true
		}
	}
	for _, t := range s.Had {
		if t == startsAt {
			return true
		}
	}
	return false
}

// receive counts a run. What each of its receipts does after the first is to repeat.
func (s *State) receive(r *run) {
	s.Receipts += r.receipts
	s.Details = r.details
	s.LastAt = max(s.LastAt, r.lastAt)
	s.Change = max(s.Change, Repeated)
	if r.firstAt < s.FirstAt {
		s.FirstAt, s.Change = r.firstAt, Changed
	}
	if r.status == alert.Resolved {
		s.resolve(r)
		return
	}
	if s.Unfired {
		s.Unfired, s.Change = false, Changed
	}
	if s.Status == alert.Resolved && r.lastAt-s.ResolvedAt > alert.StaleAfter {
		s.Status, s.EndsAt, s.ResolvedAt, s.Change = alert.Firing, alert.NoTime, 0, Changed
	}
}

// resolve ends s. A resolve that names no end says that it is over by now.
func (s *State) resolve(r *run) {
	end := r.endsAt
	if end.IsNone() {
		end = alert.Time{Micros: r.lastAt}
	}
	resolvedAt := r.lastAt
	if s.Status == alert.Resolved {
		resolvedAt = max(resolvedAt, s.ResolvedAt)
		if before(end, s.EndsAt) {
			end = s.EndsAt
		}
	}
	if s.Status != alert.Resolved || s.EndsAt != end || s.ResolvedAt != resolvedAt {
		s.Change = Changed
	}
	s.Status, s.EndsAt, s.Superseded, s.ResolvedAt = alert.Resolved, end, alert.NoTime, resolvedAt
}

// goesOn keeps one open episode where a resolved one fires again beside it: nobody
// knows when the earlier of the two ended.
func goesOn(states []State, at int) {
	for i := range states {
		if i == at || !states[i].Open() {
			continue
		}
		earlier, later := &states[i], &states[at]
		if before(later.StartsAt, earlier.StartsAt) {
			earlier, later = later, earlier
		}
		earlier.Superseded, earlier.Change = later.StartsAt, Changed
		return
	}
}

// see notes the envelopes of a run, but for the one that the row has as its last:
// its receiver is known.
func (p *Pending) see(s *State, r *run) {
	for n := r.others; n >= 0; n = p.others[n].next {
		s.seen(p.others[n].envelope)
	}
	s.seen(r.envelope)
	s.Envelope = r.envelope
}

func (s *State) seen(envelope int64) {
	if envelope == s.Envelope && s.Receipts > 0 && s.Number != 0 && len(s.Seen) == 0 {
		return
	}
	if n := len(s.Seen); n > 0 && s.Seen[n-1] == envelope {
		return
	}
	s.Seen = append(s.Seen, envelope)
}

func before(a, b alert.Time) bool {
	return cmp.Or(cmp.Compare(a.Micros, b.Micros), cmp.Compare(a.Nanos, b.Nanos)) < 0
}
