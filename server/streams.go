package server

import "sync"

// maxStreams bounds the streams that are open: each takes a share of the memory
// for those who are behind, and some of the time of the goroutine that stores.
const maxStreams = 64

// streams is every stream that is open.
type streams struct {
	mu     sync.Mutex
	open   map[*conn]struct{}
	ended  chan struct{} // of those that are open
	closed bool
}

func newStreams() *streams {
	return &streams{open: make(map[*conn]struct{}), ended: make(chan struct{})}
}

// begin reports whether there is room for one more, and what is closed when it
// is to end.
func (ss *streams) begin(c *conn) (ended <-chan struct{}, ok bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.closed || len(ss.open) >= maxStreams {
		return nil, false
	}
	ss.open[c] = struct{}{}
	return ss.ended, true
}

func (ss *streams) end(c *conn) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.open, c)
}

// endAll ends those that are open: they were let in by rules that are no more.
// Whoever still may comes again.
func (ss *streams) endAll() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if !ss.closed {
		close(ss.ended)
		ss.ended = make(chan struct{})
	}
}

// close ends those that are open, for good.
func (ss *streams) close() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if !ss.closed {
		ss.closed = true
		close(ss.ended)
	}
}

// cut closes the connections of those that have not ended: their clients do not
// take what is being written.
func (ss *streams) cut() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for c := range ss.open {
		c.cut()
	}
}

// count is how many are open.
func (ss *streams) count() int {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return len(ss.open)
}
