// Package sqlite stores alerts in one SQLite file: the store that needs no
// other service. It has the tables and views of the Postgres store.
package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// Config says where the store is.
type Config struct {
	// Path of the database file. The file and the folder that it is in are
	// made when they are absent. SQLite keeps two more files beside it, with
	// -wal and -shm after the name: a copy without the first is incomplete.
	Path string
}

// maxReaders bounds how many queries read at once; the next one waits.
const maxReaders = 4

// Store is a storage.Store in a file. One connection writes, a few read and
// cannot write. It is safe for concurrent use.
//
// A second process may open the same file: each transaction waits for the
// other's, up to busyTimeout.
type Store struct {
	path    string
	writers *pool // one connection
	readers *pool

	indexEvery int64 // weight at which a tail is indexed; tests make it small
	retention  retention

	pendingPart atomic.Value  // float64: how much of its limit folder.pending holds
	folded      atomic.Uint64 // events

	begunResolved atomic.Uint64 // episodes

	// ---- owned by who holds the writing connection ----
	writer writer
	folder folder
	wal    walGuard
}

var _ storage.Store = (*Store)(nil)

// New opens the database, makes it when it is absent, and brings its tables up
// to date. It refuses a database with newer tables than it knows.
func New(cfg Config) (*Store, error) {
	if cfg.Path == "" {
		return nil, errors.New("sqlite: no path of a database file")
	}
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if err := makeFile(path); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	s := &Store{
		path:    path,
		writers: newPool(writerDSN(path), 1),
		readers: newPool(readerDSN(path), maxReaders),

		indexEvery: defaultIndexEvery,

		writer: writer{known: newNumbers(maxNumbers)},
		folder: newFolder(),
		wal:    walGuard{path: path + "-wal", next: walAlarm},
	}
	err = s.writing(context.Background(), func(c *conn) error { return migrate(c) })
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("sqlite: open %s: %w%s", path, err, damageRemedy(err))
	}
	return s, nil
}

// makeFile makes the file before SQLite does, which would let everybody read what
// senders wrote. The files beside it get the same rights.
func makeFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	return f.Close()
}

// makeFolder makes dir and the folders above it that are absent, so that a
// crash does not unmake them: the database is as durable as its name.
func makeFolder(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	above := filepath.Dir(dir)
	if err := makeFolder(above); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := os.Open(above)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Connections implements storage.Store.
func (s *Store) Connections() storage.Connections {
	w, r := s.writers.count(), s.readers.count()
	return storage.Connections{Busy: w.Busy + r.Busy, Idle: w.Idle + r.Idle, Most: w.Most + r.Most}
}

// Close waits for the connections that are in use and closes all of them. It
// may be called twice.
func (s *Store) Close() error {
	return errors.Join(s.giveUp(), s.readers.close(), s.writers.close())
}

// Ping reads from the file.
func (s *Store) Ping(ctx context.Context) error {
	return s.reading(ctx, func(c *conn) error {
		return c.query(ctx, `SELECT number FROM journals LIMIT 1`, func([]driver.Value) error { return nil })
	})
}

// Position implements storage.Store. The tables were brought up to date by New.
func (s *Store) Position(ctx context.Context, journal alert.ID) (uint64, error) {
	var position uint64
	err := s.writing(ctx, func(c *conn) error {
		return c.transaction(ctx, true, func() (err error) {
			position, err = registered(ctx, c, journal)
			return err
		})
	})
	if err != nil {
		return 0, fmt.Errorf("sqlite: position of journal %x: %w", journal, err)
	}
	return position, nil
}

// maxJournals is what alert.DeliveryNumber leaves room for.
const maxJournals = 1<<15 - 1

// registered returns the position of the journal, which it registers when it
// is new. Then the journals before it may never be written again, so what
// their last batches left to be indexed is indexed now.
func registered(ctx context.Context, c *conn, journal alert.ID) (position uint64, err error) {
	known := false
	err = c.query(ctx, `SELECT position FROM journals WHERE id = ?`, func(row []driver.Value) error {
		position, known = uint64(row[0].(int64)), true
		return nil
	}, journal[:])
	if err != nil || known {
		return position, err
	}
	if err := indexAll(ctx, c); err != nil {
		return 0, err
	}
	res, err := c.exec(ctx, `INSERT INTO journals (id, position, last_at, indexed, unindexed) VALUES (?, 0, ?, 0, 0)`,
		journal[:], int64(storage.FirstTime))
	if err != nil {
		return 0, err
	}
	number, err := res.LastInsertId()
	if err == nil && number > maxJournals {
		err = fmt.Errorf("no room for more than %d journals in one database", maxJournals)
	}
	return 0, err
}

// reading runs f with a connection that can only read.
func (s *Store) reading(ctx context.Context, f func(*conn) error) error {
	return s.readers.use(ctx, f)
}

// writing runs f with the one connection that can write.
func (s *Store) writing(ctx context.Context, f func(*conn) error) error {
	return s.writers.use(ctx, f)
}
