package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// stored counts the rows of the store itself, as the server's own metrics are
// part of what is tested.
func (i *instance) stored(ctx context.Context) (n int64, err error) {
	driver, source, query := "sqlite", "file:"+filepath.Join(i.dir, "data", "stormdrain.db")+"?mode=ro", "SELECT count(*) FROM events"
	if i.db != nil {
		driver, source, query = "pgx", i.db.url, "SELECT coalesce(sum(cardinality(label_sets)), 0)::bigint FROM deliveries"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	if err := db.QueryRowContext(ctx, query).Scan(&n); err != nil {
		return 0, fmt.Errorf("count what %s has stored: %w", i.name, err)
	}
	return n, nil
}
