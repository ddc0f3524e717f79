package sqlite

import (
	"errors"
	"testing"
	"time"

	"stormdrain/internal/alert"
	"stormdrain/storage"
	"stormdrain/storage/storagetest"
)

// sweeping opens two stores of one file, of which the second sweeps and has read what
// there was: the label sets of the first hour, which nothing refers to any more, and
// those of the second.
func sweeping(t *testing.T) (a, b *Store, before int64) {
	t.Helper()
	path := temporary(t)
	a, b = open(t, path), open(t, path)
	writeHours(t, a, 0, 2, 5)
	before = hours(2, 0).ReceivedAt
	for b.retention.sweep == nil || !b.retention.sweep.episodes {
		if _, more, err := b.Retain(t.Context(), before); err != nil || !more {
			t.Fatalf("the sweep did not begin: more %v, %v", more, err)
		}
	}
	return a, b, before
}

// writeAgain stores a delivery that was received in the first hour, as a journal that
// was waiting has it.
func writeAgain(t *testing.T, s *Store, seq uint64) {
	t.Helper()
	d := hours(1, 5)
	d.Seq = seq
	if err := s.Write(t.Context(), storagetest.Batch(retainJournal, seq-1, d)); err != nil {
		t.Fatal(err)
	}
}

func isBusy(err error) bool {
	var busy *storage.BusyError
	return errors.As(err, &busy)
}

// checkEpisodes: what episodes refer to is there.
func checkEpisodes(t *testing.T, s *Store) {
	t.Helper()
	const lost = `SELECT count(*) FROM episodes WHERE label_set NOT IN (SELECT id FROM label_sets)
		OR details NOT IN (SELECT id FROM details) OR envelope NOT IN (SELECT id FROM envelopes)`
	if n := count(t, s, lost); n > 0 {
		t.Errorf("%d episodes refer to what is gone", n)
	}
}

// While one process sweeps, another stores an old delivery again and would remove it:
// what it refers to is only in that process's memory then.
func TestNobodyRemovesWhileAnotherSweeps(t *testing.T) {
	t.Parallel()
	a, b, before := sweeping(t)
	writeAgain(t, a, 3)
	if removed, _, err := a.Retain(t.Context(), before); !isBusy(err) || removed != (alert.Removed{}) {
		t.Errorf("removed %+v, %v; want it to wait", removed, err)
	}
	for b.retention.sweep != nil { // and no further: another sweep would have a forget its numbers
		if _, _, err := b.Retain(t.Context(), before); err != nil {
			t.Fatal(err)
		}
	}
	mustFold(t, a)
	checkEpisodes(t, a)
	writeAgain(t, a, 4) // with the numbers that a remembers
	checkTables(t, a)
	if _, err := storagetest.Retain(t.Context(), a, before, nil); err != nil {
		t.Fatal(err)
	}
	mustFold(t, a)
	checkEpisodes(t, a)
	checkTables(t, a)
}

// A sweep that nobody has heard of for long is over, and if it goes on after all it
// removes nothing.
func TestASilentSweepIsOver(t *testing.T) {
	t.Parallel()
	a, b, before := sweeping(t)
	writeAgain(t, a, 3)
	err := a.writing(t.Context(), func(c *conn) error {
		_, err := c.exec(t.Context(), `UPDATE retention SET seen_at = seen_at - ?`, (2 * sweeperSilent).Microseconds())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if removed, _, err := a.Retain(t.Context(), before); err != nil || removed.Pieces != 1 {
		t.Fatalf("removed %+v, %v; want the old delivery", removed, err)
	}
	b.retention.sweep.heard = time.Now()
	if removed, more, err := b.Retain(t.Context(), before); !isBusy(err) {
		t.Errorf("the silent one removed %+v, more %v, %v; want it to find out", removed, more, err)
	}
	mustFold(t, a)
	for _, s := range []*Store{b, a} {
		if _, err := storagetest.Retain(t.Context(), s, before, nil); err != nil {
			t.Fatal(err)
		}
	}
	writeAgain(t, a, 4)
	checkEpisodes(t, a)
	checkTables(t, a)
}

// A store that is closed leaves its sweep to whoever comes next.
func TestCloseGivesASweepUp(t *testing.T) {
	t.Parallel()
	a, b, before := sweeping(t)
	if _, _, err := a.Retain(t.Context(), before); !isBusy(err) {
		t.Fatalf("%v; want it to wait", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := storagetest.Retain(t.Context(), a, before, nil); err != nil {
		t.Fatal(err)
	}
	if n := checkTables(t, a)["label_sets"]; n != 5 {
		t.Errorf("%d label sets are left, want the 5 of the second hour", n)
	}
}
