package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"stormdrain/internal/pgtest"
)

// testStore is one of the two places that a program can store in.
type testStore struct {
	flags    []string        // for the program
	postgres *pgtest.Cluster // nil: SQLite in the data directory
	url      string          // of the database; PostgreSQL only
}

// forEachStore runs a test on both stores. PostgreSQL is private to the test.
func forEachStore(t *testing.T, test func(*testing.T, *testStore)) {
	t.Run("store=sqlite", func(t *testing.T) { test(t, &testStore{}) })
	t.Run("store=postgres", func(t *testing.T) { test(t, newPostgres(t)) })
}

func newPostgres(t *testing.T, settings ...string) *testStore {
	t.Helper()
	cluster := pgtest.Start(t, settings...)
	url := cluster.CreateDatabase("stormdrain")
	return &testStore{flags: []string{"--storage.url=" + url}, postgres: cluster, url: url}
}

// rows is what the two drivers' results have in common.
type rows interface {
	Next() bool
	Scan(...any) error
	Err() error
}

// query runs a statement beside the running program and hands each row to read.
func (s *testStore) query(p *program, statement string, read func(rows) error) {
	t, ctx := p.t, context.Background()
	t.Helper()
	var found rows
	if s.postgres == nil {
		db, err := sql.Open("sqlite", "file:"+sqliteFile(t, p.dataDir)+"?_pragma=busy_timeout(10000)&_pragma=query_only(1)")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		result, err := db.Query(statement)
		if err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		defer result.Close()
		found = result
	} else {
		conn, err := pgx.Connect(ctx, s.url+"&timezone=UTC")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		result, err := conn.Query(ctx, statement)
		if err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		defer result.Close()
		found = result
	}
	for found.Next() {
		if err := read(found); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if err := found.Err(); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// sqliteFile finds the database by what it begins with: its name is not fixed.
func sqliteFile(t testing.TB, dir string) (found string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		head := make([]byte, 16)
		if n, _ := f.Read(head); bytes.Equal(head[:n], []byte("SQLite format 3\x00")) {
			found = path
		}
		return nil
	})
	if err != nil || found == "" {
		t.Fatalf("SQLite file in %s: %q, %v", dir, found, err)
	}
	return found
}

// viewRow is one row of alert_events, everything as text. Times are cut to
// microseconds, the stored form of NUL is undone.
type viewRow struct {
	ID, ReceivedAt, Source, Receiver, Status, Alertname, Severity, Fingerprint string
	StartsAt, EndsAt, GeneratorURL, GroupKey, ExternalURL                      string
	Labels, Annotations                                                        map[string]string
}

const viewQuery = `SELECT CAST(id AS TEXT), CAST(received_at AS TEXT), source, receiver, status,
	COALESCE(alertname, ''), COALESCE(severity, ''), fingerprint, CAST(starts_at AS TEXT),
	COALESCE(CAST(ends_at AS TEXT), 'null'), generator_url, group_key, external_url,
	CAST(labels AS TEXT), CAST(annotations AS TEXT) FROM alert_events`

// readView returns the rows of alert_events by id, and fails on a second row
// with the same id.
func (s *testStore) readView(t *testing.T, p *program) map[string]*viewRow {
	t.Helper()
	all := make(map[string]*viewRow)
	s.query(p, viewQuery, func(found rows) error {
		r := new(viewRow)
		var labels, annotations string
		err := found.Scan(&r.ID, &r.ReceivedAt, &r.Source, &r.Receiver, &r.Status, &r.Alertname, &r.Severity,
			&r.Fingerprint, &r.StartsAt, &r.EndsAt, &r.GeneratorURL, &r.GroupKey, &r.ExternalURL, &labels, &annotations)
		if err != nil {
			return err
		}
		r.ReceivedAt, r.StartsAt, r.EndsAt = storedInstant(r.ReceivedAt), storedInstant(r.StartsAt), storedInstant(r.EndsAt)
		for _, s := range []*string{&r.Source, &r.Receiver, &r.Alertname, &r.Severity, &r.GeneratorURL, &r.GroupKey, &r.ExternalURL} {
			*s = unescape.Replace(*s)
		}
		if r.Labels, err = storedPairs(labels); err != nil {
			return err
		}
		if r.Annotations, err = storedPairs(annotations); err != nil {
			return err
		}
		if all[r.ID] != nil {
			t.Errorf("id %s is twice in alert_events", r.ID)
		}
		all[r.ID] = r
		return nil
	})
	return all
}

var unescape = strings.NewReplacer("\x1a0", "\x00", "\x1a1", "\x1a")

func storedPairs(text string) (map[string]string, error) {
	var stored map[string]string
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		return nil, err
	}
	pairs := make(map[string]string, len(stored))
	for name, value := range stored {
		pairs[unescape.Replace(name)] = unescape.Replace(value)
	}
	return pairs, nil
}

// storedInstant gives both stores' spelling of a time one form.
func storedInstant(s string) string {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07", "2006-01-02 15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC().Format(time.RFC3339Nano)
		}
	}
	return s
}

// micros is an instant of the API as the views hold it.
func micros(s *string) string {
	if s == nil {
		return "null"
	}
	t, err := time.Parse(time.RFC3339Nano, *s)
	if err != nil {
		return *s
	}
	return t.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)
}

// compareView checks that the view and the API tell the same.
func compareView(t *testing.T, view map[string]*viewRow, events []*event) {
	t.Helper()
	if len(view) != len(events) {
		t.Errorf("alert_events has %d rows, the API %d events", len(view), len(events))
	}
	for _, e := range events {
		row := view[e.ID]
		if row == nil {
			t.Errorf("event %s is not in alert_events", e.ID)
			return
		}
		want := fmt.Sprintf("%q", []string{micros(&e.ReceivedAt), e.Source, e.Receiver, e.Status, e.Labels["alertname"], e.Labels["severity"],
			e.Fingerprint, micros(&e.StartsAt), micros(e.EndsAt), e.GeneratorURL, e.GroupKey, e.ExternalURL})
		got := fmt.Sprintf("%q", []string{row.ReceivedAt, row.Source, row.Receiver, row.Status, row.Alertname, row.Severity,
			row.Fingerprint, row.StartsAt, row.EndsAt, row.GeneratorURL, row.GroupKey, row.ExternalURL})
		if got != want || !maps.Equal(row.Labels, e.Labels) || !maps.Equal(row.Annotations, e.Annotations) {
			t.Errorf("event %s differs\nview %.900s %.900q %.900q\n API %.900s %.900q %.900q", e.ID, got, row.Labels, row.Annotations, want, e.Labels, e.Annotations)
			return
		}
	}
}
