// Package database looks into the stores that a measurement writes to: it counts
// and weighs what is there without the program's help, as the program's own
// figures are part of what is tested.
package database

import (
	"context"
	"database/sql"
	"fmt"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"
)

// Database is one store.
type Database struct {
	db     *sql.DB
	sqlite bool
}

// Postgres opens a database by its URL.
func Postgres(url string) (*Database, error) {
	db, err := sql.Open("pgx", url)
	return &Database{db: db}, err
}

// SQLite opens a file, to read.
func SQLite(file string) (*Database, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?mode=ro&_pragma=busy_timeout(60000)")
	return &Database{db: db, sqlite: true}, err
}

// Close closes the connections.
func (d *Database) Close() error { return d.db.Close() }

// Events counts the rows of the view that everybody reads.
func (d *Database) Events(ctx context.Context) (n int64, err error) {
	if err := d.db.QueryRowContext(ctx, "SELECT count(*) FROM alert_events").Scan(&n); err != nil {
		return 0, fmt.Errorf("count alert_events: %w", err)
	}
	return n, nil
}

// Size returns the bytes of all tables with their indexes, of SQLite those of
// all pages, whether they are in the file yet or in the log.
func (d *Database) Size(ctx context.Context) (n int64, err error) {
	statement := `SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_toast%'`
	if d.sqlite {
		statement = `SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()`
	}
	if err := d.db.QueryRowContext(ctx, statement).Scan(&n); err != nil {
		return 0, fmt.Errorf("size of all tables: %w", err)
	}
	return n, nil
}

// Checkpoint writes to the tables what is in the log only, so that what comes
// next does not pay for it. SQLite does so by itself.
func (d *Database) Checkpoint(ctx context.Context) error {
	if d.sqlite {
		return nil
	}
	if _, err := d.db.ExecContext(ctx, "CHECKPOINT"); err != nil {
		return fmt.Errorf("CHECKPOINT: %w", err)
	}
	return nil
}

// Describe returns the version of PostgreSQL and those of its settings that bear
// on how fast it writes.
func (d *Database) Describe(ctx context.Context) (version string, settings map[string]string, err error) {
	settings = map[string]string{}
	for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes", "wal_level", "shared_buffers", "max_wal_size", "autovacuum"} {
		var v string
		if err := d.db.QueryRowContext(ctx, "SHOW "+name).Scan(&v); err != nil {
			return "", nil, fmt.Errorf("SHOW %s: %w", name, err)
		}
		settings[name] = v
	}
	if err := d.db.QueryRowContext(ctx, "SHOW server_version").Scan(&version); err != nil {
		return "", nil, fmt.Errorf("SHOW server_version: %w", err)
	}
	return version, settings, nil
}
