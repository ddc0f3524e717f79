// Package postgres keeps events in PostgreSQL. Dictionary rows are written once
// for each new label set, details and envelope; a delivery and its events are
// narrow rows that refer to them, sent by COPY; the position in the journal is
// in the same transaction.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// Config says which database to use and how hard.
type Config struct {
	// URL is postgres://… or libpq's key=value form. What it leaves out comes
	// from libpq's environment variables and password file.
	URL string

	// MaxConns is the most connections at once; who needs one more waits.
	MaxConns int

	// MinConns is how many connections are kept open in the background, however
	// long they idle. One that breaks or is too old is made again within a minute.
	MinConns int

	// MaxConnLifetime is the age at which a connection is not used again. 0: none.
	MaxConnLifetime time.Duration

	// MaxConnIdleTime is how long connections above MinConns may idle, to the
	// minute. 0: for ever.
	MaxConnIdleTime time.Duration

	// CacheEntries is how many numbers of dictionary rows are remembered, some
	// 60 bytes each. A batch's entries that are not are looked up, all in one
	// statement.
	CacheEntries int
}

// DefaultConfig returns the settings of the contract, without a URL.
func DefaultConfig() Config {
	return Config{
		MaxConns: 4, MinConns: 2, MaxConnLifetime: time.Hour, MaxConnIdleTime: 10 * time.Minute,
		CacheEntries: 1 << 17,
	}
}

// Validate checks everything but the URL, which New parses.
func (c *Config) Validate() error {
	switch {
	case c.MaxConns < 1 || c.MaxConns > math.MaxInt32:
		return fmt.Errorf("max connections %d: must be from 1 to %d", c.MaxConns, math.MaxInt32)
	case c.MinConns < 0 || c.MinConns > c.MaxConns:
		return fmt.Errorf("min connections %d: must be from 0 to max connections, %d", c.MinConns, c.MaxConns)
	case c.MaxConnLifetime < 0 || c.MaxConnIdleTime < 0:
		return errors.New("the lifetime and the idle time of a connection cannot be negative")
	case c.CacheEntries < 2:
		return fmt.Errorf("cache entries %d: must be at least 2, for every batch would look its entries up", c.CacheEntries)
	}
	return nil
}

// Store is a storage.Store. Its methods may be called from any goroutine, Write
// and Try for one journal from one at a time.
type Store struct {
	pool       *pool
	migrated   *once
	partitions *partitions
	numbers    *cache
	supply     supply
	folder     *folder
	expect     expectation
	spare      atomic.Pointer[transaction] // buffers for the next batch
	probeParts int                         // the constant; tests make it small
	retention  retention
	merger     *merger
}

var _ storage.Store = (*Store)(nil)

// New checks the configuration. It does not wait for a connection: the server
// may be away.
func New(cfg Config) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	conf, err := poolConfig(cfg)
	if err != nil {
		return nil, err
	}
	return open(conf, cfg.CacheEntries)
}

func open(conf *pgxpool.Config, cacheEntries int) (*Store, error) {
	pool, err := newPool(conf)
	if err != nil {
		return nil, err
	}
	s := &Store{
		pool:       pool,
		migrated:   newOnce(),
		partitions: newPartitions(),
		numbers:    newCache(cacheEntries),
		folder:     newFolder(),
		probeParts: probeParts,
	}
	s.merger = newMerger(s)
	return s, nil
}

// Position implements storage.Store. It forgets every number of a dictionary
// row, given out or not, and what waits to be folded: it is asked when the database
// may not be what it was.
func (s *Store) Position(ctx context.Context, journal alert.ID) (uint64, error) {
	if err := s.migrate(ctx); err != nil {
		return 0, err
	}
	s.numbers.clear()
	s.expect.forget()
	s.supply.forget()
	s.partitions.forget()
	c, release, err := s.pool.acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer release()
	position, ok, err := readPosition(ctx, c, journal)
	if err != nil || ok {
		s.folder.begin(journal, position)
		return position, err
	}
	// Looked up first, so that a known journal costs no number: there are
	// 32 767 of them.
	var a arguments
	if err := exec(ctx, c, `INSERT INTO journals (id, position) VALUES (`+a.uuid(journal)+`, 0) ON CONFLICT DO NOTHING`, a); err != nil {
		return 0, fmt.Errorf("register journal %x: %w", journal, err)
	}
	position, ok, err = readPosition(ctx, c, journal)
	s.folder.begin(journal, position)
	if err == nil && !ok {
		err = fmt.Errorf("register journal %x: it is not there afterwards", journal)
	}
	return position, err
}

func readPosition(ctx context.Context, c *pgconn.PgConn, journal alert.ID) (position uint64, ok bool, err error) {
	var a arguments
	err = query(ctx, c, `SELECT position FROM journals WHERE id = `+a.uuid(journal), a, func(v row) error {
		position, ok = uint64(v.int8(0)), true
		return nil
	})
	if err != nil {
		return 0, false, fmt.Errorf("read the position of journal %x: %w", journal, err)
	}
	return position, ok, nil
}

// Events implements storage.Store.
func (s *Store) Events(ctx context.Context, q *alert.Query, yield func(*alert.Stored) error) error {
	if err := s.migrate(ctx); err != nil {
		return err
	}
	return storage.Search(ctx, reader{s.pool, s.probeParts}, q, yield)
}

// Truncated implements storage.Truncater.
func (s *Store) Truncated(ctx context.Context, q *alert.TruncatedQuery) ([]alert.Truncated, error) {
	return storage.FindTruncated(ctx, reader{s.pool, s.probeParts}, q)
}

// Ping implements storage.Store.
func (s *Store) Ping(ctx context.Context) error {
	c, release, err := s.pool.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	return c.Ping(ctx)
}

// Connections implements storage.Store.
func (s *Store) Connections() storage.Connections { return s.pool.count() }

// Close implements storage.Store. It waits for the calls that are under way,
// which their contexts bound. It may be called twice.
func (s *Store) Close() error {
	s.merger.close()
	s.pool.close()
	return nil
}
