package postgres

import "stormdrain/storage/fold"

// severities are those of label sets, by number: what never changes. Those of the
// label sets that this process has added are known without being read.
type severities struct {
	read   map[int64]string
	added  map[int64]string // since the last fold
	shared fold.Names
}

const (
	maxSeverities = 1 << 14 // that were read: 1 MB, with severities as people use them
	maxAdded      = fold.Limit
)

// addedSet is a label set that a transaction has added.
type addedSet struct {
	number   int64
	severity string
}

func (s *severities) forget() { *s = severities{} }

// bound comes before what a fold reads.
func (s *severities) bound() {
	if len(s.read) > maxSeverities {
		s.read = nil
	}
}

// add takes label sets that are committed.
func (s *severities) add(sets []addedSet) {
	if len(sets) == 0 {
		return
	}
	if s.added == nil {
		s.added = make(map[int64]string, len(sets))
	}
	if len(s.added)+len(sets) > maxAdded {
		clear(s.added)
	}
	for _, set := range sets {
		s.added[set.number] = set.severity
	}
}

// folded forgets those that were added: an alert that goes on firing is read once.
func (s *severities) folded() {
	if len(s.added) > maxSeverities {
		s.added = nil // seldom so many
	}
	clear(s.added)
}

func (s *severities) put(set int64, severity string) {
	if s.read == nil {
		s.read = map[int64]string{}
	}
	if one, ok := fold.Share(&s.shared, severity); ok {
		severity = one
	}
	s.read[set] = severity
}

func (s *severities) of(set int64) (severity string, ok bool) {
	if severity, ok = s.added[set]; !ok {
		severity, ok = s.read[set]
	}
	return severity, ok
}
