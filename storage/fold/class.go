package fold

import (
	"math/bits"

	"stormdrain/internal/alert"
)

// Episodes that were on at a moment are found without reading those that had ended
// before: a row has the class of its duration, and an index on (class, starts_at) is
// asked once a class for those that began within the longest duration of the class
// before the moment. Long ones are few, short ones are in a short range.

// OpenClass is the class of episodes without an end; those with one have lower ones.
const OpenClass = 63

// shortest is the number of bits of the durations of class 0, in microseconds: a second.
const shortest = 20

// ClassOf returns the class of an episode: how many bits its duration has, in
// seconds of 2^20 microseconds.
func ClassOf(startsAt, until alert.Time) int {
	if until.IsNone() {
		return OpenClass
	}
	lasted := until.Micros - startsAt.Micros
	if lasted < 0 {
		return 0
	}
	return max(0, bits.Len64(uint64(lasted))-shortest)
}

// ClassSpan returns a duration, in microseconds, that every episode of a class is
// shorter than: one that was on at a moment began less than that before it.
func ClassSpan(class int) int64 { return 1 << min(class+shortest, 62) }
