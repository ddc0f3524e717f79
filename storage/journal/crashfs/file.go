package crashfs

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
)

const sector = 512

// inode is a file: as processes see it, and as the disk has it.
type inode struct {
	live, disk []byte
	dirty      map[int]bool // sectors of live that the disk has not been told to keep
	resized    bool         // the same for the length
}

// handle is an open file.
type handle struct {
	fs     *FS
	node   *inode
	name   string
	closed bool
}

func (h *handle) fail(op string, err error) error {
	return &fs.PathError{Op: op, Path: h.name, Err: err}
}

// begin is FS.begin for an open file.
func (h *handle) begin() error {
	if h.closed {
		return fs.ErrClosed
	}
	return h.fs.begin()
}

// ReadAt implements io.ReaderAt.
func (h *handle) ReadAt(p []byte, off int64) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.begin(); err != nil {
		return 0, h.fail("read", err)
	}
	if off >= int64(len(h.node.live)) {
		return 0, io.EOF
	}
	n := copy(p, h.node.live[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements io.WriterAt. A write that fails, or is under way when the
// power goes, may have written any part from the start.
func (h *handle) WriteAt(p []byte, off int64) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	wasOn := !h.fs.crashed
	err := h.begin()
	if err == nil {
		h.node.write(p, off)
		return len(p), nil
	}
	if errors.Is(err, fs.ErrClosed) || !wasOn {
		return 0, h.fail("write", err)
	}
	n := h.fs.rng.IntN(len(p) + 1)
	if errors.Is(err, ErrShort) {
		n = len(p) / 2
		h.node.write(p[:n], off)
		return n, nil
	}
	h.node.write(p[:n], off)
	return n, h.fail("write", err)
}

func (n *inode) write(p []byte, off int64) {
	if len(p) == 0 {
		return
	}
	end := int(off) + len(p)
	if end > len(n.live) {
		n.live = append(n.live, make([]byte, end-len(n.live))...)
	}
	n.resized = n.resized || end > len(n.disk)
	copy(n.live[off:], p)
	if n.dirty == nil {
		n.dirty = map[int]bool{}
	}
	for s := int(off) / sector; s*sector < end; s++ {
		n.dirty[s] = true
	}
}

// Sync implements vfs.File. When it fails some of what was dirty is on the disk,
// and the rest is forgotten by the next Sync too, as Linux does.
func (h *handle) Sync() error {
	h.fs.mu.Lock()
	held := h.fs.held
	h.fs.mu.Unlock()
	if held != nil {
		<-held
	}
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	wasOn := !h.fs.crashed
	err := h.begin()
	switch {
	case err == nil:
		h.node.flush(nil)
		return nil
	case wasOn && !h.fs.crashed && !h.closed:
		h.node.flush(h.fs.rng)
	}
	return h.fail("sync", err)
}

// flush writes dirty sectors: all of them, or some as rng has it.
func (n *inode) flush(rng *rand.Rand) {
	n.disk = n.mix(rng)
	n.dirty, n.resized = nil, false
}

// mix is what the disk has when the dirty sectors are on their way: without rng
// all have arrived; with it any subset, the length may be any between the old
// and the new, and the last sector may be torn at any byte.
func (n *inode) mix(rng *rand.Rand) []byte {
	size := len(n.disk)
	if n.resized {
		size = len(n.live)
		lo, hi := min(len(n.disk), len(n.live)), max(len(n.disk), len(n.live))
		switch {
		case rng == nil:
		case rng.IntN(3) == 0:
			size = len(n.disk)
		case rng.IntN(2) == 0:
			size = lo + rng.IntN(hi-lo+1)
		}
	}
	out := make([]byte, size)
	copy(out, n.disk)
	sectors := make([]int, 0, len(n.dirty))
	for s := range n.dirty {
		sectors = append(sectors, s)
	}
	slices.Sort(sectors) // so that the seed alone decides
	keep := 1.0
	if rng != nil {
		keep = []float64{0, 0.5, 0.9, 1}[rng.IntN(4)]
	}
	for _, s := range sectors {
		lo, hi := s*sector, min((s+1)*sector, len(n.live), size)
		if lo >= hi || (rng != nil && rng.Float64() >= keep) {
			continue
		}
		if rng != nil && rng.IntN(16) == 0 {
			hi = lo + rng.IntN(hi-lo+1)
		}
		copy(out[lo:hi], n.live[lo:hi])
	}
	return out
}

func (n *inode) afterCrash(rng *rand.Rand) *inode {
	b := n.mix(rng)
	return &inode{live: b, disk: slices.Clone(b)}
}

// Truncate implements vfs.File.
func (h *handle) Truncate(size int64) error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.begin(); err != nil {
		return h.fail("truncate", err)
	}
	n := h.node
	if size <= int64(len(n.live)) {
		n.live = n.live[:size:size]
	} else {
		n.live = append(n.live, make([]byte, int(size)-len(n.live))...)
	}
	n.resized = true
	return nil
}

// Size implements vfs.File.
func (h *handle) Size() (int64, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.begin(); err != nil {
		return 0, h.fail("stat", err)
	}
	return int64(len(h.node.live)), nil
}

// Close implements vfs.File. It promises nothing and is no operation.
func (h *handle) Close() error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if h.closed {
		return fs.ErrClosed
	}
	h.closed = true
	return nil
}
