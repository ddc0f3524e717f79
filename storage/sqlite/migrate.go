package sqlite

import (
	"context"
	"database/sql/driver"
	_ "embed" // the SQL below
	"fmt"
)

//go:embed schema.sql
var schemaSQL string

//go:embed views.sql
var viewsSQL string

//go:embed recorded.sql
var recordedSQL string

// steps lead from an empty file to the tables of this program: each to a version,
// which PRAGMA user_version says afterwards. One that was released is never changed.
// 1 was another layout, of no release.
var steps = [...]struct {
	version int64
	sql     []string
}{
	{2, []string{schemaSQL, viewsSQL}},
	{4, []string{recordedSQL}},
}

const schemaVersion = 4

// migrate brings the tables up to date, in one transaction: a crash leaves the
// old ones. Processes that start together take turns.
func migrate(c *conn) error {
	ctx := context.Background()
	if v, err := version(ctx, c); err != nil || v == schemaVersion {
		return err
	}
	return c.transaction(ctx, true, func() error {
		v, err := version(ctx, c)
		if err != nil || v == schemaVersion {
			return err
		}
		if v > schemaVersion {
			return fmt.Errorf("its schema has version %d and this program knows up to %d: use a newer stormdrain", v, schemaVersion)
		}
		if v == 1 {
			return fmt.Errorf("its tables are of a version from before the first release, which this program does not read: move the file away")
		}
		for _, step := range steps {
			if step.version <= v {
				continue
			}
			for _, text := range step.sql {
				if err := c.script(ctx, text); err != nil {
					return fmt.Errorf("migrate from version %d to %d: %w", v, step.version, err)
				}
			}
		}
		return c.script(ctx, fmt.Sprintf("PRAGMA user_version = %d", schemaVersion))
	})
}

func version(ctx context.Context, c *conn) (v int64, err error) {
	err = c.query(ctx, `PRAGMA user_version`, func(row []driver.Value) error {
		v = row[0].(int64)
		return nil
	})
	return v, err
}
