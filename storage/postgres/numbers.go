package postgres

import (
	"context"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// blockNumbers is how many numbers of dictionary rows a value of the sequence
// stands for. What a process has left when it ends is lost: 2^63 are enough.
const blockNumbers = 1024

// supply holds numbers that are this process's to give out.
type supply struct {
	mu     sync.Mutex
	blocks []numberRange
}

type numberRange struct{ next, end int64 }

// fetch gets n more numbers or a few more than that.
func (s *supply) fetch(ctx context.Context, c *pgconn.PgConn, n int) error {
	var a arguments
	sql := `SELECT nextval('dictionary_blocks') FROM generate_series(1, ` + a.int8(int64((n+blockNumbers-1)/blockNumbers)) + `)`
	return query(ctx, c, sql, a, func(v row) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.blocks = append(s.blocks, numberRange{v.int8(0) * blockNumbers, (v.int8(0) + 1) * blockNumbers})
		return nil
	})
}

// take gives out n numbers, in the order in which they came; fewer when it has fewer.
func (s *supply) take(n int, give func(i int, number int64)) (taken int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.blocks) > 0 && taken < n {
		b := &s.blocks[0]
		give(taken, b.next)
		taken++
		if b.next++; b.next == b.end {
			s.blocks = slices.Delete(s.blocks, 0, 1)
		}
	}
	return taken
}

// forget gives up what is left. A server that crashed may not remember having
// given it out, if no commit came behind, and gives it out again.
func (s *supply) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blocks = nil
}
