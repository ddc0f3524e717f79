package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"

	driversqlite "modernc.org/sqlite"
)

// conn is one connection with its prepared statements, used by one goroutine at
// a time. It talks to the driver without database/sql, which converts and
// checks each of the eight values of each event once more.
type conn struct {
	dc    driver.Conn
	stmts map[string]statement // by their SQL, which is one of some fixed texts
	args  []driver.NamedValue  // lent to the driver for one call
	row   []driver.Value       // lent to who reads a row

	broken bool // a transaction may be open that could not be rolled back
}

type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

func connect(ctx context.Context, dsn string) (*conn, error) {
	connector, err := driversqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	dc, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{dc: dc, stmts: make(map[string]statement)}, nil
}

func (c *conn) close() error {
	var errs []error
	for _, st := range c.stmts {
		errs = append(errs, st.Close())
	}
	return errors.Join(append(errs, c.dc.Close())...)
}

// prepare returns the statement for a text, which must be a constant or one of
// a few: it is kept.
func (c *conn) prepare(query string) (statement, error) {
	if st, ok := c.stmts[query]; ok {
		return st, nil
	}
	st, err := c.dc.(driver.ConnPrepareContext).PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	c.stmts[query] = st.(statement)
	return c.stmts[query], nil
}

// script runs several statements that take no arguments, once.
func (c *conn) script(ctx context.Context, text string) error {
	_, err := c.dc.(driver.ExecerContext).ExecContext(ctx, text, nil)
	return err
}

// exec runs a statement. A context that can end costs a goroutine for each
// call, so rows are inserted with context.Background.
func (c *conn) exec(ctx context.Context, query string, args ...driver.Value) (driver.Result, error) {
	st, err := c.prepare(query)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(ctx, c.bind(args))
}

// query calls each with every row, which is lent to it; strings and blobs in
// the row are its own. It returns the error of each as it is.
func (c *conn) query(ctx context.Context, query string, each func(row []driver.Value) error, args ...driver.Value) (err error) {
	st, err := c.prepare(query)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(ctx, c.bind(args))
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := rows.Close(); err == nil {
			err = closeErr
		}
	}()
	row := c.row
	if n := len(rows.Columns()); cap(row) < n {
		row = make([]driver.Value, n)
		c.row = row
	} else {
		row = row[:n]
	}
	for {
		if err := rows.Next(row); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := each(row); err != nil {
			return err
		}
	}
}

func (c *conn) bind(args []driver.Value) []driver.NamedValue {
	c.args = c.args[:0]
	for i, v := range args {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return c.args
}

// transaction runs f and commits when keep is set and f returned nil, else it
// rolls back. It takes the write lock first, so nothing f read can have changed.
//
// Neither commit nor rollback is interrupted when ctx ends: both are as short
// as the disk allows, and what they did would not be known.
func (c *conn) transaction(ctx context.Context, keep bool, f func() error) error {
	if _, err := c.exec(ctx, `BEGIN IMMEDIATE`); err != nil {
		c.broken = true // ctx may have ended after the transaction began
		return err
	}
	err := f()
	if err == nil && keep {
		if _, err = c.exec(context.Background(), `COMMIT`); err == nil {
			return nil
		}
	}
	// SQLite has rolled back by itself after some errors, a full disk among
	// them, and then refuses; a fresh connection is the safe way on.
	if _, undo := c.exec(context.Background(), `ROLLBACK`); undo != nil {
		c.broken = true
		if err == nil {
			err = undo
		}
	}
	return err
}

// snapshot runs f, in which all queries see the database at the same moment.
func (c *conn) snapshot(ctx context.Context, f func() error) error {
	if _, err := c.exec(context.Background(), `BEGIN`); err != nil {
		c.broken = true
		return err
	}
	err := f()
	if _, undo := c.exec(context.Background(), `ROLLBACK`); undo != nil {
		c.broken = true
		err = errors.Join(err, undo)
	}
	return err
}
