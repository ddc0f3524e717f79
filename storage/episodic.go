package storage

import (
	"context"

	"stormdrain/internal/alert"
)

// Folder keeps the episodes of a store. Write puts what it has committed aside, in
// order and already added up; Fold brings it into the tables, in one transaction
// with the position up to which the journal is folded. So a storm of the same alerts
// costs one row of episodes for each alert and fold, not for each receipt. What was
// put aside and not folded when the process ended is read from the events again.
type Folder interface {
	// Fold folds what is due. more is true when there is more at hand, after a
	// crash or a rebuild. nil: committed. After an error nothing is lost, and the
	// same is folded the next time. It is called by one goroutine at a time, and may
	// run beside Write.
	Fold(ctx context.Context) (more bool, err error)

	// Pending returns how much is put aside, as a part of what may be: at 1 a Fold
	// must come before the next Write. Folding reads the events again if it does not.
	Pending() float64

	// Folded returns how many events were folded since the store was opened.
	Folded() uint64

	// BegunResolved returns how many episodes began with a resolve, of what was folded
	// for the first time since the store was opened: each is committed and counts once,
	// not again when ForgetEpisodes has it made anew.
	BegunResolved() uint64

	// ForgetEpisodes removes every episode, source and minute, and the positions of
	// all journals: the next Folds make them anew, with the same result.
	ForgetEpisodes(ctx context.Context) error
}

// EpisodeReader answers what is asked of episodes.
type EpisodeReader interface {
	// Episodes calls yield for each episode that q asks for, in its order, and
	// returns yield's error as it is. What yield is given is read-only and may be
	// kept. It reads page by page, with no transaction open while yield runs.
	Episodes(ctx context.Context, q *alert.EpisodeQuery, yield func(*alert.Episode) error) error

	// EpisodeCounts calls yield for each source and label set that has episodes of
	// those that q asks for, in no order, with what is counted of them. Limit, After
	// and Bare of q do not matter. It returns yield's error as it is; what yield is
	// given is its own. Memory grows with these alerts, and with Lengths.
	EpisodeCounts(ctx context.Context, q *alert.EpisodeQuery, yield func(*alert.EpisodeCount) error) error

	// Sources returns every source, by name.
	Sources(ctx context.Context) ([]alert.Source, error)

	// Minutes calls yield for each minute that begins in [from, to), ascending,
	// and in it by severity.
	Minutes(ctx context.Context, from, to int64, yield func(alert.Minute) error) error

	// Labels returns names or values in ascending order, of the label sets that
	// came last where there are very many.
	Labels(ctx context.Context, q *alert.LabelQuery) ([]string, error)
}

// Recorder keeps what event recorders send. Write stores what is in
// alert.Batch.Recorded in its transaction; an event that is there already is left.
type Recorder interface {
	// Recorded is to recorded events what Events is to events.
	Recorded(ctx context.Context, q *alert.RecordedQuery, yield func(*alert.StoredRecorded) error) error
}

// Retainer forgets what is old.
type Retainer interface {
	// Retain removes a step's worth of what was received before the time, in
	// microseconds since 1970, and of dictionary rows that nothing refers to any
	// more; more is true when there is more to do. A step holds Write up for less
	// than storage.flush_interval's default. Open episodes stay, with their last
	// receipt's details. It may run beside Write, Fold and queries, also those of
	// other processes; one goroutine calls it. An error with Busy() true means that
	// somebody uses what is to be removed: try again later, and not at once.
	Retain(ctx context.Context, before int64) (removed alert.Removed, more bool, err error)

	// Oldest returns when the oldest delivery that is there was received, in
	// microseconds since 1970; ok is false when there is none.
	Oldest(ctx context.Context) (at int64, ok bool, err error)
}

// BusyError is why a step of retention has to wait: nothing was removed.
type BusyError struct{ Err error }

func (e *BusyError) Error() string { return e.Err.Error() }
func (e *BusyError) Unwrap() error { return e.Err }

// Busy tells it from a failure.
func (e *BusyError) Busy() bool { return true }
