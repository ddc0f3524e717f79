package load

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// sender is one connection with the goroutine that owns it. It writes whole
// requests in one piece and waits for each answer, as Alertmanager does. A
// request that fails is not sent again.
type sender struct {
	cfg     *Config
	queue   *queue
	tally   *tally
	request *request
	in      *bufio.Reader

	mu     sync.Mutex
	conn   net.Conn  // nil after a failure, until the next request
	latest time.Time // no answer is waited for after it; zero: as long as the timeout is
}

func newSender(cfg *Config, r *request, q *queue, t *tally) *sender {
	return &sender{cfg: cfg, queue: q, tally: t, request: r, in: bufio.NewReaderSize(nil, 4<<10)}
}

// run sends what becomes due, until there is no more.
func (s *sender) run(ctx context.Context, begin time.Time) {
	for {
		n, ok := s.queue.take()
		if !ok {
			return
		}
		s.one(ctx, begin, n)
	}
}

// one sends the n-th request of the run, and says what became of it.
func (s *sender) one(ctx context.Context, begin time.Time, n int) {
	conn, err := s.connected(ctx)
	if err != nil {
		s.tally.fail(noConnection)
		return
	}
	s.note(n, Unknown)
	status, err := s.exchange(conn, s.request.number(s.cfg.First+n))
	switch {
	case err != nil:
		s.close() // where the next answer would begin, nobody knows
		s.tally.fail(why(err))
	case status/100 == 2:
		s.tally.acknowledge(time.Since(begin) - s.cfg.due(n))
		s.note(n, Acknowledged)
	default:
		s.tally.refuse(status)
	}
}

func (s *sender) note(n int, o Outcome) {
	if s.cfg.Outcomes != nil {
		s.cfg.Outcomes[n] = o
	}
}

// connected returns the connection, opening one when there is none.
func (s *sender) connected(ctx context.Context) (net.Conn, error) {
	if s.conn != nil { // only this goroutine writes it
		return s.conn, nil
	}
	conn, err := s.cfg.dial(ctx)
	if err != nil {
		return nil, err
	}
	s.in.Reset(conn)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = conn
	return conn, nil
}

// exchange sends one request and returns the status of its answer.
func (s *sender) exchange(conn net.Conn, request []byte) (status int, err error) {
	if err := s.setDeadline(conn); err != nil {
		return 0, err
	}
	if _, err := conn.Write(request); err != nil {
		return 0, err
	}
	got, err := readAnswer(s.in)
	if err != nil {
		return 0, err
	}
	if got.last {
		s.close()
	}
	return got.status, nil
}

// setDeadline holds the lock, or hurry could come between and be forgotten.
func (s *sender) setDeadline(conn net.Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	until := time.Now().Add(s.cfg.Timeout)
	if !s.latest.IsZero() && s.latest.Before(until) {
		until = s.latest
	}
	return conn.SetDeadline(until)
}

// hurry bounds the wait for the present answer and for all others. Anybody may
// call it.
func (s *sender) hurry(latest time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest = latest
	if s.conn != nil {
		_ = s.conn.SetDeadline(latest) // fails on a broken connection only, which ends by itself
	}
}

// close may be called again.
func (s *sender) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

func why(err error) failure {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return timedOut
	}
	return noAnswer
}
