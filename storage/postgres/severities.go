package postgres

import "stormdrain/storage/fold"

// severities are those of label sets, by number, that were read: what never changes.
type severities struct {
	read   map[int64]string
	shared fold.Names
}

const maxSeverities = 1 << 14 // 1 MB, with severities as people use them

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

func (s *severities) put(set int64, severity string) {
	if s.read == nil {
		s.read = map[int64]string{}
	}
	if one, ok := fold.Share(&s.shared, severity); ok {
		severity = one
	}
	s.read[set] = severity
}

// severity returns that of a label set, without reading it: those that this process
// has added since the fold before are known.
func (f *folder) severity(set int64) (severity string, ok bool) {
	if severity, ok = f.taken.added[set]; !ok {
		severity, ok = f.severities.read[set]
	}
	return severity, ok
}
