package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage/storagetest"
)

var retainJournal = alert.ID{9}

// hours makes a delivery an hour later than the one before, of some alerts that no
// other has, and one that all have.
func hours(seq uint64, alerts int) storagetest.Delivery {
	d := storagetest.Delivery{Seq: seq, ReceivedAt: 1_780_000_000_000_000 + int64(seq)*3600e6, RequestID: fmt.Sprint(seq)}
	d.Envelope.Receiver = fmt.Sprint(seq)
	for i := range alerts {
		name := fmt.Sprint(seq, "-", i)
		if i == 0 {
			name = "always"
		}
		d.Alerts = append(d.Alerts, storagetest.Alert{
			Index: int32(i), StartsAt: alert.Time{Micros: 5}, EndsAt: alert.NoTime,
			Labels: storagetest.Labels("alertname", name), Details: alert.Details{GeneratorURL: name},
		})
	}
	return d
}

func writeHours(t *testing.T, s *Store, from, to uint64, alerts int) {
	t.Helper()
	if _, err := s.Position(t.Context(), retainJournal); err != nil {
		t.Fatal(err)
	}
	for seq := from + 1; seq <= to; seq++ {
		if err := s.Write(t.Context(), storagetest.Batch(retainJournal, seq-1, hours(seq, alerts))); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRetainedTables forgets, after each step of a retention, all that is in memory,
// as a crash does, and looks at the tables: nothing may lead to what is not there.
// In the end nothing is left that nobody leads to, and layers that have lost most
// of their entries are merged with others.
func TestRetainedTables(t *testing.T) {
	t.Parallel()
	const alerts, batches = 400, 10
	path := temporary(t)
	s := open(t, path)
	s.indexEvery = 2000
	writeHours(t, s, 0, batches, alerts)
	before := hours(batches, 0).ReceivedAt
	r := rand.New(rand.NewPCG(1, 1))
	var removed alert.Removed
	for more, steps := true, 0; more; steps++ {
		step, again, err := s.Retain(t.Context(), before)
		if err != nil {
			t.Fatal(err)
		}
		removed.Add(step)
		more = again
		if steps%4 == 0 {
			checkTables(t, s)
		}
		if r.IntN(8) == 0 {
			s.Close()
			s = open(t, path)
			s.indexEvery = 2000
		}
	}
	if want := (alert.Removed{Pieces: batches - 1, Entries: (batches - 1) * (2*(alerts-1) + 1)}); removed != want {
		t.Errorf("removed %+v, want %+v", removed, want)
	}
	counts := checkTables(t, s)
	for table, want := range map[string]int{"bundles": 1, "label_sets": alerts, "details": alerts, "envelopes": 1} {
		if counts[table] != want {
			t.Errorf("%d rows in %s, want %d", counts[table], table, want)
		}
	}
	if counts["runs"] > 1 {
		t.Errorf("%d runs, want that of the last delivery at most", counts["runs"])
	}
	writeHours(t, s, batches, batches+9, 30)
	checkTables(t, s)
	if _, err := storagetest.Retain(t.Context(), s, hours(batches+9, 0).ReceivedAt, nil); err != nil {
		t.Fatal(err)
	}
	if counts := checkTables(t, s); counts["label_sets"] != 30 {
		t.Errorf("%d label sets, want the 30 of the last delivery", counts["label_sets"])
	}
}

// checkTables fails when what is written does not fit together, and returns how
// many rows there are.
func checkTables(t *testing.T, s *Store) map[string]int {
	t.Helper()
	counts := map[string]int{}
	ctx := context.Background()
	err := s.reading(ctx, func(c *conn) error {
		return c.snapshot(ctx, func() error {
			rows := map[string]map[int64]bool{}
			for _, table := range []string{"label_sets", "details", "envelopes", "bundles", "runs", "layers"} {
				rows[table] = map[int64]bool{}
				err := c.query(ctx, `SELECT rowid FROM `+table, func(row []driver.Value) error {
					rows[table][row[0].(int64)] = true
					return nil
				})
				if err != nil {
					return err
				}
				counts[table] = len(rows[table])
			}
			err := c.query(ctx, `SELECT id FROM postings`, func(row []driver.Value) error {
				if run := row[0].(int64) >> setBits; !rows["runs"][run] {
					t.Errorf("postings of run %d, which is not there", run)
				}
				return nil
			})
			if err != nil {
				return err
			}
			var u unbundled
			return c.query(ctx, `SELECT id, deliveries, events FROM bundles`, func(row []driver.Value) error {
				if err := u.readDeliveries(row[0].(int64), 0, row[1].(string), false); err != nil {
					return err
				}
				for _, d := range u.deliveries {
					if !rows["envelopes"][d.Envelope] {
						t.Errorf("bundle %d has envelope %d, which is not there", row[0], d.Envelope)
					}
				}
				return numbersOf(row[0].(int64), row[2].(string), func(set, details int64) {
					if !rows["label_sets"][set] || !rows["details"][details] {
						t.Errorf("bundle %d has label set %d and details %d, which are not there", row[0], set, details)
					}
				})
			})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	for kind, table := range map[alert.EntryKind]string{
		alert.KindLabelSet: "label_sets", alert.KindDetails: "details", alert.KindEnvelope: "envelopes",
	} {
		checkLayers(t, s, kind, table)
	}
	return counts
}

// checkLayers: each row is found by one entry, and each entry finds a row.
func checkLayers(t *testing.T, s *Store, kind alert.EntryKind, table string) {
	t.Helper()
	ctx := context.Background()
	err := s.reading(ctx, func(c *conn) error {
		return c.snapshot(ctx, func() error {
			left := map[int64]bool{}
			err := c.query(ctx, `SELECT id FROM `+table, func(row []driver.Value) error { left[row[0].(int64)] = true; return nil })
			if err != nil {
				return err
			}
			layers, err := layersOf(ctx, c, kind)
			for _, l := range layers {
				n := int64(0)
				for part := int64(0); part < 1<<l.bits && err == nil; part++ {
					var slots []byte
					slots, err = l.row(ctx, c, part)
					for ; len(slots) > 0; slots = slots[slotBytes:] {
						n++
						if number := slotNumber(slots); !left[number] {
							t.Errorf("an entry leads to row %d of %s, which is not there or has two", number, table)
						} else {
							delete(left, number)
						}
						if partOf(slots, l.bits) != part {
							t.Errorf("an entry of layer %d is in the wrong row", l.number)
						}
					}
				}
				if n != l.size {
					t.Errorf("layer %d of %s has %d entries and says %d", l.number, table, n, l.size)
				}
			}
			if len(left) > 0 {
				t.Errorf("%d rows of %s are not found", len(left), table)
			}
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFileIsUsedAgain: what is removed makes room for what comes, so a file with
// retention stops growing.
func TestFileIsUsedAgain(t *testing.T) {
	t.Parallel()
	path := temporary(t)
	s := open(t, path)
	size := func() int64 {
		err := s.writing(t.Context(), func(c *conn) error { return c.script(t.Context(), `PRAGMA wal_checkpoint(TRUNCATE)`) })
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	const batches, alerts = 20, 100
	writeHours(t, s, 0, batches, alerts)
	full := size()
	for round := range uint64(4) {
		from := (round + 1) * batches
		if _, err := storagetest.Retain(t.Context(), s, hours(from, 0).ReceivedAt, nil); err != nil {
			t.Fatal(err)
		}
		writeHours(t, s, from, from+batches, alerts)
	}
	if now := size(); now > full*13/10 {
		t.Errorf("%d bytes after five times as much was written, %d after the first time", now, full)
	}
}

// TestMigrateToRetention keeps what is there.
func TestMigrateToRetention(t *testing.T) {
	t.Parallel()
	path := temporary(t)
	s := open(t, path)
	writeHours(t, s, 0, 3, 5)
	err := s.writing(t.Context(), func(c *conn) error {
		return c.script(t.Context(), downTo5+`; DROP TABLE retention; PRAGMA user_version = 4`)
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = open(t, path)
	writeHours(t, s, 3, 4, 5)
	if _, err := storagetest.Retain(t.Context(), s, hours(3, 0).ReceivedAt, nil); err != nil {
		t.Fatal(err)
	}
	if counts := checkTables(t, s); counts["bundles"] != 2 {
		t.Errorf("%d bundles, want 2", counts["bundles"])
	}
}

// foldAll returns all episodes, after folding what there is.
func foldAll(t *testing.T, s *Store) (all []*alert.Episode) {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = s.Fold(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	q := &alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64}
	if err := s.Episodes(t.Context(), q, func(e *alert.Episode) error { all = append(all, e); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRetainedEpisodes: what was over goes, what is open stays with all that it has,
// though the events that it came from are gone; and what waited to be folded when a
// sweep began is read again.
func TestRetainedEpisodes(t *testing.T) {
	t.Parallel()
	s := open(t, temporary(t))
	if _, err := s.Position(t.Context(), retainJournal); err != nil {
		t.Fatal(err)
	}
	write := func(seq uint64, resolved ...int) storagetest.Delivery {
		t.Helper()
		d := hours(seq, 3)
		for i := range d.Alerts {
			d.Alerts[i].StartsAt.Micros = d.ReceivedAt - 1
		}
		for _, i := range resolved {
			d.Alerts[i].Status, d.Alerts[i].EndsAt = alert.Resolved, alert.Time{Micros: d.ReceivedAt}
		}
		if err := s.Write(t.Context(), storagetest.Batch(retainJournal, seq-1, d)); err != nil {
			t.Fatal(err)
		}
		return d
	}
	write(1, 0, 1)
	write(2, 0, 1)
	if n := len(foldAll(t, s)); n != 6 {
		t.Fatalf("%d episodes, want 6", n)
	}
	write(3, 0, 1, 2) // pending
	last := write(4, 0, 1, 2)
	removed, err := storagetest.Retain(t.Context(), s, last.ReceivedAt-1000, nil)
	if err != nil {
		t.Fatal(err)
	}
	if removed.Episodes != 4 || removed.Pieces != 3 {
		t.Errorf("removed %+v, want 3 deliveries and the four episodes that were over", removed)
	}
	left := foldAll(t, s)
	var names []string
	for _, e := range left {
		if e.Details == nil || e.Envelope == nil {
			t.Fatalf("an episode has lost what it refers to: %+v", e)
		}
		names = append(names, e.Labels.Labels[0].Value+" "+e.Details.GeneratorURL)
	}
	if got, want := fmt.Sprint(names), "[4-2 4-2 4-1 4-1 always always 2-2 2-2 1-2 1-2]"; got != want && got != "[always always 4-1 4-1 4-2 4-2 2-2 2-2 1-2 1-2]" {
		t.Errorf("left are %s, want %s", got, want)
	}
	checkTables(t, s)
}
