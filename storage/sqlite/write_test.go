package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// count returns what a query with one integer says.
func count(tb testing.TB, s *Store, sql string) (n int64) {
	tb.Helper()
	err := s.reading(context.Background(), func(c *conn) error {
		return c.query(context.Background(), sql, func(row []driver.Value) error {
			n = row[0].(int64)
			return nil
		})
	})
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func TestWriteIsExactlyOnce(t *testing.T) {
	t.Parallel()
	path := temporary(t)
	s := open(t, path)
	f := newFeed(1, 20, 10)
	if p := mustPosition(t, s, f.journal); p != 0 {
		t.Fatalf("position of a new journal: %d", p)
	}
	b := f.batch(100)
	if err := s.Try(context.Background(), b); err != nil {
		t.Fatalf("try: %v", err)
	}
	if n := count(t, s, `SELECT coalesce(sum(alerts), 0) FROM bundles`) + count(t, s, `SELECT count(*) FROM label_sets`); n != 0 {
		t.Fatalf("try left %d rows", n)
	}
	mustWrite(t, s, b)
	if err := s.Write(context.Background(), b); !errors.Is(err, storage.ErrPosition) || storage.Permanent(err) {
		t.Fatalf("the same batch again: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	if p := mustPosition(t, s, f.journal); p != b.To {
		t.Fatalf("position %d after reopening, want %d", p, b.To)
	}
	if n := count(t, s, `SELECT coalesce(sum(alerts), 0) FROM bundles`); n != 100 {
		t.Fatalf("%d events, want 100", n)
	}
}

func TestContentIsAskedForOnce(t *testing.T) {
	t.Parallel()
	path := temporary(t)
	s := open(t, path)
	f := newFeed(1, 20, 10)
	asked := 0
	for i := range f.sets {
		f.sets[i].asked = &asked
	}
	mustPosition(t, s, f.journal)
	if err := s.Try(context.Background(), f.batch(100)); err != nil {
		t.Fatal(err)
	}
	f.seq = 0
	asked = 0
	mustWrite(t, s, f.batch(100)) // what Try learned must be forgotten
	if asked != 20 {
		t.Errorf("asked for %d contents, want 20", asked)
	}
	mustWrite(t, s, f.batch(100))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	mustWrite(t, s, f.batch(100))
	if asked != 20 {
		t.Errorf("asked for %d contents in the end, want 20", asked)
	}
	if n := count(t, s, `SELECT count(*) FROM label_sets`); n != 20 {
		t.Errorf("%d label sets, want 20", n)
	}
}

func TestNumbersForgetTheOldest(t *testing.T) {
	t.Parallel()
	n := newNumbers(2)
	for i := range byte(6) {
		n.add([]numbered{{alert.ID{i}, int64(i)}})
		n.get(alert.ID{0}) // stays, because it is used
	}
	if _, ok := n.get(alert.ID{1}); ok {
		t.Error("an entry that is not used is remembered for ever")
	}
	if v, ok := n.get(alert.ID{0}); !ok || v != 0 {
		t.Error("an entry in use was forgotten")
	}
	if len(n.young) > 2 || len(n.old) > 2 {
		t.Errorf("generations of %d and %d entries, want at most 2", len(n.young), len(n.old))
	}
}

func TestRefusedDataIsPermanent(t *testing.T) {
	t.Parallel()
	s := open(t, temporary(t))
	f := newFeed(1, 5, 10)
	mustPosition(t, s, f.journal)
	refused := func(why string, spoil func(*alert.Batch)) {
		t.Helper()
		b := f.batch(20)
		spoil(b)
		err := s.Try(context.Background(), b)
		if !storage.Permanent(err) {
			t.Errorf("%s: %v, want a permanent error", why, err)
		}
		if again := s.Write(context.Background(), b); again == nil || again.Error() != err.Error() {
			t.Errorf("%s: write says %v, try said %v", why, again, err)
		}
		f.seq = b.From
	}
	refused("starts too late", func(b *alert.Batch) { b.Events[3].StartsAt.Micros = storage.LastTime + 1 })
	refused("ends too early", func(b *alert.Batch) { b.Events[3].EndsAt.Micros = storage.FirstTime - 1 })
	refused("received never", func(b *alert.Batch) { b.Deliveries[1].ReceivedAt = math.MinInt64 })
	refused("the same index twice", func(b *alert.Batch) { b.Events[3].Index = b.Events[2].Index })
	refused("a position too high", func(b *alert.Batch) { b.To = 1 << 48 })
	refused("a torn entry", func(b *alert.Batch) {
		e := newEntry(alert.KindDetails, []byte{7})
		b.Entries[2] = e
	})
	refused("an unknown kind", func(b *alert.Batch) { b.Entries[1] = newEntry(9, nil) })
	mustWrite(t, s, f.batch(20))
}

func TestTooBigIsPermanent(t *testing.T) {
	t.Parallel()
	s := open(t, temporary(t))
	err := s.writing(context.Background(), func(c *conn) error {
		_, err := c.exec(context.Background(), `UPDATE journals SET id = zeroblob(?)`, int64(2e9))
		return err
	})
	if err != nil {
		t.Fatalf("without a journal: %v", err)
	}
	mustPosition(t, s, alert.ID{1})
	err = s.writing(context.Background(), func(c *conn) error {
		_, err := c.exec(context.Background(), `UPDATE journals SET id = zeroblob(?)`, int64(2e9))
		return err
	})
	if !storage.Permanent(classify(err)) {
		t.Fatalf("a value over SQLite's limit: %v", err)
	}
}

func TestFullDiskPasses(t *testing.T) {
	t.Parallel()
	s := open(t, temporary(t))
	f := newFeed(1, 200, 10)
	mustPosition(t, s, f.journal)
	mustWrite(t, s, f.batch(1000))
	pages := func(n int64) {
		t.Helper()
		err := s.writing(context.Background(), func(c *conn) error {
			return c.script(context.Background(), fmt.Sprintf("PRAGMA max_page_count = %d", n))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	used := count(t, s, `PRAGMA page_count`)
	pages(used)
	f.addSets(2000)
	b := f.batch(5000)
	err := s.Write(context.Background(), b)
	if err == nil || storage.Permanent(err) {
		t.Fatalf("no room: %v, want an error that may pass", err)
	}
	if p := mustPosition(t, s, f.journal); p != b.From {
		t.Fatalf("position %d after the failure, want %d", p, b.From)
	}
	pages(1 << 30)
	mustWrite(t, s, b)
	if n := count(t, s, `SELECT coalesce(sum(alerts), 0) FROM bundles`); n != 6000 {
		t.Fatalf("%d events, want 6000", n)
	}
}

func TestOtherSchemaIsRefused(t *testing.T) {
	t.Parallel()
	for version, want := range map[int]string{99: "version 99", 1: "before the first release"} {
		path := temporary(t)
		s := open(t, path)
		err := s.writing(context.Background(), func(c *conn) error {
			return c.script(context.Background(), fmt.Sprintf(`PRAGMA user_version = %d`, version))
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = New(Config{Path: path}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("opening version %d: %v", version, err)
		}
	}
}

func TestEndedContext(t *testing.T) {
	t.Parallel()
	s := open(t, temporary(t))
	f := newFeed(1, 5, 10)
	mustPosition(t, s, f.journal)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b := f.batch(1000)
	if err := s.Write(ctx, b); !errors.Is(err, context.Canceled) || storage.Permanent(err) {
		t.Fatalf("write with an ended context: %v", err)
	}
	mustWrite(t, s, b)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(context.Background(), f.batch(10)); !errors.Is(err, errClosed) {
		t.Fatalf("write after close: %v", err)
	}
}
