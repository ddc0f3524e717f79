package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"stormdrain/internal/alert"
)

func everything() *alert.Query { return &alert.Query{From: math.MinInt64, To: math.MaxInt64} }

func matching(tb testing.TB, filter string) *alert.Query {
	tb.Helper()
	q := everything()
	var err error
	if q.Matchers, err = alert.ParseMatchers(filter); err != nil {
		tb.Fatal(err)
	}
	return q
}

// keys returns what q finds, and fails when the order is wrong.
func keys(tb testing.TB, s *Store, q *alert.Query) (out []alert.Cursor) {
	tb.Helper()
	err := s.Events(context.Background(), q, func(e *alert.Stored) error {
		k := e.Cursor()
		if n := len(out); n > 0 {
			p := out[n-1]
			if p.ReceivedAt < k.ReceivedAt || p.ReceivedAt == k.ReceivedAt && (p.Delivery < k.Delivery || p.Delivery == k.Delivery && p.Index <= k.Index) {
				tb.Fatalf("%v comes after %v", k, p)
			}
		}
		out = append(out, k)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// What is in the index and what still waits for it must make one sequence, in
// which two journals that were written in turn mix.
func TestIndexAndTailsAreOne(t *testing.T) {
	t.Parallel()
	s := open(t, temporary(t))
	const indexEvery = 1000
	s.indexEvery = indexEvery
	one, two := newFeed(1, 100, 10), newFeed(2, 100, 7)
	total := 0
	for _, f := range []*feed{one, two} {
		mustPosition(t, s, f.journal)
	}
	for i := range 6 {
		mustWrite(t, s, one.batch(indexEvery/4))
		mustWrite(t, s, two.batch(90))
		total += indexEvery/4 + 90
		if i == 3 {
			if n := count(t, s, `SELECT count(*) FROM runs`); n == 0 {
				t.Fatal("nothing is indexed")
			}
		}
	}
	all := keys(t, s, everything())
	if len(all) != total {
		t.Fatalf("%d events in all, want %d", len(all), total)
	}
	if got := keys(t, s, matching(t, `severity=~"critical|warning"`)); !slices.Equal(got, all) {
		t.Fatalf("%d events by label set, want the same %d", len(got), len(all))
	}
	sum := 0
	for i := range 100 {
		found := keys(t, s, matching(t, fmt.Sprintf(`{alertname="DiskFull%d",instance="node-%06d.example.com:9100"}`, i%50, i)))
		q := matching(t, fmt.Sprintf(`instance="node-%06d.example.com:9100"`, i))
		q.Limit = 3
		if first := keys(t, s, q); !slices.Equal(first, found[:3]) {
			t.Fatalf("set %d: the first are %v, want %v", i, first, found[:3])
		}
		sum += len(found)
	}
	if sum != total {
		t.Fatalf("%d events over all label sets, want %d", sum, total)
	}
	for status := range alert.Resolved + 1 {
		q := matching(t, `job="node"`)
		q.Status = &status
		sum -= len(keys(t, s, q))
	}
	if sum != 0 {
		t.Fatalf("by status %d events fewer than without", sum)
	}
}

// A journal that is given up leaves nothing that every later query would have
// to scan.
func TestNewJournalIndexesTheOld(t *testing.T) {
	t.Parallel()
	s := open(t, temporary(t))
	f := newFeed(1, 10, 10)
	mustPosition(t, s, f.journal)
	mustWrite(t, s, f.batch(500))
	mustPosition(t, s, alert.ID{9})
	if n := count(t, s, `SELECT count(*) FROM runs`); n != 1 {
		t.Fatalf("%d runs in the index, want 1", n)
	}
	if n := count(t, s, `SELECT sum(unindexed) FROM journals`); n != 0 {
		t.Fatalf("a weight of %d waits for the index", n)
	}
	mustWrite(t, s, f.batch(500))
	if n := len(keys(t, s, matching(t, `job="node"`))); n != 1000 {
		t.Fatalf("%d events, want 1000", n)
	}
}

// Each reading query must walk an index, or it gets slower for ever.
func TestPlans(t *testing.T) {
	t.Parallel()
	s := open(t, temporary(t))
	plan := func(sql string, want ...string) {
		t.Helper()
		var lines []string
		err := s.reading(context.Background(), func(c *conn) error {
			return c.query(context.Background(), `EXPLAIN QUERY PLAN `+sql, func(row []driver.Value) error {
				lines = append(lines, row[3].(string))
				return nil
			}, make([]driver.Value, strings.Count(sql, "?"))...)
		})
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(lines, "\n")
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("plan of %s:\n%s\nlacks %s", sql, got, w)
			}
		}
		if strings.Contains(got, "TEMP B-TREE") {
			t.Errorf("plan of %s sorts:\n%s", sql, got)
		}
	}
	plan(deliveriesSQL, "USING INDEX bundles_time (last_at>? AND last_at<?)")
	plan(bundleAtSQL, "SEARCH b USING INTEGER PRIMARY KEY (rowid=?)", "SEARCH bundles USING INTEGER PRIMARY KEY (rowid<?)")
	plan(bundlesSQL, "SEARCH b USING INTEGER PRIMARY KEY (rowid=?)")
	plan(tailSQL, "SEARCH b USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)")
	plan(runsSQL, "USING INDEX runs_time (last_at>?)")
	plan(postingsSQL, "SEARCH postings USING INTEGER PRIMARY KEY (rowid=?)", "SEARCH postings USING INTEGER PRIMARY KEY (rowid<?)")
	plan(spanSQL, "USING COVERING INDEX bundles_time")
	plan(layerRowsSQL, "SEARCH identities USING INTEGER PRIMARY KEY (rowid=?)")
	plan(`SELECT labels FROM label_sets WHERE id IN (SELECT value FROM json_each(?))`, "USING INTEGER PRIMARY KEY (rowid=?)")
	plan(`SELECT labels FROM label_sets WHERE id > ? AND id IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?`,
		"USING INTEGER PRIMARY KEY (rowid=?)")
}

func TestWritesGoOnWhileYieldRuns(t *testing.T) {
	t.Parallel()
	path := temporary(t)
	s := open(t, path)
	const pages = 500 // where the log starts again
	s.indexEvery = 500
	err := s.writing(context.Background(), func(c *conn) error {
		return c.script(context.Background(), fmt.Sprintf("PRAGMA wal_autocheckpoint = %d; PRAGMA journal_size_limit = 0", pages))
	})
	if err != nil {
		t.Fatal(err)
	}
	f := newFeed(1, 1000, 10)
	mustPosition(t, s, f.journal)
	for range 8 {
		mustWrite(t, s, f.batch(500))
	}
	// While an export of everything that was there goes on, many times as much
	// is written as the log may hold.
	seen := 0
	err = s.Events(context.Background(), everything(), func(e *alert.Stored) error {
		if seen++; seen%100 == 0 {
			mustWrite(t, s, f.batch(500))
		}
		return nil
	})
	if err != nil || seen != 4000 {
		t.Fatalf("%d events, %v", seen, err)
	}
	written := count(t, s, `PRAGMA page_count`)
	info, err := os.Stat(path + "-wal")
	if err != nil || info.Size() > 4*pages*4096 {
		t.Fatalf("log of %d bytes beside %d pages, %v", info.Size(), written, err)
	}
	stop := errors.New("enough")
	if err := s.Events(context.Background(), everything(), func(*alert.Stored) error { return stop }); err != stop {
		t.Fatalf("yield's error came back as %v", err)
	}
}
