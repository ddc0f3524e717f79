package journal

import (
	"errors"
	"fmt"
	"time"

	"stormdrain/storage/journal/vfs"
)

// Config is read once, by Open.
type Config struct {
	// Dir holds the segments, the identity and the folder "damaged". It is
	// made if absent. One process at a time: the owner locks it.
	Dir string

	// SegmentBytes is the size at which a new segment is begun, default 64 MiB.
	// A segment is larger by the part of its last frame that did not fit. More
	// than a quarter of MaxBytes is taken as a quarter, as only whole segments
	// can be given back.
	SegmentBytes int64

	// MaxBytes bounds all segments together, default 8 GiB. A frame that would
	// pass it is refused with ErrFull.
	MaxBytes int64

	// WaitTimeout: an Append that is not durable after it fails with
	// ErrTimeout, up to an eighth later; default 7 s. The frame may become
	// durable all the same.
	WaitTimeout time.Duration

	// FS is the file system, nil for the real one.
	FS vfs.FS

	// Now is the wall clock that frames are stamped with, nil for time.Now.
	Now func() time.Time

	// Observer hears what happens on the disk.
	Observer Observer

	// ahead is how many bytes of zeros are kept behind what is written to a
	// segment, a 64th of SegmentBytes and at most 1 MiB. They do not count for
	// MaxBytes. Negative: none.
	ahead int64
}

// Observer is told what an operator wants to see. Any func may be nil. They
// are called from the journal's goroutines, so they must be quick and must not
// call the journal.
type Observer struct {
	// Synced is called after every fdatasync of frames with its duration.
	Synced func(time.Duration)
	// TornTail: this many bytes at the end of the last segment were cut.
	TornTail func(segment uint64, bytes int64)
	// Damaged: the segment has bad bytes before good ones, or a bad header. A
	// copy is kept under this name; err says why there is none.
	Damaged func(segment uint64, kept string, err error)
	// Failed: a segment could not be made, written or synced.
	Failed func(*SegmentError)
}

// DefaultConfig returns the defaults; Dir is left to the caller.
func DefaultConfig() Config {
	return Config{SegmentBytes: 64 << 20, MaxBytes: 8 << 30, WaitTimeout: 7 * time.Second}
}

// Least values: what is smaller could not hold a frame and its header.
const (
	minSegmentBytes = 256
	minMaxBytes     = 1024
)

// Validate names the first field that is impossible.
func (c *Config) Validate() error {
	switch {
	case c.Dir == "":
		return errors.New("journal: Dir is empty")
	case c.SegmentBytes < minSegmentBytes:
		return fmt.Errorf("journal: SegmentBytes is %d, %d is the least", c.SegmentBytes, minSegmentBytes)
	case c.MaxBytes < minMaxBytes:
		return fmt.Errorf("journal: MaxBytes is %d, %d is the least", c.MaxBytes, minMaxBytes)
	case c.WaitTimeout <= 0:
		return fmt.Errorf("journal: WaitTimeout is %v, it must be more than 0", c.WaitTimeout)
	}
	return nil
}

func (c *Config) setDefaults() {
	if c.FS == nil {
		c.FS = vfs.OS{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.SegmentBytes = min(c.SegmentBytes, c.MaxBytes/4)
	if c.ahead == 0 && c.SegmentBytes >= 64*blockBytes {
		c.ahead = min(c.SegmentBytes/64, 1<<20)
	}
}

func (o *Observer) synced(d time.Duration) {
	if o.Synced != nil {
		o.Synced(d)
	}
}

func (o *Observer) tornTail(segment uint64, bytes int64) {
	if o.TornTail != nil {
		o.TornTail(segment, bytes)
	}
}

func (o *Observer) damaged(segment uint64, kept string, err error) {
	if o.Damaged != nil {
		o.Damaged(segment, kept, err)
	}
}

func (o *Observer) failed(err *SegmentError) {
	if o.Failed != nil {
		o.Failed(err)
	}
}
