package journal

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"sync"

	"stormdrain/storage/journal/vfs"
)

// segment is one file of the journal: of an earlier process, or of this one.
type segment struct {
	segmentHeader
	name string

	// ---- guarded by Journal.mu ----
	entries uint32 // appended in this process
	size    int64  // what it counts for MaxBytes: written, pending and header
	claimed bool   // to be made even if no frame comes
	onDisk  bool   // made, and durable; from then on in Journal.segs
	end     int64  // what readers may read: up to here all is durable
	done    bool   // nothing will be added to what readers may read
	earlier bool   // of a process before this one
	damaged bool   // a bad stretch was found
	keep    bool   // move it aside instead of deleting it, as no copy could be made

	// ---- owned by the committer ----
	file    vfs.File
	written int64
	zeroed  int64 // up to here the file has its blocks: what was not written is zeros

	handle handle
}

// unused reports whether s can be forgotten: it is a plan and nothing more.
func (s *segment) unused() bool { return !s.onDisk && !s.claimed && s.size == headerLen }

// handle is the file for reading: opened when first needed, shared by all.
type handle struct {
	mu     sync.Mutex
	file   vfs.File
	closed bool
}

func (h *handle) get(fs vfs.FS, name string) (vfs.File, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, errGone
	}
	if h.file == nil {
		f, err := fs.Open(name)
		if err != nil {
			return nil, err
		}
		h.file = f
	}
	return h.file, nil
}

func (h *handle) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	if h.file != nil {
		_ = h.file.Close() // nothing was written through it
		h.file = nil
	}
}

func (j *Journal) path(name string) string { return filepath.Join(j.cfg.Dir, name) }

// newSegmentLocked gives the next frame a segment that does not exist yet: the
// committer makes the file when it comes to write. The room for its header is
// taken now.
func (j *Journal) newSegmentLocked(now int64) *segment {
	number := j.nextNumber
	j.nextNumber++
	s := &segment{
		segmentHeader: segmentHeader{number: number, first: j.w.next, floor: max(j.w.at, now), epoch: randomEpoch()},
		name:          j.path(segmentName(number)),
		size:          headerLen,
	}
	j.total += headerLen
	return s
}

func randomEpoch() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails: the program is ended instead
	return binary.LittleEndian.Uint32(b[:])
}

// create makes the segment's file. The header is durable before any record is
// written, so a file with a bad header that is no longer than a header never
// held anything.
func (j *Journal) create(s *segment) error {
	f, err := j.fs.Create(s.name)
	if err != nil {
		return err
	}
	err = writeAll(f, s.segmentHeader.encode(), 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = j.fs.SyncDir(j.cfg.Dir)
	}
	if err != nil {
		_ = f.Close()
		_ = j.fs.Remove(s.name) // if it stays it is an empty segment, which does no harm
		return err
	}
	s.file, s.written = f, headerLen
	return nil
}

// zeroAhead gives the file blocks full of zeros behind end, so that the writes
// to come change nothing but their content: an fdatasync that must also make new
// blocks and a new length durable waits for the file system's own journal, and so
// for what everybody else has written (docs/adr/0009). It is only a help: without
// it the file grows with each write.
func (j *Journal) zeroAhead(s *segment, end int64) {
	if j.cfg.ahead <= 0 || end <= s.zeroed {
		return
	}
	if j.zeros == nil {
		j.zeros = make([]byte, j.cfg.ahead)
	}
	if writeAll(s.file, j.zeros, end) == nil {
		s.zeroed = end + j.cfg.ahead
	}
}

// cutZeros gives back the zeros behind what was written. If they stay they are
// known for what they are.
func (s *segment) cutZeros() {
	if s.zeroed > s.written {
		_ = s.file.Truncate(s.written)
	}
}

func writeAll(f vfs.File, b []byte, off int64) error {
	n, err := f.WriteAt(b, off)
	if err != nil {
		return err
	}
	if n < len(b) {
		return fmt.Errorf("%d of %d bytes written", n, len(b))
	}
	return nil
}
