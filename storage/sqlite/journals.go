package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"stormdrain/internal/alert"
)

// JournalNumber implements storage.Store.
func (s *Store) JournalNumber(ctx context.Context, journal alert.ID) (number int32, err error) {
	err = s.reading(ctx, func(c *conn) error {
		return c.query(ctx, `SELECT number FROM journals WHERE id = ?`, func(row []driver.Value) error {
			number = int32(row[0].(int64))
			return nil
		}, journal[:])
	})
	if err == nil && number == 0 {
		err = errors.New("it is not registered")
	}
	if err != nil {
		return 0, fmt.Errorf("sqlite: number of journal %x: %w", journal, err)
	}
	return number, nil
}
