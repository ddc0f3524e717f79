package sqlite

import "stormdrain/storage/fold"

// severities are those of the label sets that got the last numbers, in their stored
// form: a fold of alerts that are new reads none of their label sets again. A number
// is never given out twice, so what is in here stays right.
type severities struct {
	first  int64    // number of the label set of names[0]; those of the others follow
	names  []string // unknownSeverity: to be read
	shared fold.Names
}

const (
	// maxSeverities is how many are kept at least, as many as the new alerts that may
	// wait to be folded.
	maxSeverities = 1 << 15

	// unknownSeverity is none that is stored: storage.Escape leaves no NUL.
	unknownSeverity = "\x00"
)

// addedSet is a label set that a transaction has added.
type addedSet struct {
	number   int64
	severity string
}

// add takes label sets that are committed, in the order of their numbers.
func (s *severities) add(sets []addedSet) {
	for _, set := range sets {
		if set.number != s.first+int64(len(s.names)) { // those between are another process's
			s.first, s.names = set.number, s.names[:0]
		}
		if len(s.names) == 2*maxSeverities {
			s.first += maxSeverities
			s.names = append(s.names[:0], s.names[maxSeverities:]...)
		}
		name, ok := fold.Share(&s.shared, set.severity)
		if !ok {
			name = unknownSeverity
		}
		s.names = append(s.names, name)
	}
}

func (s *severities) of(set int64) (name string, ok bool) {
	if set < s.first || set >= s.first+int64(len(s.names)) {
		return "", false
	}
	name = s.names[set-s.first]
	return name, name != unknownSeverity
}
