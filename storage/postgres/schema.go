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

// Each file is a step of the schema, in the order of the numbers that they begin
// with; those that a database has had are in its stormdrain_schema. A file that was
// released is never changed.
//
//go:embed migrations/*.sql
var migrations embed.FS

// Keys of advisory locks, which are shared by everybody in a database: "stmd"
// in front makes a clash with someone else's unlikely.
const (
	lockSchema     = 0x73746d64_00000001
	lockPartitions = 0x73746d64_00000002
	lockFold       = 0x73746d64_00000003
	lockDictionary = 0x73746d64_00000004 // see epoch.go
	lockRuns       = 0x73746d64_00000005 // see merging.go
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
		if err := migrate(ctx, c, s.merger.sizes); err != nil {
			rollback(ctx, c)
			return fmt.Errorf("migrate the schema: %w", err)
		}
		return nil
	})
}

// migrate brings the tables up to date, and then what an older schema did not have.
func migrate(ctx context.Context, c *pgconn.PgConn, z runSizes) error {
	if err := migrateSchema(ctx, c); err != nil {
		return err
	}
	return indexOldSets(ctx, c, z)
}

// migrateSchema runs what is due in one transaction. Processes that start together
// take turns.
func migrateSchema(ctx context.Context, c *pgconn.PgConn) error {
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
	applied, newest := map[int]bool{}, 0
	err = query(ctx, c, `SELECT version FROM stormdrain_schema`, arguments{}, func(v row) error {
		n := int(v.int4(0))
		applied[n], newest = true, max(newest, n)
		return nil
	})
	if err != nil {
		return err
	}
	if known := versionOf(files[len(files)-1]); newest > known {
		return fmt.Errorf("the database has schema version %d and this program knows versions up to %d: run the newer program", newest, known)
	}
	for _, file := range files {
		if version := versionOf(file); !applied[version] {
			if err := runMigration(ctx, c, file, version); err != nil {
				return err
			}
		}
	}
	return c.Exec(ctx, `COMMIT`).Close()
}

func versionOf(file string) int {
	number, _, _ := strings.Cut(strings.TrimPrefix(file, "migrations/"), "_")
	n, err := strconv.Atoi(number)
	if err != nil {
		panic("BUG: a migration without a number: " + file)
	}
	return n
}

func runMigration(ctx context.Context, c *pgconn.PgConn, file string, version int) error {
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
