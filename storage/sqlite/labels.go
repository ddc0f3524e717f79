package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// Labels implements storage.EpisodeReader.
func (s *Store) Labels(ctx context.Context, q *alert.LabelQuery) ([]string, error) {
	answer := storage.NewLabelAnswer(q)
	err := backend{s}.query(ctx, `SELECT id, labels FROM label_sets ORDER BY id DESC LIMIT ?`, func(row []driver.Value) error {
		pairs, err := storage.ParsePairs(row[1].(string))
		if err != nil {
			return fmt.Errorf("label set %d: %w", row[0], err)
		}
		answer.Add(pairs)
		return nil
	}, int64(storage.MaxLabelSets))
	if err != nil {
		return nil, err
	}
	return answer.Words(), nil
}
