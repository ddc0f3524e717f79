package postgres

import (
	"context"
	"errors"
	"fmt"

	"stormdrain/internal/alert"
)

// JournalNumber implements storage.Store.
func (s *Store) JournalNumber(ctx context.Context, journal alert.ID) (number int32, err error) {
	c, release, err := s.pool.acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer release()
	var a arguments
	err = query(ctx, c, `SELECT number::int8 FROM journals WHERE id = `+a.uuid(journal), a, func(v row) error {
		number = int32(v.int8(0))
		return nil
	})
	if err == nil && number == 0 {
		err = errors.New("it is not registered")
	}
	if err != nil {
		return 0, fmt.Errorf("read the number of journal %x: %w", journal, err)
	}
	return number, nil
}
