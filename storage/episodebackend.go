package storage

import (
	"context"

	"stormdrain/internal/alert"
	"stormdrain/storage/fold"
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

// EpisodeCounter is what an EpisodeBackend may be, too: it counts by itself, where that
// takes less than to read page by page in order.
type EpisodeCounter interface {
	// CountEpisodes calls add for each source and label set, by number, that has
	// episodes in the window whose times q wants, with Labels nil. Before and Limit
	// of the window are not set; From and Ending of it are q's, by the microsecond,
	// or later. add takes the counts.
	CountEpisodes(ctx context.Context, w EpisodeWindow, q *alert.EpisodeQuery, add func(labelSet int64, c *alert.EpisodeCount)) error
}

// EpisodeWindow asks for episodes, in one of three ways:
//
//   - Classes is given (see fold.ClassOf): for each through the index on (class, starts at,
//     number), no further back than Earliest says for Ending; LabelSets, if given, too, is
//     a filter.
//   - LabelSets alone is given: through the index on (label set, starts at).
//   - Neither: through the index on (starts at, number).
type EpisodeWindow struct {
	From, To  int64                // began at, both included
	Before    *alert.EpisodeCursor // (StartsAt, Number) below; nil: no bound but To
	Ending    *int64               // only what has no Until or one at or after this microsecond; nil: any
	Classes   []int
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

// Earliest returns the first microsecond at which an episode of a class can have
// begun that has not ended before ending.
func Earliest(class int, ending int64) int64 {
	return max(FirstTime, ending-fold.ClassSpan(class)+1)
}

// allClasses are those that there may be: of the durations within FirstTime and
// LastTime, and of what has no end.
func allClasses() (all []int) {
	longest := fold.ClassOf(alert.Time{Micros: FirstTime}, alert.Time{Micros: LastTime})
	for class := range longest + 1 {
		all = append(all, class)
	}
	return append(all, fold.OpenClass)
}
