package journal

import (
	"errors"
	"fmt"
	"io"

	"stormdrain/storage/journal/vfs"
)

const (
	chunkBytes = 256 << 10 // read at once, and more for a larger record
	blockBytes = 4 << 10   // what an unreadable spot costs
)

// scanner goes through the records of one segment, in chunks, and past bytes
// that are no record. One goroutine owns it.
type scanner struct {
	file  vfs.File
	epoch uint32
	off   int64 // in the file, of what comes next
	end   int64 // in the file, where to stop; may grow

	// Records of a segment are numbered without gaps. A number that is too
	// small, or larger than the bad bytes before it have room for, is not ours.
	nextEntry uint64
	nextSeq   uint64
	bad       int64 // bytes without a record, so far

	// rescue: bytes that the disk refuses to read become zeros, and so a bad
	// stretch, instead of an error.
	rescue bool

	rescued int64 // how many

	// zeroTail: the file may end in zeros that were written ahead. They are
	// the end, and nothing bad; zeros is how many were found.
	zeroTail bool
	zeros    int64

	buf       []byte
	pos, fill int // buf[pos:fill] is what the file has from off on
}

// found is what scanner.next came upon.
type found struct {
	recordHeader
	off     int64  // of the record, or of the bad stretch
	payload []byte // lent until the next call
	bad     int64  // not 0: so many bytes without a record
}

// next returns the next record or bad stretch; io.EOF: end is reached. The
// stretch goes up to the next good record, or up to end.
func (s *scanner) next() (found, error) {
	if s.off >= s.end {
		return found{}, io.EOF
	}
	start := s.off
	for s.off < s.end {
		h, whole, err := s.peek(s.off - start)
		switch {
		case err != nil:
			s.seek(start) // so that the caller can try again
			return found{}, err
		case whole != nil && s.off > start:
			return s.badFrom(start), nil
		case whole != nil:
			s.step(h)
			return found{recordHeader: h, off: start, payload: whole[recordLen:]}, nil
		case h.length > 0: // the header is good, so its length is
			s.skip(h.length)
		default:
			s.skipToResemblance()
		}
	}
	if s.zeroTail {
		if s.zeros = s.trailingZeros(start); s.zeros == s.off-start {
			s.bad += s.zeros
			return found{}, io.EOF
		}
	}
	return s.badFrom(start), nil
}

// trailingZeros counts the zeros at the end, back to start.
func (s *scanner) trailingZeros(start int64) (n int64) {
	block := make([]byte, blockBytes)
	for at := s.end; at > start; {
		b := block[:min(blockBytes, at-start)]
		at -= int64(len(b))
		if _, err := readAt(s.file, b, at); err != nil {
			return n
		}
		for i := len(b) - 1; i >= 0; i-- {
			if b[i] != 0 {
				return n
			}
			n++
		}
	}
	return n
}

func (s *scanner) badFrom(start int64) found {
	s.bad += s.off - start
	return found{off: start, bad: s.off - start}
}

// peek returns the record at off, or nil. A header with a length but no record
// means that only the payload is bad.
func (s *scanner) peek(badBefore int64) (h recordHeader, whole []byte, err error) {
	if s.end-s.off < recordLen {
		return h, nil, nil
	}
	b, err := s.need(recordLen)
	if err != nil {
		return h, nil, err
	}
	h, ok := decodeRecord(s.epoch, b)
	if !ok || h.length > s.end-s.off || !s.plausible(h, badBefore) {
		return recordHeader{}, nil, nil
	}
	if b, err = s.need(int(h.length)); err != nil {
		return h, nil, err
	}
	if !intact(b) {
		return h, nil, nil
	}
	return h, b, nil
}

func (s *scanner) plausible(h recordHeader, badBefore int64) bool {
	expected := s.nextSeq
	if h.kind == KindEntry {
		expected = s.nextEntry
	}
	return h.number >= expected && h.number-expected <= uint64(s.bad+badBefore)/recordLen
}

// step goes past a good record. Its bytes stay where they are until the next need.
func (s *scanner) step(h recordHeader) {
	if h.kind == KindEntry {
		s.nextEntry = h.number + 1
	} else {
		s.nextSeq = h.number + 1
	}
	s.skip(h.length)
}

// skip goes past bytes, whether or not they have been read.
func (s *scanner) skip(n int64) {
	if n > int64(s.fill-s.pos) {
		s.seek(s.off + n)
		return
	}
	s.off += n
	s.pos += int(n)
}

func (s *scanner) seek(off int64) {
	s.off, s.pos, s.fill = off, 0, 0
}

// skipToResemblance goes to the next offset that is worth a look. What peek has
// read is at hand.
func (s *scanner) skipToResemblance() {
	i := s.pos + 1
	for i+8 <= s.fill && !resembles(s.buf[i:s.fill]) {
		i++
	}
	if s.end-s.off < recordLen {
		i = s.pos + int(s.end-s.off) // too little for a record, read or not
	}
	s.skip(int64(i - s.pos))
}

// need returns the n bytes from off on, which are before end.
func (s *scanner) need(n int) ([]byte, error) {
	if s.fill-s.pos < n {
		s.makeRoom(n)
		at := s.off + int64(s.fill)
		want := int(min(int64(len(s.buf)-s.fill), s.end-at))
		got, err := s.read(s.buf[s.fill:s.fill+want], at)
		s.fill += got
		if s.fill < n {
			return nil, fmt.Errorf("read %d bytes at %d: %w", n, s.off, err)
		}
	}
	return s.buf[s.pos : s.pos+n], nil
}

// makeRoom moves what is not read yet to the front of a buffer of n bytes or
// more. One that a huge record needed is let go of when it is no longer.
func (s *scanner) makeRoom(n int) {
	size, old := max(n, chunkBytes), s.buf[s.pos:s.fill]
	if len(s.buf) < n || len(s.buf) > 4*size && len(old) <= size {
		s.buf = make([]byte, size)
	}
	s.fill, s.pos = copy(s.buf, old), 0
}

func (s *scanner) read(b []byte, at int64) (int, error) {
	n, err := readAt(s.file, b, at)
	if n == len(b) || !s.rescue {
		return n, err
	}
	for n < len(b) { // block by block, so that one bad spot costs no more than itself
		block := b[n:min(len(b), n+blockBytes)]
		if got, _ := readAt(s.file, block, at+int64(n)); got < len(block) {
			clear(block[got:])
			s.rescued += int64(len(block) - got)
		}
		n += len(block)
	}
	return n, nil
}

func readAt(f vfs.File, b []byte, at int64) (int, error) {
	if f == nil {
		return 0, errGone
	}
	n, err := f.ReadAt(b, at)
	if n == len(b) {
		return n, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // the file has become shorter
	}
	return n, err
}

// errGone: the segment's file is closed or was deleted.
var errGone = errors.New("segment is gone")
