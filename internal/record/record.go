// Package record holds the words between the pipeline, which knows alerts, and
// the journal, which knows bytes and positions. Neither imports the other.
package record

// Kind says what a Record is.
type Kind uint8

const (
	// Entry is a dictionary entry of the segment.
	Entry Kind = iota + 1
	// Frame is one delivery.
	Frame
	// Lost stands for bytes that were damaged: see Record.Reason.
	Lost
)

// Record is what a reader of the journal meets.
type Record struct {
	Kind       Kind
	Segment    uint64 // entry numbers begin at 0 again in each
	Number     uint32 // of an entry
	Seq        uint64 // of a frame: its position; of a loss: the last one before it, if known
	ReceivedAt int64  // of a frame, microseconds since 1970
	Offset     int64  // in the segment, for reading an entry again
	Payload    []byte // lent until the next call
	Reason     string // of a loss
}

// Writer is where a frame writes itself to, under the journal's lock.
type Writer interface {
	// Generation tells segments apart: entry numbers are good for one. Never 0.
	Generation() uint64
	// ReceivedAt is the time that the frame is stamped with, in microseconds
	// since 1970. It never decreases.
	ReceivedAt() int64
	// BeginEntry returns the buffer to append a dictionary entry to; EndEntry
	// takes it back and returns the entry's number in the segment.
	BeginEntry() []byte
	EndEntry([]byte) uint32
	// BeginFrame and EndFrame are the same for the frame itself, which comes
	// last.
	BeginFrame() []byte
	EndFrame([]byte)
}

// Encoder is a frame that can write itself: entries first, then the payload.
type Encoder interface {
	Encode(w Writer)
	// Release is called when the journal needs the frame no more, encoded or
	// not, and before anybody waits for the disk.
	Release()
}
