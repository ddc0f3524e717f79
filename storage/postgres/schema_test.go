package postgres

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage"
	"stormdrain/storage/storagetest"
)

func TestNewDoesNotConnect(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.URL = "postgres://nobody:secret@/none?host=/nonexistent"
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); err == nil || storage.Permanent(err) || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if err := s.Ping(t.Context()); err == nil || storage.Permanent(err) {
		t.Errorf("after Close: %v", err)
	}

	for _, url := range []string{
		"postgres://user:secret@host:notaport/db", "postgres://user:secret@host/db?pool_max_conns=x",
		"user=u password=secret pool_health_check_period=x",
	} {
		cfg.URL = url
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("got %v", err)
		}
	}
	for _, change := range []func(*Config){
		func(c *Config) { c.MaxConns = 0 }, func(c *Config) { c.MaxConns = 1 << 31 }, func(c *Config) { c.MinConns = 5 }, func(c *Config) { c.MinConns = -1 },
		func(c *Config) { c.MaxConnLifetime = -1 }, func(c *Config) { c.MaxConnIdleTime = -1 }, func(c *Config) { c.CacheEntries = 0 },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
}

// TestProcessesStartTogether migrates an empty database, registers one journal
// and makes partitions from many stores at once.
func TestProcessesStartTogether(t *testing.T) {
	t.Parallel()
	const processes = 6
	d := newDatabases(t)
	stores := make([]*Store, processes)
	for i := range stores {
		stores[i] = d.open(t)
	}
	var wg sync.WaitGroup
	errs := make([]error, processes)
	for i, s := range stores {
		wg.Go(func() {
			own := alert.ID{byte(i + 1)}
			_, err1 := s.Position(t.Context(), alert.ID{99})
			_, err2 := s.Position(t.Context(), own)
			errs[i] = errors.Join(err1, err2, s.Write(t.Context(), storagetest.Batch(own, 0, delivery(1))))
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if got := stores[0].count(t); got != processes {
		t.Errorf("%d events, want %d", got, processes)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	s := d.open(t)
	s.mustPosition(t)
	s.mustExec(t, `INSERT INTO stormdrain_schema VALUES (99)`)
	_, err := d.open(t).Position(t.Context(), journal)
	if err == nil || !strings.Contains(err.Error(), "99") || storage.Permanent(err) {
		t.Errorf("got %v", err)
	}
}

// TestSessionSettings gives the database defaults that would lose data or
// shift times, if the store went by them.
func TestSessionSettings(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	d.open(t).mustExec(t, `DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database());
		EXECUTE format('ALTER DATABASE %I SET timezone = ''Asia/Kolkata''', current_database()); END $$`)
	c, release, err := d.open(t).pool.acquire(t.Context()) // connected since
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	const sql = `SELECT concat_ws(' ', current_setting('timezone'), current_setting('synchronous_commit'), current_setting('application_name'))`
	err = query(t.Context(), c, sql, arguments{}, func(v row) error {
		if got := v.text(0); got != "UTC on stormdrain" {
			t.Errorf("got %q", got)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestView(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.mustPosition(t)
	d := delivery(1)
	d.Source, d.TruncatedAlerts = "eu\x00", 3
	d.Envelope = alert.Envelope{Receiver: "r", GroupKey: "k", GroupLabels: storagetest.Pairs("g", "h"), ExternalURL: "http://am", Extra: []byte(`{"v":"\u0000"}`)}
	resolved := d.Alerts[0]
	resolved.Index, resolved.Status, resolved.EndsAt = 2, alert.Resolved, alert.Time{Micros: 1_000_000, Nanos: 999}
	resolved.Labels.Fingerprint = 0xf000000000000001
	resolved.Details = alert.Details{GeneratorURL: "http://p", Extra: []byte(`{"x": 1}`)}
	d.Alerts = append(d.Alerts, resolved)
	if err := s.Write(t.Context(), storagetest.Batch(journal, 0, d)); err != nil {
		t.Fatal(err)
	}
	got := s.mustQuery(t, `SELECT row_to_json(v)::text FROM alert_events v ORDER BY ord`)
	fingerprint := string(alert.AppendFingerprint(nil, d.Alerts[0].Labels.Fingerprint))
	const common = `"severity":"page","fingerprint":"%s","starts_at":"1970-01-01T00:00:00.000005+00:00",` +
		`"ends_at":%s,"labels":{"severity": "page", "alertname": "A"},"annotations":%s,"generator_url":"%s","group_key":"k","external_url":"http://am",` +
		`"request_id":"r","group_labels":{"g": "h"},"truncated_alerts":3,"extra":%s,"delivery_extra":{"v":"\u001a0"},"delivery":281474976710657,"ord":%d}`
	first := `{"id":"1-1-0","received_at":"2026-05-28T20:26:40.000001+00:00","source":"eu\u001a0","receiver":"r","status":"firing","alertname":"A",`
	second := `{"id":"1-1-2","received_at":"2026-05-28T20:26:40.000001+00:00","source":"eu\u001a0","receiver":"r","status":"resolved","alertname":"A",`
	want := []string{
		first + fmt.Sprintf(common, fingerprint, "null", `{"a": "b"}`, "", "null", 0),
		second + fmt.Sprintf(common, "f000000000000001", `"1970-01-01T00:00:01+00:00"`, "{}", "http://p", `{"x": 1}`, 2),
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func (s *Store) mustQuery(t *testing.T, sql string) (rows []string) {
	t.Helper()
	c, release, err := s.pool.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	err = query(t.Context(), c, sql, arguments{}, func(v row) error {
		rows = append(rows, string(v[0]))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestKnownEntriesCostNoNumbers looks at the sequence: what is there already
// must not use it up.
func TestKnownEntriesCostNoNumbers(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.mustPosition(t)
	for seq := range uint64(5) {
		s.mustPosition(t) // forgets the numbers, so that they are looked up
		if err := s.Write(t.Context(), storagetest.Batch(journal, seq, delivery(seq+1))); err != nil {
			t.Fatal(err)
		}
	}
	got := s.mustQuery(t, `SELECT concat_ws(' ', (SELECT last_value FROM dictionary_blocks), (SELECT count(*) FROM label_sets),
		(SELECT last_value FROM journals_number_seq))`)
	if got[0] != "1 1 1" {
		t.Errorf("sequences and label sets are at %s, want 1 1 1", got[0])
	}
}

func TestDays(t *testing.T) {
	t.Parallel()
	f := func(micros int64, name, bound string) {
		t.Helper()
		day := dayOf(micros)
		if n, b := dayName(day), dayBound(day); n != name || b != bound {
			t.Errorf("%d: %s, %s; want %s, %s", micros, n, b, name, bound)
		}
	}
	f(0, "19700101", "1970-01-01 00:00:00+00")
	f(-1, "19691231", "1969-12-31 00:00:00+00")
	f(microsPerDay, "19700102", "1970-01-02 00:00:00+00")
	f(storage.FirstTime, "00000101", "0001-01-01 00:00:00+00 BC")
	f(storage.LastTime, "99991231", "9999-12-31 00:00:00+00")
	f(storage.LastTime+1, "100000101", "10000-01-01 00:00:00+00")
}
