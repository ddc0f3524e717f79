package storage

import (
	"context"
	"math/bits"

	"stormdrain/internal/alert"
)

// EpisodeBackend is what a store offers to SearchEpisodes, as Backend is to Search:
// small reads, each finished when it returns. Times are microseconds since 1970
// within FirstTime and LastTime.
type EpisodeBackend interface {
	Dictionary

	// EpisodeSpan returns when the oldest and the newest episode began; ok is false
	// when there is none.
	EpisodeSpan(ctx context.Context) (oldest, newest int64, ok bool, err error)

	// EpisodesBefore appends episodes to dst newest first, by (StartsAt in
	// microseconds, Number) descending. What it leaves out is what w does not ask
	// for, exactly.
	EpisodesBefore(ctx context.Context, w EpisodeWindow, dst []EpisodeRow) ([]EpisodeRow, error)
}

// EpisodeWindow asks for episodes, in one of three ways:
//
//   - Classes is given: for each class through the index on (class, starts at,
//     number), from Class.Earliest of Ending on at most; LabelSets, if given, too, is
//     a filter.
//   - LabelSets alone is given: through the index on (label set, starts at).
//   - Neither: through the index on (starts at, number).
type EpisodeWindow struct {
	From, To  int64                // began at, both included
	Before    *alert.EpisodeCursor // (StartsAt, Number) below; nil: no bound but To
	Ending    *int64               // only what has no Until or one at or after this microsecond; nil: any
	Classes   []Class
	LabelSets []int64 // numbers, ascending, up to some thousands

	Status   *alert.Status // nil: any
	Source   *string       // nil: any
	Receiver *string       // among the receivers; nil: any

	Limit int
	Bare  bool // Receivers, Details and Envelope need not be read
}

// EpisodeRow is an episode as it is stored: Labels, Details and Envelope of Episode
// are nil, and their numbers in the dictionaries are here.
type EpisodeRow struct {
	Episode                     alert.Episode
	LabelSet, Details, Envelope int64
}

// Class sorts episodes by how long they were: those of class k lasted less than 2^k
// seconds, and those of k-1 do not go on for that long. So what ends after an
// instant and is of class k began less than 2^k seconds before it, and finding
// what was firing then costs a short range of an index for each class, however long
// history is.
type Class int16

const (
	// ClassOpen is that of episodes without an end: Until is NoTime.
	ClassOpen Class = 63

	longest Class = 39 // 2^39 seconds are more than 9999 years
)

// ClassOf returns the class of an episode from its beginning and its Until.
func ClassOf(startsAt, until alert.Time) Class {
	if until.IsNone() {
		return ClassOpen
	}
	return Class(bits.Len64(uint64(max(0, until.Micros-startsAt.Micros)) / 1e6))
}

// Earliest returns the first microsecond at which an episode of class k can have
// begun that has not ended before ending.
func (k Class) Earliest(ending int64) int64 {
	if k > longest {
		return FirstTime
	}
	return max(FirstTime, ending-1e6<<k+1)
}

// allClasses are those that there may be.
func allClasses() (all []Class) {
	for k := Class(0); k <= longest; k++ {
		all = append(all, k)
	}
	return append(all, ClassOpen)
}
