package postgres

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage/storagetest"
)

// history is all that folding makes, in an order that does not depend on numbers.
type history struct {
	Episodes []string
	Sources  []alert.Source
	Minutes  []alert.Minute
}

func (s *Store) history(t *testing.T) (h history) {
	t.Helper()
	for _, e := range s.episodes(t, &alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64}) {
		h.Episodes = append(h.Episodes, describe(e))
	}
	slices.Sort(h.Episodes)
	var err error
	if h.Sources, err = s.Sources(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = s.Minutes(t.Context(), math.MinInt64, math.MaxInt64, func(m alert.Minute) error {
		h.Minutes = append(h.Minutes, m)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func describe(e *alert.Episode) string {
	c := *e
	c.Number, c.Labels, c.Details, c.Envelope = 0, nil, nil, nil
	return fmt.Sprintf("%+v %+v %+v %+v", c, *e.Labels, *e.Details, *e.Envelope)
}

func (s *Store) episodes(t *testing.T, q *alert.EpisodeQuery) (got []*alert.Episode) {
	t.Helper()
	err := s.Episodes(t.Context(), q, func(e *alert.Episode) error {
		got = append(got, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// foldAll folds until there is no more at hand, and returns how often.
func (s *Store) foldAll(t *testing.T) (folds int) {
	t.Helper()
	for more := true; more; folds++ {
		var err error
		if more, err = s.Fold(t.Context()); err != nil {
			t.Fatal(err)
		}
		if folds > 100_000 {
			t.Fatal("folding does not come to an end")
		}
	}
	return folds
}

// at returns where a journal is stored up to, and changes nothing.
func (s *Store) at(t *testing.T, id alert.ID) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s.mustQuery(t, fmt.Sprintf(`SELECT position::text FROM journals WHERE id = '%x'`, id))[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (s *Store) mustWrite(t *testing.T, id alert.ID, from uint64, ds ...storagetest.Delivery) {
	t.Helper()
	if err := s.Write(t.Context(), storagetest.Batch(id, from, ds...)); err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, got, want history) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return
	}
	for i := range min(len(got.Episodes), len(want.Episodes)) {
		if got.Episodes[i] != want.Episodes[i] {
			t.Fatalf("episode %d is\n%s\nwant\n%s", i, got.Episodes[i], want.Episodes[i])
		}
	}
	t.Fatalf("%d episodes, want %d; sources\n%+v\nwant\n%+v\nminutes\n%+v\nwant\n%+v",
		len(got.Episodes), len(want.Episodes), got.Sources, want.Sources, got.Minutes, want.Minutes)
}

// TestRebuildIsLive folds delivery by delivery, so that every state goes through the
// tables each time, and then all of it again in chunks that another journal's rows
// lie between, with a delivery larger than a page.
func TestRebuildIsLive(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	s := d.open(t)
	other := d.open(t)
	s.mustPosition(t)
	if _, err := other.Position(t.Context(), alert.ID{8}); err != nil {
		t.Fatal(err)
	}
	g, noise := storagetest.NewGenerator(3), storagetest.NewGenerator(4)
	for seq := range uint64(120) {
		del := g.Delivery(seq + 1)
		s.mustWrite(t, journal, seq, del)
		if seq == 60 {
			continue // and the next fold has both
		}
		if more, err := s.Fold(t.Context()); more || err != nil {
			t.Fatal(more, err)
		}
		// Events of another source lie between, at the same times.
		e := noise.Delivery(other.at(t, alert.ID{8}) + 1)
		e.ReceivedAt, e.Source = del.ReceivedAt, "noise"
		other.mustWrite(t, alert.ID{8}, e.Seq-1, e)
	}
	other.foldAll(t)
	live := s.history(t)
	if len(live.Episodes) < 100 {
		t.Fatalf("%d episodes", len(live.Episodes))
	}
	for _, z := range []steps{{events: 1, ahead: 1, page: 1}, {events: 50, ahead: 7, page: 3}, defaultSteps} {
		s.folder.steps, other.folder.steps = z, z
		if err := s.ForgetEpisodes(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.history(t); len(got.Episodes)+len(got.Sources)+len(got.Minutes) > 0 {
			t.Fatalf("left behind: %+v", got)
		}
		s.foldAll(t)
		other.foldAll(t) // which finds nothing
		same(t, s.history(t), live)
	}
}

// TestCrashBeforeFold loses what was put aside, once with the process and once
// because there was too much of it.
func TestCrashBeforeFold(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	first := d.open(t)
	first.mustPosition(t)
	first.mustWrite(t, journal, 0, delivery(1), delivery(2))
	first.Close()

	s := d.open(t)
	s.mustPosition(t)
	s.mustWrite(t, journal, 2, delivery(3))
	if more, err := s.Fold(t.Context()); !more || err != nil {
		t.Fatalf("more is %v after reading again, before what is pending; %v", more, err)
	}
	if more, err := s.Fold(t.Context()); more || err != nil {
		t.Fatal(more, err)
	}
	s.mustWrite(t, journal, 3, delivery(4))
	s.folder.begin(journal, 4) // lets go
	s.mustWrite(t, journal, 4, delivery(5))
	s.foldAll(t)
	got := s.episodes(t, &alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64})
	if len(got) != 1 || got[0].Receipts != 5 || s.Folded() != 5 {
		t.Fatalf("%d episodes, the first with %d receipts, %d folded by this process; want 1, 5 and 5", len(got), got[0].Receipts, s.Folded())
	}
	if want := delivery(5).ReceivedAt; got[0].LastReceivedAt != want {
		t.Errorf("last received at %d, want %d", got[0].LastReceivedAt, want)
	}
}

// TestFoldedByOthers has another process fold all that this one has put aside.
func TestFoldedByOthers(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	s, other := d.open(t), d.open(t)
	s.mustPosition(t)
	s.mustWrite(t, journal, 0, delivery(1), delivery(2))
	if err := other.ForgetEpisodes(t.Context()); err != nil {
		t.Fatal(err)
	}
	other.foldAll(t)
	s.foldAll(t)
	s.mustWrite(t, journal, 2, delivery(3))
	s.foldAll(t)
	got := s.episodes(t, &alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64})
	if len(got) != 1 || got[0].Receipts != 3 {
		t.Fatalf("%d episodes, the first with %d receipts; want 1 and 3", len(got), got[0].Receipts)
	}
}

// TestFailedFoldIsPending has what a fold that failed had taken come before the rest.
func TestFailedFoldIsPending(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.mustPosition(t)
	s.mustWrite(t, journal, 0, delivery(1))
	s.mustExec(t, `ALTER TABLE journals ADD CONSTRAINT nobody_folds CHECK (folded = 0)`)
	if _, err := s.Fold(t.Context()); err == nil {
		t.Fatal("folded in spite of the constraint")
	}
	one := s.Pending()
	s.mustWrite(t, journal, 1, delivery(2))
	if two := s.Pending(); one == 0 || two <= one {
		t.Errorf("%g is put aside after a fold that failed, %g with another delivery", one, two)
	}
	s.mustExec(t, `ALTER TABLE journals DROP CONSTRAINT nobody_folds`)
	if folds := s.foldAll(t); folds != 2 || s.Pending() != 0 || s.Folded() != 2 {
		t.Errorf("%d folds, %g put aside, %d events folded; want 2, 0 and 2", folds, s.Pending(), s.Folded())
	}
}

// TestBegunResolvedCountsOnce folds a resolve that came first again: after a commit
// that failed, and beside another process that has all made anew.
func TestBegunResolvedCountsOnce(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	s, other := d.open(t), d.open(t)
	s.mustPosition(t)
	resolved := delivery(1)
	resolved.Alerts[0].Status, resolved.Alerts[0].EndsAt = alert.Resolved, alert.Time{Micros: 9_000_005}
	s.mustWrite(t, journal, 0, resolved)
	want := func(n uint64) {
		t.Helper()
		if got := s.BegunResolved(); got != n {
			t.Fatalf("%d have begun with a resolve, want %d", got, n)
		}
	}
	s.mustExec(t, `ALTER TABLE journals ADD CONSTRAINT nobody_folds CHECK (folded = 0)`)
	if _, err := s.Fold(t.Context()); err == nil {
		t.Fatal("folded in spite of the constraint")
	}
	want(0)
	s.mustExec(t, `ALTER TABLE journals DROP CONSTRAINT nobody_folds`)
	s.foldAll(t)
	want(1)
	if err := other.ForgetEpisodes(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.foldAll(t)
	want(1)
	if n := len(s.episodes(t, &alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64})); n != 1 {
		t.Errorf("%d episodes, want 1", n)
	}
}

// TestProcessesFoldTogether has two stores with a journal each write and fold the
// same alerts at once, one of them forget everything in between, and a third one
// fold what is left.
func TestProcessesFoldTogether(t *testing.T) {
	t.Parallel()
	const rounds, alerts = 25, 20
	d := newDatabases(t)
	var wg sync.WaitGroup
	errs := make([]error, 2)
	stores := []*Store{d.open(t), d.open(t)}
	for i, s := range stores {
		wg.Go(func() {
			id := alert.ID{byte(i + 1)}
			_, err := s.Position(t.Context(), id)
			for seq := uint64(0); seq < rounds && err == nil; seq++ {
				del := delivery(seq + 1)
				del.Envelope.Receiver = fmt.Sprint("r", i)
				for n := range alerts {
					a := del.Alerts[0]
					a.Index, a.Labels = int32(n), storagetest.Labels("alertname", "A", "n", fmt.Sprint(n))
					del.Alerts = append(del.Alerts, a)
				}
				del.Alerts = del.Alerts[1:]
				err = s.Write(t.Context(), storagetest.Batch(id, seq, del))
				if err == nil && seq == rounds/2 && i == 0 {
					err = s.ForgetEpisodes(t.Context())
				}
				if err == nil {
					_, err = s.Fold(t.Context())
				}
			}
			errs[i] = err
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for _, s := range stores {
		s.foldAll(t)
	}
	got := stores[0].episodes(t, &alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64})
	if len(got) != alerts {
		t.Fatalf("%d episodes, want %d", len(got), alerts)
	}
	for _, e := range got {
		if e.Receipts != 2*rounds || !slices.Equal(e.Receivers, []string{"r0", "r1"}) {
			t.Errorf("%v: %d receipts by %q, want %d by both", e.Labels, e.Receipts, e.Receivers, 2*rounds)
		}
	}
	h := stores[1].history(t)
	if len(h.Sources) != 1 || h.Sources[0].Deliveries != 2*rounds {
		t.Errorf("sources %+v, want %d deliveries", h.Sources, 2*rounds)
	}
	if want := []alert.Minute{{At: h.Minutes[0].At, Firing: 2 * rounds * alerts}}; !slices.Equal(h.Minutes, want) {
		t.Errorf("minutes %+v, want %+v", h.Minutes, want)
	}
}

// TestJournalsOfOthers leaves a journal alone while its process may live, and folds
// it when it has not moved for a minute.
func TestJournalsOfOthers(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	gone, s := d.open(t), d.open(t)
	gone.mustPosition(t)
	gone.mustWrite(t, journal, 0, delivery(1))
	gone.Close()
	if _, err := s.Position(t.Context(), alert.ID{8}); err != nil {
		t.Fatal(err)
	}
	all := &alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64}
	s.foldAll(t)
	if n := len(s.episodes(t, all)); n != 0 {
		t.Fatalf("%d episodes of a process that may live", n)
	}
	s.mustExec(t, `UPDATE journals SET moved_at = now() - interval '61 seconds'`)
	s.foldAll(t)
	if n := len(s.episodes(t, all)); n != 1 {
		t.Fatalf("%d episodes of a process that is gone, want 1", n)
	}
	// Who forgets makes all of it anew, and never asked for a journal.
	s.mustExec(t, `UPDATE journals SET moved_at = now()`)
	again := d.open(t)
	if err := again.ForgetEpisodes(t.Context()); err != nil {
		t.Fatal(err)
	}
	again.foldAll(t)
	if n := len(again.episodes(t, all)); n != 1 {
		t.Fatalf("%d episodes made anew, want 1", n)
	}
}

// TestMigrationKeepsEvents takes a database back to what the first version made, with
// events in it.
func TestMigrationKeepsEvents(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	old := d.open(t)
	old.mustPosition(t)
	resolved := delivery(2)
	resolved.Alerts[0].Status, resolved.Alerts[0].EndsAt = alert.Resolved, alert.Time{Micros: 9_000_005}
	old.mustWrite(t, journal, 0, delivery(1), resolved)
	old.mustExec(t, `DROP VIEW alert_episodes; DROP TABLE episodes, episode_beginnings, sources, minutes; DROP SEQUENCE episode_numbers;
		ALTER TABLE journals DROP folded, DROP folded_at, DROP moved_at;
		DROP TABLE recorded, recorded_keys, retention, retention_uses; `+withoutRuns+`; DROP INDEX label_blocks_numbers; DELETE FROM stormdrain_schema WHERE version > 1`)
	old.Close()

	s := d.open(t)
	if got := s.mustPosition(t); got != 2 {
		t.Fatalf("position %d, want 2", got)
	}
	s.foldAll(t)
	got := s.episodes(t, &alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64})
	if len(got) != 1 || got[0].Receipts != 2 || got[0].Status != alert.Resolved || got[0].EndsAt.Micros != 9_000_005 {
		t.Fatalf("episodes %+v", got)
	}
	if n := s.count(t); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
}

func TestEpisodesView(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.mustPosition(t)
	storagetest.CheckEpisodesView(t, s.mustQuery(t, `SELECT attname::text FROM pg_attribute WHERE attrelid = 'alert_episodes'::regclass AND attnum > 0 ORDER BY attnum`))
	first, second, third := delivery(1), delivery(2), delivery(3)
	first.Source, second.Source, third.Source = "eu", "eu", "eu"
	second.Alerts[0].Status, second.Alerts[0].EndsAt = alert.Resolved, alert.Time{Micros: 1_000_000}
	third.Alerts[0].StartsAt = alert.Time{Micros: 2_000_000}
	s.mustWrite(t, journal, 0, first, second, third)
	s.foldAll(t)
	got := s.mustQuery(t, `SELECT row_to_json(v)::text FROM
		(SELECT source, fingerprint, alertname, severity, starts_at, ends_at, first_received_at, last_received_at, receipts, status, labels, annotations
			FROM alert_episodes ORDER BY starts_at) v`)
	fingerprint := string(alert.AppendFingerprint(nil, first.Alerts[0].Labels.Fingerprint))
	const row = `{"source":"eu","fingerprint":"%s","alertname":"A","severity":"page","starts_at":"%s","ends_at":%s,` +
		`"first_received_at":"2026-05-28T20:26:40.00000%d+00:00","last_received_at":"2026-05-28T20:26:40.00000%d+00:00","receipts":%d,"status":"%s",` +
		`"labels":{"severity": "page", "alertname": "A"},"annotations":{"a": "b"}}`
	want := []string{
		fmt.Sprintf(row, fingerprint, "1970-01-01T00:00:00.000005+00:00", `"1970-01-01T00:00:01+00:00"`, 1, 2, 2, "resolved"),
		fmt.Sprintf(row, fingerprint, "1970-01-01T00:00:02+00:00", "null", 3, 3, 1, "firing"),
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestMinutesAndLabels(t *testing.T) {
	t.Parallel()
	s := newDatabases(t).open(t)
	s.mustPosition(t)
	var ds []storagetest.Delivery
	for i := range uint64(40) {
		del := delivery(i + 1)
		del.ReceivedAt = 1_780_000_020_000_000 + int64(i)*30_000_000 // minutes begin with even ones
		del.Alerts[0].Labels = storagetest.Labels("alertname", "A", "severity", fmt.Sprint("s", i%3), "zone\x00", fmt.Sprint(i))
		if i%4 == 3 {
			del.Alerts[0].Status, del.Alerts[0].EndsAt = alert.Resolved, alert.Time{Micros: del.ReceivedAt}
		}
		ds = append(ds, del)
	}
	s.mustWrite(t, journal, 0, ds...)
	s.foldAll(t)
	begin := ds[0].ReceivedAt
	var got []alert.Minute
	err := s.Minutes(t.Context(), begin+1, begin+3*60_000_000, func(m alert.Minute) error {
		got = append(got, m)
		return nil
	})
	want := []alert.Minute{
		{At: begin + 60_000_000, Severity: "s0", Resolved: 1}, {At: begin + 60_000_000, Severity: "s2", Firing: 1},
		{At: begin + 120_000_000, Severity: "s1", Firing: 1}, {At: begin + 120_000_000, Severity: "s2", Firing: 1},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v\n%+v, want\n%+v", err, got, want)
	}
	enough := errors.New("enough")
	if err := s.Minutes(t.Context(), begin, begin+1, func(alert.Minute) error { return enough }); err != enough {
		t.Errorf("got %v, want yield's own error", err)
	}
	f := func(q alert.LabelQuery, want ...string) {
		t.Helper()
		got, err := s.Labels(t.Context(), &q)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%+v: %q, %v; want %q", q, got, err, want)
		}
	}
	f(alert.LabelQuery{}, "alertname", "severity", "zone\x00")
	f(alert.LabelQuery{Name: "severity", Limit: 2}, "s0", "s1")
	f(alert.LabelQuery{Name: "zone\x00", Prefix: "1", Limit: 3}, "1", "10", "11")
	f(alert.LabelQuery{Name: "absent"})
}

// TestConnectionBreaksDuringFold cuts the line before and after the server has read
// COMMIT: what was put aside is folded once, whichever it was.
func TestConnectionBreaksDuringFold(t *testing.T) {
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
			s.mustPosition(t)
			s.mustWrite(t, journal, 0, delivery(1), delivery(2))
			cut.armed.Store(true)
			if _, err := s.Fold(t.Context()); err == nil {
				t.Fatal("no error")
			}
			s.mustWrite(t, journal, 2, delivery(3))
			s.foldAll(t)
			got := s.episodes(t, &alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64})
			if len(got) != 1 || got[0].Receipts != 3 {
				t.Errorf("%d episodes, the first with %d receipts; want 1 with 3", len(got), got[0].Receipts)
			}
		})
	}
}
