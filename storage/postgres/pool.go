package postgres

import (
	"context"
	"fmt"
	"math"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"stormdrain/storage"
)

// patience is how long a server may say nothing while a connection is made or
// found to be alive. The library has no such limit, or one of minutes, and goes
// on when the caller's context has ended: the place in the pool would stay taken.
const patience = 10 * time.Second

// pool is the library's pool of connections, set up as we need it.
type pool struct {
	connections *pgxpool.Pool
	stopDialing context.CancelFunc
	closed      atomic.Bool // all are gone
}

// poolConfig puts the limits of cfg in place of those that the URL may have.
func poolConfig(cfg Config) (*pgxpool.Config, error) {
	p, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, err // says what is wrong with the password left out
	}
	p.MaxConns, p.MinConns = int32(cfg.MaxConns), int32(cfg.MinConns)
	p.MaxConnLifetime, p.MaxConnIdleTime = cfg.MaxConnLifetime, cfg.MaxConnIdleTime
	if p.MaxConnIdleTime == 0 {
		p.MaxConnIdleTime = math.MaxInt64 // the library takes 0 for at once
	}
	p.HealthCheckPeriod = time.Minute // a URL that says 0 would make it panic
	p.PingTimeout = patience

	c := &p.ConnConfig.Config
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = patience
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "stormdrain"
	}
	c.AfterConnect = prepareSession
	return p, nil
}

// CheckURL returns what New would have to say of a URL, and of the certificates that it
// names. The driver leaves the password out.
func CheckURL(url string) error {
	_, err := poolConfig(Config{URL: url})
	return err
}

// prepareSession sets what the store relies on, whatever the role's defaults
// are. They are statements, not startup parameters, for PgBouncer refuses those.
//
// The last four are for reading. Each of our statements has an index to go by,
// and one that orders has an index in that order unless it says OFFSET 0; but the
// newest partition has no statistics yet, and a planner that knows nothing of it
// reads all of it for each page, or sorts it, on several processors.
func prepareSession(ctx context.Context, c *pgconn.PgConn) error {
	const settings = `SET timezone = 'UTC'; SET synchronous_commit = on; SET client_encoding = 'UTF8';
		SET default_transaction_isolation = 'read committed'; SET enable_seqscan = off; SET enable_sort = off; SET max_parallel_workers_per_gather = 0; SET jit = off`
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.Exec(ctx, settings).Close()
}

// newPool returns at once: the connections that are kept open are made in the
// background, and tried again once a minute while there is no server. That says
// nothing to anybody; who acquires one learns what is wrong.
func newPool(config *pgxpool.Config) (*pool, error) {
	closing, stopDialing := context.WithCancel(context.Background())
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(closing, cancel)()
		return dial(ctx, network, addr)
	}
	connections, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		stopDialing()
		return nil, err
	}
	return &pool{connections: connections, stopDialing: stopDialing}, nil
}

// acquire returns a connection, which is the caller's until release. One that
// is broken by then, or in a transaction, is closed and not used again. We talk
// to it by pgconn: values are encoded by us, and no statement is prepared.
func (p *pool) acquire(ctx context.Context) (c *pgconn.PgConn, release func(), err error) {
	pooled, err := p.connections.Acquire(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("acquire a connection: %w", err)
	}
	return pooled.Conn().PgConn(), pooled.Release, nil
}

// count is of this moment. One that is being made is neither busy nor idle. The
// library goes on counting as idle one that was being made when it closed.
func (p *pool) count() storage.Connections {
	now := p.connections.Stat()
	if p.closed.Load() {
		return storage.Connections{Most: int(now.MaxConns())}
	}
	return storage.Connections{Busy: int(now.AcquiredConns()), Idle: int(now.IdleConns()), Most: int(now.MaxConns())}
}

// close refuses new callers, waits for those that hold a connection, and closes
// all. The library would wait, too, for connections that it is making for
// nobody: to a host that does not answer, that takes as long as our patience.
func (p *pool) close() {
	p.stopDialing()
	p.connections.Close()
	p.closed.Store(true)
}
