package load

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"time"
)

// sender is one connection with the goroutine that owns it. It writes whole
// requests in one piece and waits for each answer, as Alertmanager does.
type sender struct {
	address string
	bodies  *templates
	end     time.Time // no answer is waited for after it

	conn net.Conn // nil after a failure, until the next request
	in   *bufio.Reader
	out  []byte

	latencies []time.Duration // of acknowledged requests
	failed    map[string]int
}

// newSender connects.
func newSender(ctx context.Context, address string, bodies *templates) (*sender, error) {
	s := &sender{address: address, bodies: bodies, failed: map[string]int{}}
	s.end, _ = ctx.Deadline()
	return s, s.dial()
}

func (s *sender) dial() error {
	conn, err := net.DialTimeout("tcp", s.address, 5*time.Second)
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(s.end); err != nil {
		conn.Close()
		return err
	}
	s.conn = conn
	s.in = bufio.NewReaderSize(conn, 1<<10)
	return nil
}

// run sends what it gets tickets for, until there are no more.
func (s *sender) run(cfg *Config, begin time.Time, tickets <-chan int) {
	for n := range tickets {
		what, err := s.send(n)
		if err != nil {
			what = "no answer"
			s.close() // where the next answer would begin, nobody knows
		}
		if what != "" {
			s.failed[what]++
			continue
		}
		s.latencies = append(s.latencies, time.Since(begin.Add(cfg.due(n))))
	}
}

// send returns "" when request n was acknowledged, else the status.
func (s *sender) send(n int) (status string, err error) {
	if s.conn == nil {
		if err := s.dial(); err != nil {
			return "", err
		}
	}
	s.out = s.bodies.appendRequest(s.out[:0], n)
	if _, err := s.conn.Write(s.out); err != nil {
		return "", err
	}
	got, err := readAnswer(s.in)
	if err != nil {
		return "", err
	}
	if got.last {
		s.close()
	}
	if got.status != 200 {
		return fmt.Sprintf("status %d", got.status), nil
	}
	return "", nil
}

// close may be called again.
func (s *sender) close() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}
