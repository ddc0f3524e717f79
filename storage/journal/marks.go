package journal

import (
	"encoding/binary"
	"sort"
	"time"
)

// marks say how far into the journal, and when, a frame was written: enough to
// tell the size and age of the backlog without an index. One is added for each
// write as long as they are few; the more there is, the further they are apart.
type marks struct {
	list  []milestone
	bytes int64 // written to the journal in all, on the scale of the marks
	step  int64 // least distance of two marks in bytes
}

type milestone struct {
	seq   uint64 // the first frame at or after the mark
	bytes int64  // journal before the mark
	at    int64  // when that frame was received, µs since 1970
}

const maxMarks = 4096

func (m *marks) add(seq uint64, size, at int64) {
	if n := len(m.list); n == 0 || m.bytes >= m.list[n-1].bytes+m.step {
		m.list = append(m.list, milestone{seq: seq, bytes: m.bytes, at: at})
	}
	m.bytes += size
	if len(m.list) >= maxMarks {
		m.thin()
	}
}

func (m *marks) thin() {
	m.step = (m.bytes - m.list[0].bytes) / (maxMarks / 2)
	kept := m.list[:1]
	for _, k := range m.list[1:] {
		if k.bytes >= kept[len(kept)-1].bytes+m.step {
			kept = append(kept, k)
		}
	}
	m.list = kept
}

// dropBefore forgets the marks that no backlog behind stored can begin at.
func (m *marks) dropBefore(stored uint64) {
	if i := m.find(stored + 1); i > 0 {
		m.list = m.list[:copy(m.list, m.list[i:])]
	}
	if len(m.list) <= 1 {
		m.step = 0 // the backlog is gone
	}
}

// find returns the last mark at or before seq, or 0.
func (m *marks) find(seq uint64) int {
	i := sort.Search(len(m.list), func(i int) bool { return m.list[i].seq > seq })
	return max(i-1, 0)
}

// backlog returns the bytes from seq on, and when it was received.
func (m *marks) backlog(seq uint64) (bytes, at int64) {
	if len(m.list) == 0 {
		return 0, 0
	}
	k := m.list[m.find(seq)]
	return m.bytes - k.bytes, k.at
}

// firstReceivedAt returns the time of the first frame in whole records.
func firstReceivedAt(b []byte) int64 {
	for len(b) >= recordLen {
		if Kind(b[4]) == KindFrame {
			return int64(binary.LittleEndian.Uint64(b[16:]))
		}
		b = b[binary.LittleEndian.Uint32(b):]
	}
	return 0
}

// Stats is the state of the journal at one moment.
type Stats struct {
	Segments      int    // on the disk
	TotalBytes    int64  // of all segments, with what is pending
	Durable       uint64 // position
	Stored        uint64 // position
	BacklogFrames uint64 // durable and not stored
	BacklogBytes  int64  // the same in bytes, to the next write
	// OldestReceivedAt is when the oldest frame that is not stored was received,
	// or shortly before. The zero time when all are stored.
	OldestReceivedAt time.Time
}

// Stats returns the state of the journal.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := Stats{Segments: len(j.segs), TotalBytes: j.total, Durable: j.durable, Stored: j.stored}
	if j.stored < j.durable {
		bytes, at := j.marks.backlog(j.stored + 1)
		s.BacklogFrames, s.BacklogBytes = j.durable-j.stored, bytes
		if at > 0 { // 0: an old segment does not say
			s.OldestReceivedAt = time.UnixMicro(at)
		}
	}
	return s
}
