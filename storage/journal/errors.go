package journal

import (
	"errors"
	"fmt"
)

// From a sender's view all of these may pass: 503, never a lost alert.
var (
	// ErrFull: MaxBytes is reached. Nothing was written.
	ErrFull = errors.New("journal is full: the store is down or too slow, or journal.max_bytes too small")
	// ErrNeverFits: the frame alone is larger than MaxBytes.
	ErrNeverFits = errors.New("the delivery is larger than the whole journal: raise journal.max_bytes")
	// ErrClosed: Close was called.
	ErrClosed = errors.New("journal is closed")
	// ErrTimeout: the disk did not answer in time. The frame may become durable later.
	ErrTimeout = errors.New("journal timeout: the disk is too slow")
	// ErrTooLarge: one record would be larger than any reader accepts (256 MiB).
	ErrTooLarge = errors.New("journal record is too large")
)

// SegmentError says which segment failed at what. The segment is never written
// again; a later Append goes to a new one.
type SegmentError struct {
	Segment uint64
	Op      string // "create", "write" or "sync"
	Err     error
}

func (e *SegmentError) Error() string {
	return fmt.Sprintf("journal segment %s: %s: %v", segmentName(e.Segment), e.Op, e.Err)
}

func (e *SegmentError) Unwrap() error { return e.Err }
