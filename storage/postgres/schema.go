package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Each file brings the schema from the version before to the number it begins
// with. A file that was released is never changed.
//
//go:embed migrations/*.sql
var migrations embed.FS

// Keys of advisory locks, which are shared by everybody in a database: "stmd"
// in front makes a clash with someone else's unlikely.
const (
	lockSchema     = 0x73746d64_00000001
	lockPartitions = 0x73746d64_00000002
	lockFold       = 0x73746d64_00000003
)

// once runs something until it has succeeded once. A caller waits for another
// no longer than its context allows.
type once struct {
	turn chan struct{} // holds a token while nobody tries
	done chan struct{}
}

func newOnce() *once {
	o := &once{turn: make(chan struct{}, 1), done: make(chan struct{})}
	o.turn <- struct{}{}
	return o
}

func (o *once) do(ctx context.Context, f func() error) error {
	select {
	case <-o.done:
		return nil
	default:
	}
	select {
	case <-o.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-o.turn:
	}
	if err := f(); err != nil {
		o.turn <- struct{}{}
		return err
	}
	close(o.done)
	return nil
}

// migrate brings the schema up to date, once in the life of the store.
func (s *Store) migrate(ctx context.Context) error {
	return s.migrated.do(ctx, func() error {
		c, release, err := s.pool.acquire(ctx)
		if err != nil {
			return err
		}
		defer release()
		if err := migrate(ctx, c); err != nil {
			rollback(ctx, c)
			return fmt.Errorf("migrate the schema: %w", err)
		}
		return nil
	})
}

// migrate runs what is due in one transaction. Processes that start together
// take turns.
func migrate(ctx context.Context, c *pgconn.PgConn) error {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	slices.Sort(files)
	begin := fmt.Sprintf(`BEGIN; SELECT pg_advisory_xact_lock(%d);
		SET LOCAL client_min_messages = warning;
		CREATE TABLE IF NOT EXISTS stormdrain_schema (version int NOT NULL)`, lockSchema)
	if err := c.Exec(ctx, begin).Close(); err != nil {
		return err
	}
	version := 0
	err = query(ctx, c, `SELECT coalesce(max(version), 0) FROM stormdrain_schema`, arguments{}, func(v row) error {
		version = int(v.int4(0))
		return nil
	})
	if err != nil {
		return err
	}
	if version > len(files) {
		return fmt.Errorf("the database has schema version %d and this program knows versions up to %d: run the newer program", version, len(files))
	}
	for i, file := range files[version:] {
		if err := runMigration(ctx, c, file, version+i+1); err != nil {
			return err
		}
	}
	return c.Exec(ctx, `COMMIT`).Close()
}

func runMigration(ctx context.Context, c *pgconn.PgConn, file string, version int) error {
	number, _, _ := strings.Cut(strings.TrimPrefix(file, "migrations/"), "_")
	if n, err := strconv.Atoi(number); err != nil || n != version {
		return fmt.Errorf("BUG: %s is not the migration to version %d", file, version)
	}
	sql, err := migrations.ReadFile(file)
	if err != nil {
		return err
	}
	record := fmt.Sprintf(";\nINSERT INTO stormdrain_schema VALUES (%d)", version)
	if err := c.Exec(ctx, string(sql)+record).Close(); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// goodbye is how long ending a transaction may take that went wrong.
const goodbye = 5 * time.Second

// rollback ends a transaction that went wrong, also when ctx is what ended it.
// If that fails, the pool finds the connection unfit.
func rollback(ctx context.Context, c *pgconn.PgConn) {
	if c.IsClosed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	_ = c.Exec(ctx, `ROLLBACK`).Close()
}
