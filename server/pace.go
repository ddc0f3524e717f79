package server

import (
	"cmp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"stormdrain/internal/obs"
)

const (
	paceWindow = 10 * time.Second
	paceStep   = time.Second // between two snapshots
	paceKept   = 12          // snapshots: those of the window, and one before
)

// pace knows how fast alerts came in during the last ten seconds. It has no
// goroutine and nothing to do while nobody sends: before a delivery is taken in,
// the counters are noted, at most once a second. So whoever asks, now and then or
// for the first time, gets the figures of the last ten seconds.
type pace struct {
	read  func() obs.Traffic
	began time.Time
	next  atomic.Int64 // when the next snapshot is due, since began

	mu    sync.Mutex
	notes []paceNote // the oldest first
}

type paceNote struct {
	at      time.Duration // since began
	traffic obs.Traffic
}

func newPace(read func() obs.Traffic) *pace {
	return &pace{read: read, began: time.Now()}
}

// note takes a snapshot when one is due.
func (p *pace) note(now time.Duration) {
	due := p.next.Load()
	if int64(now) < due || !p.next.CompareAndSwap(due, int64(now+paceStep)) {
		return
	}
	traffic := p.read()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.notes) == paceKept {
		p.notes = append(p.notes[:0], p.notes[1:]...)
	}
	p.notes = append(p.notes, paceNote{now, traffic})
}

// last returns what came in during the last ten seconds, and how many seconds
// those are: fewer after a start. Nothing was missed before the first snapshot of
// the window but what came within a second after the one before, and that one is
// the base while alerts keep coming.
func (p *pace) last(now time.Duration) (obs.Traffic, float64) {
	traffic := p.read()
	window := min(now, paceWindow)
	p.mu.Lock()
	defer p.mu.Unlock()
	var base *paceNote
	for i := range p.notes {
		note := &p.notes[i]
		age := now - note.at
		if age > paceWindow+2*paceStep {
			continue // it rested since
		}
		if base == nil || age >= paceWindow {
			base = note
		}
	}
	if base == nil {
		return traffic.Since(traffic), window.Seconds()
	}
	return traffic.Since(base.traffic), max(now-base.at, window).Seconds()
}

// keepPace notes how far the counters are before a delivery is taken in.
func (s *Server) keepPace(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		s.pace.note(time.Since(s.pace.began))
		next(ctx)
	}
}

// rates returns the alerts received in a second, and the p99 of the answers to
// deliveries in seconds; false where there was none.
func (s *Server) rates() (perSecond, p99 float64, answered bool) {
	traffic, seconds := s.pace.last(time.Since(s.pace.began))
	p99, answered = traffic.Quantile(0.99)
	return traffic.Received / cmp.Or(seconds, 1), p99, answered
}
