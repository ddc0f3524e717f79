package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	goodbye  = 5 * time.Second // to end a connection in order
	doubtful = time.Second     // idle for longer: asked before it is used
)

var errClosed = errors.New("the store is closed")

// conn is a connection of a pool; who acquired it owns it until release.
type conn struct {
	*pgconn.PgConn
	born      time.Time
	idleSince time.Time
}

// pool keeps connections for the next caller: the last one used first, so that
// those that are not needed grow old and are closed.
type pool struct {
	config   *pgconn.Config
	min      int
	lifetime time.Duration // 0: no end
	idleTime time.Duration // 0: no end

	slots  chan struct{} // a token for each connection in use; full: wait
	closed chan struct{}

	mu    sync.Mutex
	idle  []*conn     // the last one was used last
	reap  *time.Timer // nil: not armed
	ended bool
}

func newPool(config *pgconn.Config, cfg Config) *pool {
	return &pool{
		config: config, min: cfg.MinConns, lifetime: cfg.MaxConnLifetime, idleTime: cfg.MaxConnIdleTime,
		slots: make(chan struct{}, cfg.MaxConns), closed: make(chan struct{}),
	}
}

// acquire returns a connection that answered a moment ago or is new.
func (p *pool) acquire(ctx context.Context) (*conn, error) {
	select {
	case <-p.closed:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	case p.slots <- struct{}{}:
	}
	for {
		c, err := p.pop()
		if err != nil {
			<-p.slots
			return nil, err
		}
		if c == nil {
			break
		}
		if p.usable(ctx, c) {
			return c, nil
		}
		hangUp(c)
	}
	pg, err := pgconn.ConnectConfig(ctx, p.config)
	if err != nil {
		<-p.slots
		return nil, fmt.Errorf("connect: %w", err)
	}
	return &conn{PgConn: pg, born: time.Now()}, nil
}

// pop takes an idle connection; nil when there is none.
func (p *pool) pop() (*conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return nil, errClosed
	}
	n := len(p.idle)
	if n == 0 {
		return nil, nil
	}
	c := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	return c, nil
}

func (p *pool) usable(ctx context.Context, c *conn) bool {
	if p.lifetime > 0 && time.Since(c.born) > p.lifetime {
		return false
	}
	return time.Since(c.idleSince) < doubtful || c.Ping(ctx) == nil
}

// release takes c back. One that is broken or still in a transaction ends here.
func (p *pool) release(c *conn) {
	defer func() { <-p.slots }()
	const idle = 'I'
	if c.IsClosed() || c.IsBusy() || c.TxStatus() != idle || !p.push(c) {
		hangUp(c)
	}
}

func (p *pool) push(c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return false
	}
	c.idleSince = time.Now()
	p.idle = append(p.idle, c)
	if p.idleTime > 0 && p.reap == nil && len(p.idle) > p.min {
		p.reap = time.AfterFunc(p.idleTime, p.closeIdle)
	}
	return true
}

// closeIdle closes what has idled too long above the minimum, and comes again
// while there is more than that.
func (p *pool) closeIdle() {
	p.mu.Lock()
	n := 0
	for n < len(p.idle)-p.min && time.Since(p.idle[n].idleSince) >= p.idleTime {
		n++
	}
	old := append([]*conn(nil), p.idle[:n]...)
	p.idle = append(p.idle[:0], p.idle[n:]...)
	p.reap = nil
	if !p.ended && len(p.idle) > p.min {
		p.reap = time.AfterFunc(max(p.idleTime-time.Since(p.idle[0].idleSince), time.Millisecond), p.closeIdle)
	}
	p.mu.Unlock()
	for _, c := range old {
		hangUp(c)
	}
}

// close refuses new callers, waits for those that hold a connection, and
// closes all.
func (p *pool) close() {
	p.mu.Lock()
	if p.ended {
		p.mu.Unlock()
		return
	}
	p.ended = true
	if p.reap != nil {
		p.reap.Stop()
	}
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	close(p.closed)
	for _, c := range idle {
		hangUp(c)
	}
	for range cap(p.slots) {
		p.slots <- struct{}{}
	}
}

func hangUp(c *conn) {
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	c.Close(ctx) // the server notices either way
}
