package measure

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"stormdrain/internal/pgtest"
)

// Postgres is a private server that all databases of a benchmark are on.
type Postgres struct {
	server *pgtest.Private
	admin  *sql.DB
	made   int
}

// database is what one instance stores into.
type database struct{ name, url string }

// adminLimit is for a checkpoint and for dropping a database.
const adminLimit = 2 * time.Minute

// OpenPostgres starts one. Each setting is name=value, as in postgresql.conf.
func OpenPostgres(settings ...string) (*Postgres, error) {
	server, err := pgtest.Open(settings...)
	if err != nil {
		return nil, err
	}
	admin, err := sql.Open("pgx", server.URL("postgres"))
	if err != nil {
		server.Close()
		return nil, err
	}
	return &Postgres{server: server, admin: admin}, nil
}

// Close stops the server and removes all that it kept.
func (p *Postgres) Close() {
	p.admin.Close()
	p.server.Close()
}

func (p *Postgres) create() (*database, error) {
	p.made++
	name := fmt.Sprintf("bench%d", p.made)
	url, err := p.server.CreateDatabase(name)
	return &database{name, url}, err
}

func (p *Postgres) drop(d *database) error {
	return p.exec("DROP DATABASE IF EXISTS " + d.name + " WITH (FORCE)")
}

// checkpoint makes the next run begin with the log of the one before written
// back, so that it does not pay for it.
func (p *Postgres) checkpoint() error { return p.exec("CHECKPOINT") }

// logged returns how many bytes its write-ahead log has had since the beginning.
func (p *Postgres) logged(ctx context.Context) (n int64, err error) {
	err = p.admin.QueryRowContext(ctx, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint").Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("position of the write-ahead log: %w", err)
	}
	return n, nil
}

// exec does not take the caller's context: it also cleans up after an interrupt.
func (p *Postgres) exec(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), adminLimit)
	defer cancel()
	if _, err := p.admin.ExecContext(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// Settings returns those that bear on how fast it writes, and its version.
func (p *Postgres) Settings(ctx context.Context) (version string, values map[string]string, err error) {
	values = map[string]string{}
	for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes", "wal_level", "wal_compression", "shared_buffers", "max_wal_size", "wal_buffers"} {
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

// Takes returns the values that a setting with fixed ones may have; nil for one
// without. They depend on how the server was built.
func (p *Postgres) Takes(ctx context.Context, setting string) ([]string, error) {
	var joined string
	statement := "SELECT coalesce(array_to_string(enumvals, ','), '') FROM pg_settings WHERE name = $1"
	if err := p.admin.QueryRowContext(ctx, statement, setting).Scan(&joined); err != nil {
		return nil, fmt.Errorf("values of %s: %w", setting, err)
	}
	if joined == "" {
		return nil, nil
	}
	return strings.Split(joined, ","), nil
}
