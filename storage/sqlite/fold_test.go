package sqlite

import (
	"context"
	"database/sql/driver"
	"math"
	"strings"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage/storagetest"
)

func query(t *testing.T, s *Store, sql string) (rows [][]driver.Value) {
	t.Helper()
	err := s.reading(context.Background(), func(c *conn) error {
		return c.query(context.Background(), sql, func(row []driver.Value) error {
			rows = append(rows, append([]driver.Value(nil), row...))
			return nil
		})
	})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return rows
}

func TestViewOfEpisodes(t *testing.T) {
	t.Parallel()
	s := open(t, temporary(t))
	var names []string
	for _, row := range query(t, s, `SELECT name FROM pragma_table_info('alert_episodes') ORDER BY cid`) {
		names = append(names, row[0].(string))
	}
	storagetest.CheckEpisodesView(t, names)

	journal := alert.ID{9}
	mustPosition(t, s, journal)
	set, details, envelope := nasty()
	at := int64(-1_500_001) // before 1970, so that rounding shows
	delivery := func(seq uint64, status alert.Status, startsAt, endsAt alert.Time) storagetest.Delivery {
		return storagetest.Delivery{Seq: seq, ReceivedAt: at + int64(seq), Source: "a\x00b", Envelope: envelope, Alerts: []storagetest.Alert{
			{Status: status, StartsAt: startsAt, EndsAt: endsAt, Labels: set, Details: details},
		}}
	}
	first, second := alert.Time{Micros: at, Nanos: 7}, alert.Time{Micros: at + 5}
	mustWrite(t, s, storagetest.Batch(journal, 0,
		delivery(1, alert.Firing, first, alert.NoTime), delivery(2, alert.Firing, second, alert.NoTime), delivery(3, alert.Resolved, second, alert.Time{Micros: 5})))
	mustFold(t, s)
	rows := query(t, s, `SELECT source, fingerprint, alertname, severity, starts_at, ends_at, first_received_at, last_received_at, receipts, status,
		superseded_at, receivers, resolved_only, open, generator_url, json_extract(labels, '$.severity'), json_valid(annotations) FROM alert_episodes ORDER BY starts_at`)
	if len(rows) != 2 {
		t.Fatalf("%d rows, want 2", len(rows))
	}
	f := func(row []driver.Value, want ...driver.Value) {
		t.Helper()
		for i := range want {
			if row[i] != want[i] {
				t.Errorf("column %d is %q, want %q", i, row[i], want[i])
			}
		}
	}
	const begin, next = "1969-12-31T23:59:58.499999Z", "1969-12-31T23:59:58.500004Z"
	f(rows[0], "a\x1a0b", "80000000000000ab", "Disk \"full\"\x1a0", "crit\\ical\n", begin, nil, "1969-12-31T23:59:58.500000Z", "1969-12-31T23:59:58.500000Z",
		int64(1), "firing", next, `["team \\(a\\)\u001a0"]`, int64(0), int64(0), "http://x/\x1a0?a=\x1a1", "crit\\ical\n", int64(1))
	f(rows[1], "a\x1a0b", "80000000000000ab", "Disk \"full\"\x1a0", "crit\\ical\n", next, "1970-01-01T00:00:00.000005Z", "1969-12-31T23:59:58.500001Z",
		"1969-12-31T23:59:58.500002Z", int64(2), "resolved", nil, `["team \\(a\\)\u001a0"]`, int64(0))
}

// A database of version 2 keeps what it has, and is folded from the beginning.
func TestMigrationFrom2FoldsWhatIsThere(t *testing.T) {
	t.Parallel()
	path := temporary(t)
	s := open(t, path)
	f := newFeed(1, 50, 10)
	mustPosition(t, s, f.journal)
	mustWrite(t, s, f.batch(500))
	mustWrite(t, s, f.batch(500))
	err := s.writing(context.Background(), func(c *conn) error {
		return c.script(context.Background(), `DROP VIEW alert_episodes; DROP TABLE episodes; DROP TABLE beginnings; DROP TABLE sources;
			DROP TABLE minutes; DROP TABLE recorded; DROP TABLE recorded_keys; DROP TABLE retention;
			ALTER TABLE journals DROP COLUMN folded; PRAGMA user_version = 2`)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	if n := mustPosition(t, s, f.journal); n != 100 {
		t.Errorf("position %d after the migration, want 100", n)
	}
	mustFold(t, s)
	if n := count(t, s, `SELECT sum(receipts) FROM episodes`); n != 1000 {
		t.Errorf("%d receipts folded, want 1000", n)
	}
	if n := count(t, s, `SELECT count(*) FROM alert_events`); n != 1000 {
		t.Errorf("%d events are left, want 1000", n)
	}
}

// A resolve that came first counts once, also when the commit of its fold fails.
func TestBegunResolvedCountsOnce(t *testing.T) {
	t.Parallel()
	s := open(t, temporary(t))
	journal := alert.ID{9}
	mustPosition(t, s, journal)
	set, details, envelope := nasty()
	mustWrite(t, s, storagetest.Batch(journal, 0, storagetest.Delivery{Seq: 1, ReceivedAt: 10, Envelope: envelope, Alerts: []storagetest.Alert{
		{Status: alert.Resolved, StartsAt: alert.Time{Micros: 1}, EndsAt: alert.Time{Micros: 5}, Labels: set, Details: details},
	}}))
	script := func(sql string) {
		t.Helper()
		if err := s.writing(t.Context(), func(c *conn) error { return c.script(t.Context(), sql) }); err != nil {
			t.Fatal(err)
		}
	}
	script(`CREATE TRIGGER nobody_folds BEFORE UPDATE OF folded ON journals BEGIN SELECT RAISE(ABORT, 'nobody folds'); END`)
	if _, err := s.Fold(t.Context()); err == nil || s.BegunResolved() != 0 {
		t.Fatalf("%d have begun with a resolve, want none of a fold that failed: %v", s.BegunResolved(), err)
	}
	script(`DROP TRIGGER nobody_folds`)
	mustFold(t, s)
	if n := s.BegunResolved(); n != 1 {
		t.Errorf("%d have begun with a resolve, want 1", n)
	}
}

// Two processes that write one file fold by turns, and neither folds anything twice.
func TestSecondProcessFolds(t *testing.T) {
	t.Parallel()
	path := temporary(t)
	a, b := open(t, path), open(t, path)
	f, g := newFeed(1, 30, 10), newFeed(2, 30, 10)
	mustPosition(t, a, f.journal)
	mustPosition(t, b, g.journal)
	for range 4 {
		mustWrite(t, a, f.batch(100))
		mustWrite(t, b, g.batch(100))
		mustFold(t, b) // what a has put aside, too
		mustWrite(t, a, f.batch(100))
		mustFold(t, a)
	}
	if n := count(t, a, `SELECT sum(receipts) FROM episodes`); n != 1200 {
		t.Errorf("%d receipts folded, want 1200", n)
	}
	if n := a.Folded() + b.Folded(); n != 1200 {
		t.Errorf("%d events folded by both, want 1200", n)
	}
}

// What is asked of the tables takes an index, each time: no scan, no sort of everything.
func TestEpisodesArePlanned(t *testing.T) {
	t.Parallel()
	s := open(t, temporary(t))
	f := func(sql, want string) {
		t.Helper()
		plan := ""
		for _, row := range query(t, s, "EXPLAIN QUERY PLAN "+strings.ReplaceAll(sql, "?", "1")) {
			plan += row[3].(string) + "\n"
		}
		if !strings.Contains(plan, want) || strings.Contains(plan, "SCAN e") {
			t.Errorf("%s\nis planned as\n%swant %s", sql, plan, want)
		}
	}
	f(openOfSQL, "INDEX episodes_alert (label_set=? AND <expr>=?)")
	f(endedSQL, "INDEX episodes_alert (label_set=? AND <expr>=? AND starts_at=?)")
	f(movedOfSQL, "SEARCH m USING PRIMARY KEY (label_set=? AND starts_at=?)")
	f(episodeSpanSQL, "SEARCH e USING COVERING INDEX episodes_class (class=?)")
	f(oldEpisodesSQL, "SEARCH e USING INDEX episodes_class (class=? AND starts_at>? AND starts_at<?)")
	f(inOrder(` e.starts_at >= ?1 AND (e.starts_at, e.number) < (?2, ?3)`), "MERGE (UNION ALL)")
}

// A page of what is on at a moment, in a year of short episodes, is not read through
// the year.
func TestWhatIsOnIsFoundAmongManyThatAreOver(t *testing.T) {
	t.Parallel()
	s := open(t, temporary(t))
	f := newFeed(1, 40, 10)
	mustPosition(t, s, f.journal)
	mustWrite(t, s, f.batch(400)) // a few are on throughout
	b := f.batch(benchEvents)
	for i := range b.Events {
		e := &b.Events[i]
		e.Status = alert.Resolved
		e.StartsAt = alert.Time{Micros: 1_790_000_000_000_000 + int64(i)*60e6}
		e.EndsAt = alert.Time{Micros: e.StartsAt.Micros + 30e6}
	}
	mustWrite(t, s, b)
	mustFold(t, s)
	at := int64(1_790_000_000_000_000) + benchEvents/2*60e6 + 1
	q := &alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64, At: &at}
	var on []*alert.Episode
	if err := s.Episodes(context.Background(), q, func(e *alert.Episode) error { on = append(on, e); return nil }); err != nil {
		t.Fatal(err)
	}
	short := 0
	for _, e := range on {
		if e.Status == alert.Resolved && e.StartsAt.Micros == at-1 {
			short++
		} else if !e.Open() {
			t.Errorf("%v to %v is not on at %d", e.StartsAt, e.Until(), at)
		}
	}
	if open := count(t, s, `SELECT count(*) FROM episodes WHERE class = 63`); short != 1 || len(on) != int(open)+1 {
		t.Errorf("%d are on, %d of them short; want the %d open ones and one", len(on), short, open)
	}
}
