package database

import (
	"database/sql"
	"path/filepath"
	"testing"

	"stormdrain/internal/pgtest"
)

const tables = `CREATE TABLE things (n int PRIMARY KEY, t text); INSERT INTO things VALUES (1, 'a'), (2, 'b'); CREATE VIEW alert_events AS SELECT n FROM things`

func TestPostgres(t *testing.T) {
	t.Parallel()
	url := pgtest.Start(t, pgtest.NoFsync).CreateDatabase("weighed")
	d, err := Postgres(url)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if n, err := d.Size(t.Context()); err != nil || n != 0 {
		t.Errorf("size of nothing: %d, %v", n, err)
	}
	if _, err := d.db.Exec(tables); err != nil {
		t.Fatal(err)
	}
	check(t, d)
	if version, settings, err := d.Describe(t.Context()); err != nil || version == "" || settings["fsync"] != "off" {
		t.Errorf("%q, %v, %v", version, settings, err)
	}
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "x.db")
	made, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer made.Close()
	if _, err := made.Exec(tables); err != nil {
		t.Fatal(err)
	}
	d, err := SQLite(file)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	check(t, d)
}

func check(t *testing.T, d *Database) {
	t.Helper()
	if n, err := d.Events(t.Context()); err != nil || n != 2 {
		t.Errorf("%d events, %v", n, err)
	}
	if n, err := d.Size(t.Context()); err != nil || n < 8192 {
		t.Errorf("size %d, %v", n, err)
	}
	if err := d.Checkpoint(t.Context()); err != nil {
		t.Error(err)
	}
}
