package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
)

const damagedDir = "damaged"

// aside is a file that Open found with a bad header and moved away.
type aside struct {
	number uint64
	bytes  int64
	kept   string
}

// sweepLoop is the janitor: it gives back the segments that nobody needs.
func (j *Journal) sweepLoop() {
	for {
		select {
		case <-j.sweep:
			j.sweepOnce()
		case <-j.committed:
			return
		}
	}
}

// sweepOnce deletes from the oldest on, and stops at the first that cannot be
// deleted: what a failed segment holds too much is ruled out by the first
// position of the one after it, which must therefore never go before it.
func (j *Journal) sweepOnce() {
	removed := 0
	for s := j.expendable(); s != nil; s = j.expendable() {
		s.handle.close()
		if err := j.discard(s); err != nil && !errors.Is(err, fs.ErrNotExist) {
			break // tried again with the next Stored
		}
		j.forget(s)
		removed++
	}
	if removed > 0 {
		_ = j.fs.SyncDir(j.cfg.Dir) // what comes back after a crash is deleted again
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.full && j.rollHelpsLocked() {
		wake(j.kick)
	}
}

// expendable returns a segment whose frames are all stored, or that has none
// that count. Never the newest: it alone says at which position to go on.
func (j *Journal) expendable() *segment {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := 0; i+1 < len(j.segs); i++ {
		next := j.segs[i+1].first
		if j.stored+1 >= next || j.segs[i].first == next {
			return j.segs[i]
		}
	}
	return nil
}

func (j *Journal) discard(s *segment) error {
	if s.keep {
		_, err := j.moveAside(filepath.Base(s.name))
		return err
	}
	return j.fs.Remove(s.name)
}

func (j *Journal) forget(s *segment) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.segs = slices.DeleteFunc(j.segs, func(o *segment) bool { return o == s })
	j.total -= s.size
	j.full = false
}

// keepAside copies a damaged segment for whoever wants to look into it, once
// for all readers and all runs of the program.
func (j *Journal) keepAside(s *segment) {
	j.mu.Lock()
	known := s.damaged
	size := s.end
	s.damaged = true
	j.mu.Unlock()
	if known {
		return
	}
	kept := filepath.Join(j.cfg.Dir, damagedDir, fmt.Sprintf("%016x-%08x%s", s.number, s.epoch, suffix))
	err := j.copyFile(s, kept, size)
	if errors.Is(err, fs.ErrExist) {
		err = nil // an earlier run has seen it
	} else {
		j.cfg.Observer.damaged(s.number, kept, err)
	}
	if err != nil {
		j.mu.Lock()
		s.keep = true
		j.mu.Unlock()
	}
}

// copyFile copies what can be read and leaves zeros for the rest.
func (j *Journal) copyFile(s *segment, to string, size int64) error {
	from, err := s.handle.get(j.fs, s.name)
	if err != nil {
		return err
	}
	out, err := j.fs.Create(to)
	if err != nil {
		return err
	}
	in := scanner{file: from, rescue: true}
	buf := make([]byte, chunkBytes)
	for off := int64(0); off < size && err == nil; off += int64(len(buf)) {
		buf = buf[:min(int64(len(buf)), size-off)]
		if _, err = in.read(buf, off); err == nil {
			err = writeAll(out, buf, off)
		}
	}
	if err == nil {
		err = out.Sync()
	}
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = j.fs.SyncDir(filepath.Join(j.cfg.Dir, damagedDir))
	}
	if err != nil {
		_ = j.fs.Remove(to)
	}
	return err
}

// moveAside takes a file out of the journal without deleting it, and returns
// where it is. The name is one that is free, as numbers can come again.
func (j *Journal) moveAside(name string) (string, error) {
	dir := filepath.Join(j.cfg.Dir, damagedDir)
	taken, err := j.fs.List(dir)
	if err != nil {
		return "", err
	}
	free := name
	for i := 1; slices.Contains(taken, free); i++ {
		free = fmt.Sprintf("%s.%d", name, i)
	}
	to := filepath.Join(dir, free)
	if err := j.fs.Rename(j.path(name), to); err != nil {
		return "", err
	}
	_ = j.fs.SyncDir(dir)
	return to, nil
}
