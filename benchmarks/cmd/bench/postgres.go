package main

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"stormdrain/internal/pgtest"
)

// postgres is the private server that all databases of a benchmark are on.
type postgres struct {
	server *pgtest.Private
	admin  *sql.DB
	made   int
}

// database is what one instance stores into.
type database struct{ name, url string }

// adminLimit is for a checkpoint and for dropping a database.
const adminLimit = 2 * time.Minute

func openPostgres(settings []string) (*postgres, error) {
	server, err := pgtest.Open(settings...)
	if err != nil {
		return nil, err
	}
	admin, err := sql.Open("pgx", server.URL("postgres"))
	if err != nil {
		server.Close()
		return nil, err
	}
	return &postgres{server: server, admin: admin}, nil
}

func (p *postgres) close() {
	p.admin.Close()
	p.server.Close()
}

func (p *postgres) create() (*database, error) {
	p.made++
	name := fmt.Sprintf("bench%d", p.made)
	url, err := p.server.CreateDatabase(name)
	return &database{name, url}, err
}

func (p *postgres) drop(d *database) error {
	return p.exec("DROP DATABASE IF EXISTS " + d.name + " WITH (FORCE)")
}

// checkpoint makes the next run begin with the log of the one before written
// back, so that it does not pay for it.
func (p *postgres) checkpoint() error { return p.exec("CHECKPOINT") }

// exec does not take the caller's context: it also cleans up after an interrupt.
func (p *postgres) exec(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), adminLimit)
	defer cancel()
	if _, err := p.admin.ExecContext(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// settings returns those that bear on how fast it writes, and its version.
func (p *postgres) settings(ctx context.Context) (version string, values map[string]string, err error) {
	values = map[string]string{}
	for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes", "wal_level", "shared_buffers", "max_wal_size", "wal_buffers"} {
		var v string
		if err := p.admin.QueryRowContext(ctx, "SHOW "+name).Scan(&v); err != nil {
			return "", nil, fmt.Errorf("SHOW %s: %w", name, err)
		}
		values[name] = v
	}
	if err := p.admin.QueryRowContext(ctx, "SHOW server_version").Scan(&version); err != nil {
		return "", nil, fmt.Errorf("SHOW server_version: %w", err)
	}
	return version, values, nil
}
