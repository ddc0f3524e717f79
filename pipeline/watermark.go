package pipeline

import (
	"errors"
	"sync"
	"time"
)

// watermark is the position up to which the store has everything. One goroutine
// advances it, any number wait for it.
type watermark struct {
	mu      sync.Mutex
	pos     uint64
	changed chan struct{} // closed, and made anew, by advance
}

// look returns the position, and what is closed when it changes.
func (w *watermark) look() (pos uint64, changed <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pos, w.changed
}

func (w *watermark) advance(pos uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pos = pos
	close(w.changed)
	w.changed = make(chan struct{})
}

// wait returns nil when everything up to pos is stored.
func (w *watermark) wait(pos uint64, timeout time.Duration) error {
	late := time.NewTimer(timeout)
	defer late.Stop()
	for {
		at, changed := w.look()
		if at >= pos {
			return nil
		}
		select {
		case <-changed:
		case <-late.C:
			return errors.New("not committed in the store in time")
		}
	}
}

// seqSet holds positions of frames whose sender was told 503 although they may
// become durable. When they are stored they count as replayed, so that the
// counters add up.
type seqSet struct {
	mu   sync.Mutex
	seqs map[uint64]struct{}
}

func (s *seqSet) add(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seqs == nil {
		s.seqs = make(map[uint64]struct{})
	}
	s.seqs[seq] = struct{}{}
}

// forget removes what is stored up to here: frames that failed after all.
func (s *seqSet) forget(upTo uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for seq := range s.seqs {
		if seq <= upTo {
			delete(s.seqs, seq)
		}
	}
}

// take reports whether seq is in the set, and removes it.
func (s *seqSet) take(seq uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.seqs[seq]
	delete(s.seqs, seq)
	return ok
}
