package sqlite

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"stormdrain/storage"
)

// pool lends connections, each to one user at a time. They are opened when
// first needed, and again after one broke.
type pool struct {
	dsn    string
	free   chan *conn    // as many as may be open; nil for one that is not open yet
	open   atomic.Int64  // how many are
	closed chan struct{} // closed by close
	once   sync.Once
	err    error // what close returned
}

var errClosed = errors.New("store is closed")

func newPool(dsn string, size int) *pool {
	p := &pool{dsn: dsn, free: make(chan *conn, size), closed: make(chan struct{})}
	for range size {
		p.free <- nil
	}
	return p
}

// use waits for a connection and runs f with it.
func (p *pool) use(ctx context.Context, f func(*conn) error) error {
	select {
	case <-p.closed:
		return errClosed
	default:
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var c *conn
	select {
	case c = <-p.free:
	case <-p.closed:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { p.free <- c }()
	if c == nil {
		fresh, err := connect(ctx, p.dsn)
		if err != nil {
			return err
		}
		c = fresh
		p.open.Add(1)
	}
	err := f(c)
	if c.broken {
		err = errors.Join(err, c.close())
		c = nil
		p.open.Add(-1)
	}
	return err
}

// count is of this moment. A place that is lent and not open yet is neither busy
// nor idle.
func (p *pool) count() storage.Connections {
	open := int(p.open.Load())
	busy := min(cap(p.free)-len(p.free), open)
	return storage.Connections{Busy: busy, Idle: open - busy, Most: cap(p.free)}
}

// close waits for every connection to come back.
func (p *pool) close() error {
	p.once.Do(func() {
		close(p.closed)
		var errs []error
		for range cap(p.free) {
			if c := <-p.free; c != nil {
				errs = append(errs, c.close())
				p.open.Add(-1)
			}
		}
		p.err = errors.Join(errs...)
	})
	return p.err
}
