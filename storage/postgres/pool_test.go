package postgres

import (
	"context"
	"errors"
	"math"
	"net"
	"reflect"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"stormdrain/storage"
)

func TestLimitsArePassedOn(t *testing.T) {
	t.Parallel()
	type limits struct {
		maxConns, minConns                          int32
		lifetime, idleTime, connecting, ping, check time.Duration
		application                                 string
	}
	f := func(cfg Config, want limits) {
		t.Helper()
		p, err := poolConfig(cfg)
		if err != nil {
			t.Fatal(err)
		}
		got := limits{p.MaxConns, p.MinConns, p.MaxConnLifetime, p.MaxConnIdleTime,
			p.ConnConfig.ConnectTimeout, p.PingTimeout, p.HealthCheckPeriod, p.ConnConfig.RuntimeParams["application_name"]}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", cfg.URL, got, want)
		}
	}
	f(Config{URL: "postgres://h/d", MaxConns: 7, MinConns: 3, MaxConnLifetime: time.Hour, MaxConnIdleTime: time.Second},
		limits{7, 3, time.Hour, time.Second, patience, patience, time.Minute, "stormdrain"})
	f(Config{URL: "host=h", MaxConns: 1}, limits{1, 0, 0, math.MaxInt64, patience, patience, time.Minute, "stormdrain"})
	f(Config{URL: "postgres://h/d?connect_timeout=2&application_name=x&pool_max_conns=9&pool_min_conns=9" +
		"&pool_max_conn_lifetime=9s&pool_max_conn_idle_time=9s&pool_health_check_period=0s", MaxConns: 1, MaxConnIdleTime: 1},
		limits{1, 0, 0, 1, 2 * time.Second, patience, time.Minute, "x"})
}

func TestUnfitConnectionsAreReplaced(t *testing.T) {
	t.Parallel()
	cfg := newDatabases(t).config(t)
	cfg.MaxConns, cfg.MinConns = 1, 0
	s := mustOpen(t, cfg)
	f := func(name string, spoil func(c *pgconn.PgConn) error) {
		t.Helper()
		c, release, err := s.pool.acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := spoil(c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		release()
		again, release, err := s.pool.acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		if again.PID() == c.PID() {
			t.Errorf("%s: used again", name)
		}
		if err := again.Ping(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	f("in a transaction", func(c *pgconn.PgConn) error { return c.Exec(t.Context(), `BEGIN`).Close() })
	f("broken", func(c *pgconn.PgConn) error {
		c.Conn().Close()
		if c.Ping(t.Context()) == nil {
			return errors.New("it still answers")
		}
		return nil
	})
	f("half read", func(c *pgconn.PgConn) error { c.Exec(t.Context(), `SELECT 1`).NextResult(); return nil })
}

// TestBlackHole dials a host that says neither yes nor no. A caller leaves when
// its context ends, and Close does not wait for what nobody asked for.
func TestBlackHole(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.URL = "postgres://user:secret@192.0.2.1/d?sslmode=disable"
	conf := mustPoolConfig(t, cfg)
	conf.ConnConfig.ConnectTimeout = time.Hour
	dialing := make(chan struct{}, 10)
	conf.ConnConfig.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		dialing <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	s, err := open(conf, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range cfg.MinConns {
		<-dialing
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-dialing
		cancel()
	}()
	if err := s.Ping(ctx); !errors.Is(err, context.Canceled) || storage.Permanent(err) {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func mustPoolConfig(t *testing.T, cfg Config) *pgxpool.Config {
	t.Helper()
	p, err := poolConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustOpen(t *testing.T, cfg Config) *Store {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
