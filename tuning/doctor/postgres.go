package doctor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// Postgres looks at a server.
type Postgres interface {
	Examine(ctx context.Context) (PostgresFacts, error)
}

// PostgresFacts is what a server says of itself, over a connection that is set
// up like those of the store.
type PostgresFacts struct {
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

const oldestPostgres = 140000

func checkPostgres(ctx context.Context, p *Plan) []Result {
	f, err := p.Postgres.Examine(ctx)
	if err != nil {
		return []Result{{"postgres", Fail, err.Error(), "a server that answers (alerts would wait in the journal until it does)", whyNot(err)}}
	}
	version := Result{"postgres", OK, fmt.Sprintf("version %d.%d, %s", f.Version/10000, f.Version%10000, p.Store), "", ""}
	if f.Version < oldestPostgres {
		version.Status, version.Wanted, version.Remedy = Fail, "version 14 or newer", "pg_upgrade"
	}
	if f.InRecovery {
		version.Status, version.Found, version.Wanted, version.Remedy = Fail, version.Found+", a standby", "the primary: nothing can be written here",
			"target_session_attrs=read-write in storage.url, with all hosts"
	}
	return []Result{
		version,
		setting("fsync", f.Fsync, "on", Fail, "a commit would not outlive a crash of the machine"),
		setting("full_page_writes", f.FullPageWrites, "on", Warn, "a power cut may tear pages, unless the file system cannot"),
		session("synchronous_commit", f.SyncCommit, "on"),
		session("timezone", f.TimeZone, "UTC"),
		checkEncoding(f.Encoding),
		{"postgres wal_level", OK, f.WALLevel, "", ""},
		checkConnections(f, p.Pool),
		checkRights(f),
	}
}

// whyNot is what to do about an error of connecting: by its SQLSTATE
// (https://www.postgresql.org/docs/current/errcodes-appendix.html), if it has one.
func whyNot(err error) string {
	var refused interface{ SQLState() string }
	if errors.As(err, &refused) {
		switch refused.SQLState() {
		case "3D000": // invalid_catalog_name
			return "createdb --encoding=UTF8 --template=template0 and the database's name in storage.url"
		case "28P01": // invalid_password
			return "correct the password (storage.url_file, PGPASSWORD or PGPASSFILE), or set it: ALTER ROLE … PASSWORD"
		}
	}
	return "check storage.url, pg_hba.conf and the network: psql with the same URL"
}

func setting(name, found, wanted string, otherwise Status, why string) Result {
	r := Result{"postgres " + name, OK, found, "", ""}
	if found != wanted {
		r.Status, r.Wanted, r.Remedy = otherwise, wanted+": "+why, fmt.Sprintf("ALTER SYSTEM SET %s = %s; SELECT pg_reload_conf()", name, wanted)
	}
	return r
}

// session is a setting that the store makes for its own connections.
func session(name, found, wanted string) Result {
	r := Result{"postgres " + name, OK, found + " in our sessions", "", ""}
	if found != wanted {
		r.Status, r.Wanted = Fail, wanted+": a pooler in between does not keep what a session sets"
		r.Remedy = "pool_mode = session in PgBouncer, or a URL that leads past it"
	}
	return r
}

func checkEncoding(found string) Result {
	r := Result{"postgres encoding", OK, found, "", ""}
	if found != "UTF8" {
		r.Status, r.Wanted, r.Remedy = Fail, "UTF8: others cannot hold every label", "CREATE DATABASE stormdrain ENCODING 'UTF8' TEMPLATE template0"
	}
	return r
}

func checkConnections(f PostgresFacts, pool int) Result {
	left := f.MaxConnections - f.UsedByOthers
	r := Result{"postgres connections", OK, fmt.Sprintf("%d of %d free", left, f.MaxConnections), "", ""}
	if left < pool {
		r.Status, r.Wanted = Warn, strconv.Itoa(pool)+", database.max_connections"
		r.Remedy = fmt.Sprintf("--database.max-connections=%d, or ALTER SYSTEM SET max_connections = %d and a restart of PostgreSQL", max(left, 1), f.MaxConnections+pool)
	}
	if left < 1 {
		r.Status = Fail
	}
	return r
}

func checkRights(f PostgresFacts) Result {
	r := Result{"postgres rights", OK, fmt.Sprintf("%s may make tables and partitions in schema %s", f.User, f.Schema), "", ""}
	if f.RightsError != "" {
		schema := f.Schema
		if schema == "" {
			schema = "public"
		}
		r.Status, r.Found, r.Wanted = Fail, f.RightsError, "tables and partitions can be made"
		r.Remedy = fmt.Sprintf("GRANT USAGE, CREATE ON SCHEMA %s TO %s", schema, f.User)
	}
	return r
}
