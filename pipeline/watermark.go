package pipeline

import (
	"context"
	"fmt"
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

func (w *watermark) at() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pos
}

func (w *watermark) advance(pos uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pos = pos
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *watermark) wait(pos uint64, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := w.waitContext(ctx, pos); err != nil {
		return fmt.Errorf("not committed in the store within %v; send again", timeout)
	}
	return nil
}

func (w *watermark) waitContext(ctx context.Context, pos uint64) error {
	for {
		w.mu.Lock()
		reached, changed := w.pos >= pos, w.changed
		w.mu.Unlock()
		if reached {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
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

// take reports whether seq is in the set, and removes it.
func (s *seqSet) take(seq uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.seqs[seq]
	delete(s.seqs, seq)
	return ok
}
