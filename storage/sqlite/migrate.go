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

//go:embed episodes.sql
var episodesSQL string

//go:embed retention.sql
var retentionSQL string

//go:embed recorded.sql
var recordedSQL string

//go:embed episodeindex.sql
var episodeIndexSQL string

//go:embed sweeper.sql
var sweeperSQL string

//go:embed episodeview.sql
var episodeViewSQL string

// migrations lead from one version to the next; those up to 2 are one. 1 was
// another layout, of no release.
var migrations = []struct {
	version int64 // what PRAGMA user_version says afterwards
	text    string
}{
	{2, schemaSQL + viewsSQL},
	{3, episodesSQL},
	{4, recordedSQL},
	{5, retentionSQL},
	{6, episodeIndexSQL},
	{7, sweeperSQL},
	{8, episodeViewSQL},
}

// schemaVersion is the last one.
var schemaVersion = migrations[len(migrations)-1].version

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
		for _, m := range migrations {
			if m.version <= v {
				continue
			}
			if err := c.script(ctx, m.text); err != nil {
				return fmt.Errorf("migrate from version %d to %d: %w", v, m.version, err)
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
