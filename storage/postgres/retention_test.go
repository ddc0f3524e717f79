package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage"
	"stormdrain/storage/storagetest"
)

// onDay makes a delivery of some alerts that nobody else has, on a day from 1 on.
func onDay(seq uint64, day, alerts int) storagetest.Delivery {
	d := storagetest.Delivery{Seq: seq, ReceivedAt: 1_780_000_000_000_000 + int64(day)*microsPerDay, RequestID: strconv.Itoa(int(seq))}
	d.Envelope.Receiver = fmt.Sprint("day ", day)
	for i := range alerts {
		d.Alerts = append(d.Alerts, storagetest.Alert{
			Index: int32(i), StartsAt: alert.Time{Micros: 5}, EndsAt: alert.NoTime,
			Labels:  storagetest.Labels("alertname", "A", "i", fmt.Sprint(day, i)),
			Details: alert.Details{GeneratorURL: fmt.Sprint(day, i)},
		})
	}
	return d
}

func (s *Store) mustRetain(t *testing.T, before int64) alert.Removed {
	t.Helper()
	removed, err := storagetest.Retain(t.Context(), s, before, nil)
	if err != nil {
		t.Fatal(err)
	}
	return removed
}

// rows counts the rows of a table.
func (s *Store) rows(t *testing.T, table string) (n int64) {
	t.Helper()
	err := reader{pool: s.pool}.query(t.Context(), `SELECT count(*) FROM `+table, arguments{}, func(v row) error {
		n = v.int8(0)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRetainedTables looks at what is left: the runs of label sets, too, go with
// the last set of theirs, and the tables of the sweep are empty.
func TestRetainedTables(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.mustPosition(t)
	const days, alerts = 5, 300 // more than a block has
	for day := 1; day <= days; day++ {
		s.mustWrite(t, journal, uint64(day-1), onDay(uint64(day), day, alerts))
	}
	first := onDay(1, 4, 0).ReceivedAt
	removed := s.mustRetain(t, first)
	if want := (alert.Removed{Pieces: 3, Entries: 3 * (2*alerts + 1)}); removed != want {
		t.Errorf("removed %+v, want %+v", removed, want)
	}
	for table, want := range map[string]int64{"label_sets": 2 * alerts, "details": 2 * alerts, "envelopes": 2, "retention_uses": 0} {
		if n := s.rows(t, table); n != want {
			t.Errorf("%d rows in %s, want %d", n, table, want)
		}
	}
	s.merger.done.Wait()
	s.mustBeIndexed(t)
	if n := s.rows(t, `label_runs r WHERE NOT EXISTS (SELECT FROM label_sets WHERE id BETWEEN first_id AND last_id)`); n > 0 {
		t.Errorf("%d runs have no label set", n)
	}
	if n := s.rows(t, `retention WHERE epoch = 1 AND below = 0 AND swept = removals AND removals = 3`); n != 1 {
		t.Errorf("the sweep has not come to its end")
	}
	// Tomorrow's partition stays, and so does the last day: it is not over.
	s.mustRetain(t, first+microsPerDay)
	if n := s.count(t); n != alerts {
		t.Errorf("%d events, want those of the last day", n)
	}
	s.mustRetain(t, math.MaxInt64)
	if n := s.count(t); n != 0 {
		t.Errorf("%d events, want none", n)
	}
}

// TestRetentionWaitsForReaders: while somebody reads the old day, it is neither
// removed nor does who writes wait for the reader.
func TestRetentionWaitsForReaders(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.mustPosition(t)
	s.mustWrite(t, journal, 0, onDay(1, 1, 3), onDay(2, 9, 3))
	c, release, err := s.pool.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const snapshot = `BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM alert_events`
	if err := c.Exec(t.Context(), snapshot).Close(); err != nil {
		t.Fatal(err)
	}
	before := onDay(0, 5, 0).ReceivedAt
	for seq := uint64(3); seq < 6; seq++ {
		var busy *storage.BusyError
		if _, _, err := s.Retain(t.Context(), before); !errors.As(err, &busy) {
			t.Fatalf("%v, want that somebody reads", err)
		}
		s.mustWrite(t, journal, seq-1, onDay(seq, 9, 3))
	}
	if n := s.count(t); n != 5*3 {
		t.Errorf("%d events, want all 15", n)
	}
	rollback(t.Context(), c)
	release()
	if removed := s.mustRetain(t, before); removed.Pieces != 2 {
		t.Errorf("removed %+v, want the day and the one after it, which was made with it", removed)
	}
	if n := s.count(t); n != 4*3 {
		t.Errorf("%d events, want those of the newer day", n)
	}
}

// TestSweepSparesWhatIsLearned stops a sweep between marking and removing. What a
// process looks up then and uses again must stay, be it new to that process, be it
// on its way when the removal wants to begin.
func TestSweepSparesWhatIsLearned(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	s, writer := d.open(t), d.open(t)
	s.mustPosition(t)
	s.mustWrite(t, journal, 0, onDay(1, 1, 3), onDay(2, 9, 3))
	writer.mustPosition(t)
	before := onDay(0, 5, 0).ReceivedAt
	for s.retention.sweep == nil || len(s.retention.sweep.scans) > 0 || len(s.retention.sweep.doomed) == 0 {
		if s.retention.sweep != nil && len(s.retention.sweep.scans) == 0 {
			c, release, err := s.pool.acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			err = s.retention.sweep.choose(t.Context(), c)
			release()
			if err != nil {
				t.Fatal(err)
			}
			continue
		}
		if _, _, err := s.Retain(t.Context(), before); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.retention.sweep.doomed); n != 3 {
		t.Fatalf("%d label sets are doomed, want 3", n)
	}
	// The alerts of day 1 again, on day 9.
	again := onDay(3, 1, 2)
	again.ReceivedAt = onDay(0, 9, 0).ReceivedAt + 1

	// On its way: everything but the commit.
	c, release, err := writer.pool.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := storagetest.Batch(journal, 2, again)
	writer.numbers.renew(1)
	tx := writer.transaction(c, b)
	tx.unknown, tx.known = writer.numbers.lookup(b.Entries, tx.numbers, tx.unknown)
	if err := tx.fill(t.Context()); err != nil {
		t.Fatal(err)
	}
	var busy *storage.BusyError
	if _, _, err := s.Retain(t.Context(), before); !errors.As(err, &busy) {
		t.Fatalf("%v, want that a writer is under way", err)
	}
	if err := commitNow(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	release()

	if removed := s.mustRetain(t, before); removed.Entries != 2 {
		t.Errorf("removed %+v, want the one label set and the one details that were not used again", removed)
	}
	if n := s.count(t); n != 5 {
		t.Errorf("%d events, want 5: none may have lost its label set", n)
	}
}

// TestSweepIsTakenOver: of two processes one sweeps, and another goes on where one
// was given up.
func TestSweepIsTakenOver(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	s, other := d.open(t), d.open(t)
	s.mustPosition(t)
	s.mustWrite(t, journal, 0, onDay(1, 1, 3), onDay(2, 9, 3))
	before := onDay(0, 5, 0).ReceivedAt
	for s.retention.sweep == nil {
		if _, _, err := s.Retain(t.Context(), before); err != nil {
			t.Fatal(err)
		}
	}
	if removed := other.mustRetain(t, before); removed != (alert.Removed{}) {
		t.Errorf("removed %+v beside a sweep", removed)
	}
	c, release, err := s.pool.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = exec(context.Background(), c, `UPDATE retention SET touched = touched - interval '1 hour'`, arguments{})
	release()
	if err != nil {
		t.Fatal(err)
	}
	if removed := other.mustRetain(t, before); removed.Entries != 7 {
		t.Errorf("removed %+v, want 7 entries", removed)
	}
	if removed := s.mustRetain(t, before); removed != (alert.Removed{}) {
		t.Errorf("removed %+v in a sweep that is another's", removed)
	}
	if n := s.count(t); n != 3 {
		t.Errorf("%d events, want 3", n)
	}
}

// episodes returns them with all that they refer to.
func (s *Store) allEpisodes(t *testing.T) (all []*alert.Episode) {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = s.Fold(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	q := &alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64}
	err := s.Episodes(t.Context(), q, func(e *alert.Episode) error {
		all = append(all, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRetainedEpisodes: what was over goes, with its beginnings; what is open stays
// with all that it has, though the events that it came from are gone.
func TestRetainedEpisodes(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.mustPosition(t)
	over, open, resolve := onDay(1, 1, 1), onDay(2, 2, 1), onDay(3, 1, 1)
	over.Alerts[0].StartsAt.Micros, open.Alerts[0].StartsAt.Micros = over.ReceivedAt, open.ReceivedAt
	resolve.ReceivedAt += 2 * microsPerDay
	resolve.Alerts[0].StartsAt.Micros = over.ReceivedAt - 5 // moved back
	resolve.Alerts[0].Status, resolve.Alerts[0].EndsAt = alert.Resolved, alert.Time{Micros: resolve.ReceivedAt}
	s.mustWrite(t, journal, 0, over)
	s.allEpisodes(t)
	s.mustWrite(t, journal, 1, open, resolve)
	last := onDay(4, 9, 1)
	last.Alerts[0].StartsAt.Micros = last.ReceivedAt
	s.mustWrite(t, journal, 3, last)
	if n := len(s.allEpisodes(t)); n != 3 {
		t.Fatalf("%d episodes, want 3", n)
	}
	s.mustRetain(t, onDay(0, 3, 0).ReceivedAt-1)
	if n := len(s.allEpisodes(t)); n != 3 {
		t.Fatalf("%d episodes, want 3: the first was not over then", n)
	}
	removed := s.mustRetain(t, onDay(0, 6, 0).ReceivedAt)
	if removed.Episodes != 1 {
		t.Errorf("removed %+v, want an episode", removed)
	}
	left := s.allEpisodes(t)
	if len(left) != 2 || left[1].Details == nil || left[1].Details.GeneratorURL != "2 0" || left[1].Labels.Labels[1].Value != "2 0" || left[1].Envelope.Receiver != "day 2" {
		t.Errorf("%d episodes are left, and the open one is %+v", len(left), left[len(left)-1])
	}
	for table, want := range map[string]int64{"episode_beginnings": 0, "minutes": 1, "label_sets": 2, "details": 2, "envelopes": 2} {
		if n := s.rows(t, table); n != want {
			t.Errorf("%d rows in %s, want %d", n, table, want)
		}
	}
}

// TestFoldAfterASweep: what waited to be folded when a sweep began is read again, for
// its numbers may be of rows that are gone.
func TestFoldAfterASweep(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.mustPosition(t)
	s.mustWrite(t, journal, 0, onDay(1, 1, 3), onDay(2, 9, 3))
	removed := s.mustRetain(t, onDay(0, 5, 0).ReceivedAt) // what is pending has day 1, too
	if removed.Entries != 7 {
		t.Fatalf("removed %+v, want what only day 1 had", removed)
	}
	if n := len(s.allEpisodes(t)); n != 3 {
		t.Errorf("%d episodes, want those of day 9", n)
	}
	s.mustWrite(t, journal, 2, onDay(3, 9, 3), onDay(4, 10, 3))
	if n := len(s.allEpisodes(t)); n != 6 {
		t.Errorf("%d episodes, want 6", n)
	}
	if n := s.rows(t, `episodes e WHERE NOT EXISTS (SELECT FROM label_sets l WHERE l.id = e.label_set)
		OR NOT EXISTS (SELECT FROM details t WHERE t.id = e.details) OR NOT EXISTS (SELECT FROM envelopes v WHERE v.id = e.envelope)`); n > 0 {
		t.Errorf("%d episodes refer to rows that are gone", n)
	}
}
