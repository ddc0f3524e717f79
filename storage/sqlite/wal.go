package sqlite

import (
	"context"
	"database/sql/driver"
	"os"
)

// walAlarm is the size of the log file at which we stop trusting the automatic
// checkpoint.
const walAlarm = 4 * logLimit

// walGuard keeps the log bounded. SQLite begins the log anew only at a moment
// when nobody reads from it, and with enough readers, each of them short, that
// moment may never come by itself. The guard makes one: a RESTART checkpoint
// waits for those who read now, while those who come later need no log.
type walGuard struct {
	path string
	next int64 // bytes at which to act
}

// check is called after each commit, by who holds the writing connection.
// What fails here is tried again when the log has grown: the commit stands.
func (g *walGuard) check(ctx context.Context, c *conn) {
	info, err := os.Stat(g.path)
	if err != nil || info.Size() < g.next {
		return
	}
	busy := true
	err = c.query(ctx, `PRAGMA wal_checkpoint(RESTART)`, func(row []driver.Value) error {
		busy = row[0].(int64) != 0
		return nil
	})
	if err != nil || busy {
		// Somebody has held a transaction open for longer than busyTimeout,
		// perhaps a person at a prompt. Waiting at every commit would help no one.
		g.next = 2 * info.Size()
		return
	}
	g.next = walAlarm
}
