package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// Facts is what a server says of itself to a connection of the store.
type Facts struct {
	Version        int // 150004
	Fsync          string
	FullPageWrites string
	WALLevel       string
	Encoding       string
	SyncCommit     string // in our sessions
	TimeZone       string // in our sessions
	InRecovery     bool   // a standby: nothing can be written
	MaxConnections int    // for those who are no superuser
	UsedByOthers   int
	User, Schema   string
	RightsError    string // why tables and partitions cannot be made; empty: they can
}

// Examine makes one connection as the store would, and leaves nothing behind: the
// tables with which it tries its rights are rolled back.
func Examine(ctx context.Context, cfg Config) (f Facts, err error) {
	conf, err := poolConfig(cfg)
	if err != nil {
		return f, err
	}
	c, err := pgconn.ConnectConfig(ctx, &conf.ConnConfig.Config)
	if err != nil {
		return f, err
	}
	defer c.Close(context.WithoutCancel(ctx))
	// Of the sessions of others a role without rights sees how many there are, and
	// nothing else.
	const ask = `SELECT current_setting('server_version_num')::int4, current_setting('fsync'), current_setting('full_page_writes'),
		current_setting('wal_level'), current_setting('server_encoding'), current_setting('synchronous_commit'), current_setting('timezone'),
		pg_is_in_recovery(), current_setting('max_connections')::int4 - current_setting('superuser_reserved_connections')::int4,
		(SELECT sum(numbackends)::int4 FROM pg_stat_database) -
			(SELECT count(*)::int4 FROM pg_stat_activity WHERE usename = current_user AND application_name = current_setting('application_name')),
		current_user::text, coalesce(current_schema()::text, '')`
	results, err := c.Exec(ctx, ask).ReadAll() // in text: every value is one that people read
	if err != nil {
		return f, err
	}
	text := func(i int) string { return string(results[0].Rows[0][i]) }
	_, err = fmt.Sscan(text(0)+" "+text(8)+" "+text(9), &f.Version, &f.MaxConnections, &f.UsedByOthers)
	if err != nil {
		return f, fmt.Errorf("read the settings of the server: %w", err)
	}
	f.Fsync, f.FullPageWrites, f.WALLevel, f.Encoding, f.SyncCommit, f.TimeZone = text(1), text(2), text(3), text(4), text(5), text(6)
	f.InRecovery, f.User, f.Schema = text(7) == "t", text(10), text(11)
	if f.InRecovery {
		return f, nil
	}
	const try = `BEGIN; CREATE TABLE stormdrain_doctor (at timestamptz) PARTITION BY RANGE (at);
		CREATE TABLE stormdrain_doctor_1 PARTITION OF stormdrain_doctor DEFAULT; ROLLBACK`
	if err := c.Exec(ctx, try).Close(); err != nil {
		f.RightsError = err.Error()
		rollback(ctx, c)
	}
	return f, nil
}
