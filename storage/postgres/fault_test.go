package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/internal/pgtest"
	"stormdrain/storage"
	"stormdrain/storage/storagetest"
)

var journal = alert.ID{7}

// delivery makes one with a single alert.
func delivery(seq uint64) storagetest.Delivery {
	return storagetest.Delivery{
		Seq: seq, ReceivedAt: 1_780_000_000_000_000 + int64(seq), RequestID: "r",
		Alerts: []storagetest.Alert{{
			StartsAt: alert.Time{Micros: 5, Nanos: 7}, EndsAt: alert.NoTime,
			Labels: storagetest.Labels("alertname", "A", "severity", "page"), Details: alert.Details{Annotations: storagetest.Pairs("a", "b")},
		}},
	}
}

func (s *Store) mustPosition(t *testing.T) uint64 {
	t.Helper()
	p, err := s.Position(t.Context(), journal)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (s *Store) count(t *testing.T) (n int) {
	t.Helper()
	q := &alert.Query{From: storage.FirstTime, To: storage.LastTime}
	if err := s.Events(t.Context(), q, func(*alert.Stored) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestConnectionBreaksDuringCommit cuts the line before and after the server
// has read COMMIT. Neither is permanent, and the position says which it was.
func TestConnectionBreaksDuringCommit(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	for _, after := range []bool{false, true} {
		t.Run(map[bool]string{false: "unsent", true: "sent"}[after], func(t *testing.T) {
			conf := mustPoolConfig(t, d.config(t))
			cut := &cutter{dial: conf.ConnConfig.DialFunc, after: after}
			conf.ConnConfig.DialFunc = cut.connect
			s, err := open(conf, 100)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			if got := s.mustPosition(t); got != 0 {
				t.Fatalf("position %d", got)
			}
			// Partitions are made now: that, too, ends with a COMMIT.
			if err := s.Try(t.Context(), storagetest.Batch(journal, 0, delivery(1))); err != nil {
				t.Fatal(err)
			}
			cut.armed.Store(true)
			err = s.Write(t.Context(), storagetest.Batch(journal, 0, delivery(1)))
			if err == nil || storage.Permanent(err) {
				t.Fatalf("got %v", err)
			}
			if !after {
				if got := s.mustPosition(t); got != 0 {
					t.Fatalf("position %d, want 0", got)
				}
				err = s.Write(t.Context(), storagetest.Batch(journal, 0, delivery(1)))
			} else {
				err = s.Write(t.Context(), storagetest.Batch(journal, 1, delivery(2)))
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, want := uint64(s.count(t)), s.mustPosition(t); got != want {
				t.Errorf("%d events at position %d", got, want)
			}
		})
	}
}

// cutter breaks a connection at the next COMMIT of a batch.
type cutter struct {
	dial  func(ctx context.Context, network, addr string) (net.Conn, error)
	after bool // the server gets to read and answer it
	armed atomic.Bool
}

func (c *cutter) connect(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := c.dial(ctx, network, addr)
	return &cutConn{conn, c}, err
}

type cutConn struct {
	net.Conn
	cutter *cutter
}

func (c *cutConn) Write(b []byte) (int, error) {
	if !bytes.Contains(b, []byte("COMMIT")) || !c.cutter.armed.Swap(false) {
		return c.Conn.Write(b)
	}
	if c.cutter.after {
		if _, err := c.Conn.Write(b); err != nil {
			return 0, err
		}
		var answer [1]byte // it begins after the commit
		if _, err := c.Conn.Read(answer[:]); err != nil {
			return 0, err
		}
	}
	c.Conn.Close()
	return 0, errors.New("cut")
}

func TestServerComesAndGoes(t *testing.T) {
	t.Parallel()
	d := &databases{cluster: pgtest.Start(t), urls: map[string]string{}} // with fsync: it is killed
	cfg := d.config(t)
	d.cluster.Stop()
	s := mustOpen(t, cfg)
	f := func(err error) {
		t.Helper()
		if err == nil || storage.Permanent(err) {
			t.Errorf("without a server: %v", err)
		}
	}
	_, err := s.Position(t.Context(), journal)
	f(err)
	f(s.Ping(t.Context()))
	d.cluster.Restart()
	from := s.mustPosition(t)
	for _, stop := range []func(){d.cluster.Stop, d.cluster.Kill9, d.cluster.Kill9} {
		if err := s.Write(t.Context(), storagetest.Batch(journal, from, delivery(from+1))); err != nil {
			t.Fatal(err)
		}
		stop()
		from++
		f(s.Write(t.Context(), storagetest.Batch(journal, from, delivery(from+1))))
		d.cluster.Restart()
		if got := s.positionAfterBreak(t, cfg.MaxConns); got != from {
			t.Fatalf("position %d, want %d", got, from)
		}
	}
	if got := s.count(t); got != int(from) {
		t.Errorf("%d events, want %d", got, from)
	}
}

// positionAfterBreak asks again while the pool hands out connections that broke
// a moment ago. Each fails one caller at most.
func (s *Store) positionAfterBreak(t *testing.T, maxConns int) uint64 {
	t.Helper()
	var errs []error
	for range maxConns + 1 {
		p, err := s.Position(t.Context(), journal)
		if err == nil {
			return p
		}
		errs = append(errs, err)
	}
	t.Fatal(errors.Join(errs...))
	return 0
}

func TestRefusedData(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.mustPosition(t)
	f := func(name string, change func(*storagetest.Delivery)) {
		t.Helper()
		d := delivery(1)
		change(&d)
		for _, write := range []func(context.Context, *alert.Batch) error{s.Write, s.Try} {
			if err := write(t.Context(), storagetest.Batch(journal, 0, d)); !storage.Permanent(err) {
				t.Errorf("%s: got %v, want a permanent error", name, err)
			}
		}
		if got := s.mustPosition(t); got != 0 {
			t.Fatalf("%s: position %d", name, got)
		}
	}
	f("source", func(d *storagetest.Delivery) { d.Source = "\xff" })
	f("label", func(d *storagetest.Delivery) { d.Alerts[0].Labels = storagetest.Labels("a", "\xc3") })
	f("annotation", func(d *storagetest.Delivery) {
		d.Alerts[0].Details.Annotations = storagetest.Pairs("a", "\xed\xa0\x80")
	})
	f("extra", func(d *storagetest.Delivery) { d.Alerts[0].Details.Extra = []byte(`{"a":`) })
	f("receiver", func(d *storagetest.Delivery) { d.Envelope.Receiver = "\x80" })
	f("startsAt", func(d *storagetest.Delivery) { d.Alerts[0].StartsAt.Micros = storage.LastTime + 1 })
	f("endsAt", func(d *storagetest.Delivery) { d.Alerts[0].EndsAt.Micros = storage.FirstTime - 1 })
	f("receivedAt", func(d *storagetest.Delivery) { d.ReceivedAt = 1 << 62 })

	b := storagetest.Batch(journal, 0, delivery(1))
	b.Entries[0] = broken{b.Entries[0]}
	if err := s.Write(t.Context(), b); !storage.Permanent(err) {
		t.Errorf("content that ends too early: got %v", err)
	}
	if err := s.Write(t.Context(), storagetest.Batch(journal, 0, delivery(1))); err != nil {
		t.Error(err)
	}
}

type broken struct{ alert.Entry }

func (broken) Content() ([]byte, error) { return []byte{1}, nil }

// TestPartitionGone drops what the store has seen: its row is refused with the
// code of a violated constraint, and the batch is tried again with a new partition.
func TestPartitionGone(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.mustPosition(t)
	if err := s.Write(t.Context(), storagetest.Batch(journal, 0, delivery(1))); err != nil {
		t.Fatal(err)
	}
	s.mustExec(t, `DROP TABLE deliveries_20260528`)
	if err := s.Write(t.Context(), storagetest.Batch(journal, 1, delivery(2))); err != nil {
		t.Fatal(err)
	}
	if got := s.count(t); got != 1 {
		t.Errorf("%d events, want 1", got)
	}
}

// mustExec runs statements on a connection of the store.
func (s *Store) mustExec(t *testing.T, sql string) {
	t.Helper()
	c, release, err := s.pool.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if err := c.Exec(t.Context(), sql).Close(); err != nil {
		t.Fatal(err)
	}
}

// TestEntriesOfAnotherProcess makes Write wait for a row that another
// connection has written and not committed, and then find it there.
func TestEntriesOfAnotherProcess(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.mustPosition(t)
	b := storagetest.Batch(journal, 0, delivery(1))
	c, release, err := s.pool.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	other := s.transaction(c, b)
	for i, e := range b.Entries {
		other.missing = append(other.missing, newUnknown(e, i))
	}
	slices.SortFunc(other.missing, unknown.compare)
	if err := c.Exec(t.Context(), `BEGIN`).Close(); err != nil {
		t.Fatal(err)
	}
	if err := other.insertMissing(t.Context(), other.missing); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Write(t.Context(), b) }()
	for waiting := false; !waiting && t.Context().Err() == nil; {
		err := query(t.Context(), c, `SELECT count(*) FROM pg_locks WHERE NOT granted`, arguments{}, func(v row) error {
			waiting = v.int8(0) > 0
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Exec(t.Context(), `COMMIT`).Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := s.count(t); got != 1 {
		t.Errorf("%d events, want 1", got)
	}
	s.mustBeIndexed(t)
}

// TestWrongExpectation has a store take everything unknown for new, because all
// was so far, when another process has written the same.
func TestWrongExpectation(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	s, other := d.open(t), d.open(t)
	s.mustPosition(t)
	news := delivery(1)
	news.Alerts = make([]storagetest.Alert, fewLookups)
	for i := range news.Alerts {
		news.Alerts[i] = storagetest.Alert{Index: int32(i), Labels: storagetest.Labels("n", strconv.Itoa(i)), EndsAt: alert.NoTime}
	}
	if err := s.Write(t.Context(), storagetest.Batch(journal, 0, news)); err != nil {
		t.Fatal(err)
	}
	if !s.expect.isNew(alert.KindLabelSet) {
		t.Fatal("nothing is expected")
	}
	elsewhere := alert.ID{8}
	if _, err := other.Position(t.Context(), elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := other.Write(t.Context(), storagetest.Batch(elsewhere, 0, delivery(1))); err != nil {
		t.Fatal(err)
	}
	both := delivery(2)
	both.Alerts = append(both.Alerts, storagetest.Alert{Index: 1, Labels: storagetest.Labels("n", "new"), EndsAt: alert.NoTime})
	if err := s.Write(t.Context(), storagetest.Batch(journal, 1, both)); err != nil {
		t.Fatal(err)
	}
	got := s.mustQuery(t, `SELECT concat_ws(' ', (SELECT count(*) FROM label_sets), (SELECT count(*) FROM alert_events), (SELECT count(*) FROM alert_events WHERE alertname = 'A'))`)
	if want := fmt.Sprintf("%d %d 2", fewLookups+2, fewLookups+3); got[0] != want {
		t.Errorf("label sets and events: %s, want %s", got[0], want)
	}
	if s.expect.isNew(alert.KindLabelSet) {
		t.Error("it learned nothing")
	}
	s.mustBeIndexed(t)
}

// numbersGivenOutAgain has the server give out the same numbers twice, as it may after a
// crash when the first time was never committed: to the store that it returns, and to
// another, which has used them. The delivery is none of that one's.
func numbersGivenOutAgain(t *testing.T) (s *Store, different storagetest.Delivery) {
	t.Helper()
	d := newDatabases(t)
	s, other := d.open(t), d.open(t)
	s.mustPosition(t)
	c, release, err := s.pool.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = s.supply.fetch(t.Context(), c, 1)
	release()
	if err != nil {
		t.Fatal(err)
	}
	s.mustExec(t, `ALTER SEQUENCE dictionary_blocks RESTART`)
	elsewhere := alert.ID{8}
	if _, err := other.Position(t.Context(), elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := other.Write(t.Context(), storagetest.Batch(elsewhere, 0, delivery(1))); err != nil {
		t.Fatal(err)
	}
	different = delivery(1)
	different.Alerts[0].Labels = storagetest.Labels("alertname", "B")
	different.Alerts[0].Details = alert.Details{Annotations: storagetest.Pairs("c", "d")}
	return s, different
}

// TestNumbersGivenOutAgain: this process asks for its position before it writes.
func TestNumbersGivenOutAgain(t *testing.T) {
	t.Parallel()
	s, different := numbersGivenOutAgain(t)
	s.mustPosition(t) // as the pipeline does after every failure
	if err := s.Write(t.Context(), storagetest.Batch(journal, 0, different)); err != nil {
		t.Fatal(err)
	}
	if got := s.count(t); got != 2 {
		t.Errorf("%d events, want 2", got)
	}
}

// TestNumbersGivenOutAgainUnnoticed: nobody has told this process that the server
// crashed, for its connections were idle. The batch is not refused for that.
func TestNumbersGivenOutAgainUnnoticed(t *testing.T) {
	t.Parallel()
	s, different := numbersGivenOutAgain(t)
	err := s.Write(t.Context(), storagetest.Batch(journal, 0, different))
	var permanent interface{ Permanent() bool }
	if err == nil || errors.As(err, &permanent) {
		t.Errorf("got %v, want an error that may pass", err)
	}
	s.mustPosition(t) // as the pipeline does after every failure
	if err := s.Write(t.Context(), storagetest.Batch(journal, 0, different)); err != nil {
		t.Fatal(err)
	}
	s.mustBeIndexed(t)
}

// TestMergeLeavesNoNumbers: a merge may be lost in a crash of the server, with the
// numbers that it fetched, and nobody be told.
func TestMergeLeavesNoNumbers(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.merger.sizes.together = 2
	s.merger.written = -100
	s.mustPosition(t)
	s.mustWrite(t, journal, 0, manySets(1, 0, 3))
	s.mustWrite(t, journal, 1, manySets(2, 3, 3))
	s.supply.forget()
	if err := s.merger.run(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if n := s.rows(t, "label_runs"); n != 1 {
		t.Errorf("%d runs, want 1", n)
	}
	if s.supply.take(1, func(int, int64) {}) > 0 {
		t.Error("there are numbers out of a transaction that the disk need not have seen")
	}
}
