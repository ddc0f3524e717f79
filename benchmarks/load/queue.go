package load

import "sync"

// queue hands out the numbers of requests that are due, each once and in their
// order. It has no length: a backlog is the difference of two numbers.
type queue struct {
	mu   sync.Mutex
	work sync.Cond // a number is due, or no more will be

	next, due int // next to be handed out; those below due may be
	idle      int // senders that wait
	ended     bool
	dropped   bool
}

func newQueue() *queue {
	q := &queue{}
	q.work.L = &q.mu
	return q
}

// release makes all numbers below due available, and wakes as many senders as
// there is work for: those that have waited longest, so that each connection
// gets its turn.
func (q *queue) release(due int) {
	q.mu.Lock()
	if !q.dropped {
		q.due = due
	}
	wake := min(q.idle, q.due-q.next)
	q.mu.Unlock()
	for range wake {
		q.work.Signal()
	}
}

// take returns the next number, waiting until it is due. False: there are no
// more.
func (q *queue) take() (n int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.next == q.due {
		if q.ended {
			return 0, false
		}
		q.idle++
		q.work.Wait()
		q.idle--
	}
	q.next++
	return q.next - 1, true
}

// end says that nothing will become due any more; what is due is handed out.
func (q *queue) end() {
	q.mu.Lock()
	q.ended = true
	q.mu.Unlock()
	q.work.Broadcast()
}

// drop ends, and takes back what is due and was not handed out.
func (q *queue) drop() {
	q.mu.Lock()
	q.due, q.ended, q.dropped = q.next, true, true
	q.mu.Unlock()
	q.work.Broadcast()
}

// taken returns how many numbers were handed out.
func (q *queue) taken() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.next
}
