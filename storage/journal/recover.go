package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"stormdrain/storage/journal/vfs"
)

// Open opens the journal in cfg.Dir or makes one. It fails only if the directory
// cannot be used, or was written by a newer version: damage is set aside and
// reported instead. It reads the last segment, and of the others only headers.
//
// No file of an earlier process is ever appended to.
func Open(cfg Config) (*Journal, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	j := newJournal(cfg)
	if err := j.recover(); err != nil {
		j.closeFiles()
		return nil, fmt.Errorf("open journal in %s: %w", cfg.Dir, err)
	}
	j.start()
	return j, nil
}

func newJournal(cfg Config) *Journal {
	cfg.setDefaults()
	j := &Journal{
		cfg: cfg, fs: cfg.FS, startedAt: time.Now(),
		kick: make(chan struct{}, 1), sweep: make(chan struct{}, 1),
		stop: make(chan struct{}), rest: make(chan struct{}), committed: make(chan struct{}),
		batch: newBatch(), readers: map[*Reader]struct{}{}, nextNumber: 1,
	}
	j.room = sync.NewCond(&j.mu)
	return j
}

func (j *Journal) recover() error {
	if err := j.fs.MkdirAll(filepath.Join(j.cfg.Dir, damagedDir)); err != nil {
		return err
	}
	_ = j.fs.SyncDir(filepath.Dir(j.cfg.Dir)) // it may be a mount point
	names, err := j.fs.List(j.cfg.Dir)
	if err != nil {
		return err
	}
	for _, name := range names { // in the order of their numbers
		if err := j.loadSegment(name); err != nil {
			return err
		}
	}
	oldest, last := uint64(1), uint64(0)
	if n := len(j.segs); n > 0 {
		oldest = j.segs[0].first
		last = j.scanLast(j.segs[n-1])
	}
	if err := j.openIdentity(oldest); err != nil {
		return err
	}
	if err := j.fs.SyncDir(j.cfg.Dir); err != nil {
		return err
	}
	j.lastAtOpen = max(last, j.identity.covers-1)
	j.durable, j.w.next = j.lastAtOpen, j.lastAtOpen+1
	j.stored = max(oldest, j.identity.covers) - 1
	for _, s := range j.segs {
		j.total += s.size
		j.w.at = max(j.w.at, s.floor)
		j.marks.add(s.first, s.end-headerLen, s.floor)
	}
	return nil
}

// loadSegment reads a header. A bad one leaves nothing to check records with:
// the file is moved aside as a whole, and the gap in the positions shows.
func (j *Journal) loadSegment(name string) error {
	number, ok := parseSegmentName(name)
	if !ok {
		return nil
	}
	j.nextNumber = max(j.nextNumber, number+1)
	s := &segment{name: j.path(name), onDisk: true, done: true, earlier: true}
	size, head, err := j.readHeader(s.name)
	if err == nil {
		s.segmentHeader, err = decodeHeader(head)
	}
	if errors.Is(err, errVersion) {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err == nil && s.number == number && j.follows(s) {
		s.size, s.end = size, size
		j.segs = append(j.segs, s)
		return nil
	}
	if size <= headerLen && head != nil {
		_ = j.fs.Remove(s.name) // made in a crash; a record is only written after the header is durable
		return nil
	}
	kept, err := j.moveAside(name)
	if err != nil {
		kept = s.name // stays where it is, and will be met again
	}
	j.cfg.Observer.damaged(number, kept, err)
	j.asides = append(j.asides, aside{number: number, bytes: size, kept: kept})
	return nil
}

// follows reports whether the positions of s can come after those before it.
func (j *Journal) follows(s *segment) bool {
	return s.first > 0 && (len(j.segs) == 0 || s.first >= j.segs[len(j.segs)-1].first)
}

// readHeader returns the first bytes of a file; nil if it cannot be read at all.
func (j *Journal) readHeader(name string) (size int64, head []byte, err error) {
	f, err := j.fs.Open(name)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = f.Close() }()
	if size, err = f.Size(); err != nil {
		return 0, nil, err
	}
	head = make([]byte, min(size, headerLen))
	for range patience {
		if _, err = readAt(f, head, 0); err == nil {
			return size, head, nil
		}
	}
	return size, nil, err
}

// scanLast reads the last segment, cuts what a crash left torn at its end, and
// returns the last position.
//
// After a crash any part of the last write may be missing. Bad bytes with
// nothing good behind them are such a tail: nobody was told that it was
// durable, or a reader of it could never know. Bad bytes before good ones may
// be the same, or damage to what was durable: the two look alike, so the good
// ones count, the positions between are missing, and the file is copied first.
func (j *Journal) scanLast(s *segment) uint64 {
	f, err := s.handle.get(j.fs, s.name)
	if err != nil {
		return s.first - 1
	}
	scan := scanner{file: f, epoch: s.epoch, off: headerLen, end: s.size, nextSeq: s.first, rescue: true, zeroTail: true}
	good, bad, damaged := int64(headerLen), false, false
	for {
		r, err := scan.next()
		if err != nil { // the end: with rescue there is no other
			break
		}
		if r.bad > 0 {
			bad = true
			continue
		}
		damaged = damaged || bad
		good = scan.off
		j.w.at = max(j.w.at, r.receivedAt)
	}
	if damaged || scan.rescued > 0 {
		j.keepAside(s)
	}
	s.end = good
	if s.size > good && scan.rescued == 0 {
		j.cut(f, s, s.size-good-scan.zeros)
	}
	if scan.rescued == 0 {
		j.settle(f, s.end)
	}
	return scan.nextSeq - 1
}

// oneWrite is how much one write can be, also of a program of before, which had up to
// 16 MiB pending.
const oneWrite = 32 << 20

// settle makes sure that the disk has what the page cache shows, as nothing may
// reach the store before. If the process before us ended after a failed
// fdatasync, the cache holds pages that Linux takes for clean although they never
// arrived, and a sync alone would prove nothing. So what one write may have
// been is written again, with the same bytes, which no crash can spoil. Should
// it fail, the store may come to have a position that the journal loses: then
// the owner asks for a new identity.
func (j *Journal) settle(f vfs.File, end int64) {
	buf := make([]byte, chunkBytes)
	for off := max(0, end-oneWrite); off < end; off += int64(len(buf)) {
		buf = buf[:min(int64(len(buf)), end-off)]
		if _, err := readAt(f, buf, off); err != nil {
			break
		}
		if writeAll(f, buf, off) != nil {
			break
		}
	}
	_ = f.Sync()
}

// cut removes what is behind the last record: torn bytes, and zeros. If it cannot be cut it does not count all the same,
// as the next segment begins with the position that it would have.
func (j *Journal) cut(f vfs.File, s *segment, torn int64) {
	if f.Truncate(s.end) == nil {
		s.size = s.end
	}
	if torn > 0 {
		j.cfg.Observer.tornTail(s.number, torn)
	}
}
