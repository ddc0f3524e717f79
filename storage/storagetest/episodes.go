package storagetest

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// EpisodeStore is a store that keeps episodes.
type EpisodeStore interface {
	storage.Store
	storage.Folder
	storage.EpisodeReader
}

// ExerciseEpisodes is Exercise for what a store makes of events.
func ExerciseEpisodes(t *testing.T, open func(t *testing.T) EpisodeStore) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, func(*testing.T) EpisodeStore)
	}{
		{"Flapping", testFlapping},
		{"FoldedAgain", testFoldedAgain},
		{"FoldedBesideWriting", testFoldedBesideWriting},
		{"TooMuchToPutAside", testTooMuch},
		{"EveryEpisodeOfAnAlert", testManyEpisodes},
		{"BoundsToTheNanosecond", testBounds},
		{"NothingToFold", testNothingToFold},
		{"Labels", testLabels},
		{"EpisodesYieldsError", testEpisodesYieldError},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open) })
	}
}

// foldingSession is a store in the hands of one test, and what it must say.
type foldingSession struct {
	*session
	open  func(*testing.T) EpisodeStore
	store EpisodeStore
	model Folding
	last  map[alert.ID]uint64
	begun uint64 // what stores said before this one of episodes that begin with a resolve
}

func setupFolding(t *testing.T, open func(*testing.T) EpisodeStore) *foldingSession {
	t.Helper()
	s := &foldingSession{open: open, last: map[alert.ID]uint64{}}
	s.session = setup(t, s.opened)
	return s
}

// opened opens the store of t and keeps what setup does not know of it.
func (s *foldingSession) opened(t *testing.T) storage.Store {
	t.Helper()
	s.store = s.open(t)
	return s.store
}

func (s *foldingSession) reopen() {
	s.t.Helper()
	s.begun += s.store.BegunResolved()
	s.session.close()
	s.session.open(s.opened)
}

// add writes deliveries of a journal and tells the model.
func (s *foldingSession) add(journal alert.ID, deliveries ...Delivery) {
	s.t.Helper()
	s.write(Batch(journal, s.last[journal], deliveries...))
	s.last[journal] = deliveries[len(deliveries)-1].Seq
	for i := range deliveries {
		s.model.Add(&deliveries[i])
	}
}

// fold folds once.
func (s *foldingSession) fold() (more bool) {
	s.t.Helper()
	more, err := s.store.Fold(s.ctx)
	if err != nil {
		s.t.Fatalf("Fold: %v", err)
	}
	return more
}

// foldAll folds until there is no more.
func (s *foldingSession) foldAll() {
	s.t.Helper()
	for s.fold() {
	}
}

func (s *foldingSession) episodes(q *alert.EpisodeQuery) (got []*alert.Episode) {
	s.t.Helper()
	err := s.store.Episodes(s.ctx, q, func(e *alert.Episode) error {
		got = append(got, e)
		return nil
	})
	if err != nil {
		s.t.Fatalf("Episodes: %v", err)
	}
	return got
}

// checkAll compares everything, and learns the numbers of the episodes, without which
// the model does not know the order of those that begin together.
func (s *foldingSession) checkAll() {
	s.t.Helper()
	got := s.episodes(AllEpisodes())
	numbers := map[int64]bool{}
	for _, e := range got {
		if numbers[e.Number] {
			s.t.Fatalf("two episodes have number %d", e.Number)
		}
		numbers[e.Number] = true
		if !s.model.Number(e) {
			s.t.Fatalf("episode of %+q from %+v is none of the model's", e.Labels.Labels, e.StartsAt)
		}
	}
	CompareEpisodes(s.t, got, s.model.Episodes(AllEpisodes()))
	sources, err := s.store.Sources(s.ctx)
	if want := s.model.Sources(); err != nil || !reflect.DeepEqual(sources, want) {
		s.t.Fatalf("sources are %+v, %v, want %+v", sources, err, want)
	}
	s.checkMinutes(math.MinInt64, math.MaxInt64)
	if got, want := s.begun+s.store.BegunResolved(), s.model.BegunResolved(); got != want {
		s.t.Fatalf("%d episodes have been found to begin with a resolve, want %d", got, want)
	}
}

func (s *foldingSession) checkMinutes(from, to int64) {
	s.t.Helper()
	var minutes []alert.Minute
	err := s.store.Minutes(s.ctx, from, to, func(m alert.Minute) error {
		minutes = append(minutes, m)
		return nil
	})
	if want := s.model.Minutes(from, to); err != nil || !reflect.DeepEqual(minutes, want) {
		s.t.Fatalf("minutes in [%d, %d) are %+v, %v, want %+v", from, to, minutes, err, want)
	}
}

// Random deliveries, folded at random moments and reopened between, are what the
// plainest folding says; and every form of question gets its answer.
func testFlapping(t *testing.T, open func(*testing.T) EpisodeStore) {
	t.Parallel()
	s := setupFolding(t, open)
	g, r := NewFlapping(1), rand.New(rand.NewPCG(1, 1))
	seq := uint64(0)
	for range 50 {
		var some []Delivery
		for range 1 + r.IntN(8) {
			seq++
			some = append(some, g.Delivery(seq))
		}
		s.add(journalA, some...)
		switch r.IntN(6) {
		case 0:
			s.reopen()
		case 1, 2:
			s.fold()
		case 3:
			s.foldAll()
			s.checkAll()
		}
	}
	s.foldAll()
	s.checkAll()
	if s.model.BegunResolved() == 0 {
		t.Error("none of the episodes begins with a resolve")
	}
	all := s.model.Episodes(AllEpisodes())
	for range 300 {
		q := g.Query(all)
		CompareEpisodes(t, s.episodes(q), bare(q, s.model.Episodes(q)))
		s.checkCounts(q)
	}
	minutes := s.model.Minutes(math.MinInt64, math.MaxInt64)
	for range 10 {
		s.checkMinutes(pick(r, minutes).At+r.Int64N(3)-1, pick(r, minutes).At+r.Int64N(3)-1)
	}
}

// checkCounts compares what the store counts with a count of what it reads.
func (s *foldingSession) checkCounts(q *alert.EpisodeQuery) {
	s.t.Helper()
	all := *q
	all.Limit, all.After = 0, nil
	want := map[string]*alert.EpisodeCount{}
	key := func(source string, set *alert.LabelSet) string {
		return fmt.Sprintf("%q %x %q", source, set.Fingerprint, set.Labels)
	}
	for _, e := range s.episodes(&all) {
		k := key(e.Source, e.Labels)
		if want[k] == nil {
			want[k] = &alert.EpisodeCount{Source: e.Source, Labels: e.Labels}
		}
		want[k].Add(e)
	}
	for _, c := range want {
		slices.Sort(c.Lengths)
	}
	got := map[string]*alert.EpisodeCount{}
	err := s.store.EpisodeCounts(s.ctx, q, func(c *alert.EpisodeCount) error {
		slices.Sort(c.Lengths)
		k := key(c.Source, c.Labels)
		if got[k] != nil {
			s.t.Errorf("%s is counted twice", k)
		}
		got[k] = c
		return nil
	})
	if err != nil {
		s.t.Fatalf("EpisodeCounts: %v", err)
	}
	same := func(a, b *alert.EpisodeCount) bool {
		return a.Episodes == b.Episodes && a.Receipts == b.Receipts && a.Open == b.Open && a.Unresolved == b.Unresolved && slices.Equal(a.Lengths, b.Lengths)
	}
	if !maps.EqualFunc(got, want, same) {
		for k, c := range want {
			s.t.Logf("%s: %+v, want %+v", k, got[k], c)
		}
		s.t.Fatalf("%+v: %d alerts are counted, or not as their episodes are; want %d", *q, len(got), len(want))
	}
}

// bare is what q leaves of episodes.
func bare(q *alert.EpisodeQuery, episodes []*alert.Episode) []*alert.Episode {
	for _, e := range episodes {
		if q.Bare {
			e.Details, e.Envelope, e.Receivers = nil, nil, nil
		}
	}
	return episodes
}

// What is forgotten comes back the same, whether it was pending or not.
func testFoldedAgain(t *testing.T, open func(*testing.T) EpisodeStore) {
	t.Parallel()
	s := setupFolding(t, open)
	g := NewFlapping(2)
	for seq := uint64(1); seq <= 60; seq += 3 {
		s.add(journalA, g.Delivery(seq), g.Delivery(seq+1), g.Delivery(seq+2))
		if seq%9 == 1 {
			s.fold()
		}
	}
	before := s.store.Folded()
	if err := s.store.ForgetEpisodes(s.ctx); err != nil {
		t.Fatal(err)
	}
	if got := s.episodes(AllEpisodes()); len(got) > 0 {
		t.Fatalf("%d episodes are left", len(got))
	}
	s.foldAll()
	s.checkAll()
	events := uint64(0)
	for _, m := range s.model.Minutes(math.MinInt64, math.MaxInt64) {
		events += uint64(m.Firing + m.Resolved)
	}
	if folded := s.store.Folded() - before; folded != events {
		t.Errorf("%d events folded again, want %d", folded, events)
	}
	// A second journal, of another source, comes when the first is done with.
	d := NewFlapping(3).Delivery(1)
	d.Source = "of another process"
	s.add(journalB, d)
	s.reopen()
	s.foldAll()
	s.checkAll()
}

// Folds that run beside writing come to the same, with nothing missing or twice.
func testFoldedBesideWriting(t *testing.T, open func(*testing.T) EpisodeStore) {
	t.Parallel()
	s := setupFolding(t, open)
	g := NewFlapping(5)
	written, folded := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			if _, err := s.store.Fold(s.ctx); err != nil {
				folded <- err
				return
			}
			select {
			case <-written:
				folded <- nil
				return
			default:
			}
		}
	}()
	for seq := range uint64(150) {
		s.add(journalA, g.Delivery(seq+1))
	}
	close(written)
	if err := <-folded; err != nil {
		t.Fatalf("Fold: %v", err)
	}
	s.foldAll()
	s.checkAll()
}

// More than may be put aside is read again, and nothing is missing or twice: alerts that
// are on and off in turn leave a run for each receipt.
func testTooMuch(t *testing.T, open func(*testing.T) EpisodeStore) {
	t.Parallel()
	s := setupFolding(t, open)
	const alerts, times = 1000, 67
	d := stormOf(1, alerts)
	for i := alerts; i < alerts*times; i++ {
		a := d.Alerts[i-alerts]
		a.Index = int32(i)
		if a.Status = 1 - a.Status; a.Status == alert.Resolved {
			a.EndsAt = alert.Time{Micros: someday}
		} else {
			a.EndsAt = alert.NoTime
		}
		d.Alerts = append(d.Alerts, a)
	}
	s.add(journalA, d)
	if part := s.store.Pending(); part > 1 {
		t.Errorf("%g of what may be put aside is", part)
	}
	s.add(journalA, stormOf(2, 10))
	s.foldAll()
	if part := s.store.Pending(); part != 0 {
		t.Errorf("%g of what may be put aside is, after folding all", part)
	}
	if folded := s.store.Folded(); folded != alerts*times+10 {
		t.Errorf("%d events folded, want %d", folded, alerts*times+10)
	}
	n, again := 0, 0
	for _, e := range s.episodes(&alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64, Bare: true}) {
		switch e.Receipts {
		case times:
			n++
		case times + 1:
			again++
		}
	}
	if n != alerts-10 || again != 10 {
		t.Errorf("%d episodes were received %d times and %d once more, want %d and 10", n, times, again, alerts-10)
	}
}

// stormOf makes a delivery of so many alerts, the same ones for each seq.
func stormOf(seq uint64, alerts int) Delivery {
	d := Delivery{Seq: seq, ReceivedAt: someday + int64(seq), RequestID: "storm"}
	for i := range alerts {
		d.Alerts = append(d.Alerts, Alert{
			Index: int32(i), StartsAt: alert.Time{Micros: someday - int64(i)}, EndsAt: alert.NoTime,
			Labels: alert.LabelSet{Fingerprint: uint64(i), Labels: []alert.Pair{{Name: "alertname", Value: "Storm"}}},
		})
	}
	return d
}

// An alert that flaps has many episodes: each is a page's or two's worth, in order.
func testManyEpisodes(t *testing.T, open func(*testing.T) EpisodeStore) {
	t.Parallel()
	s := setupFolding(t, open)
	labels := Labels("alertname", "Flapping", "severity", "page")
	for seq := uint64(1); seq <= 12; seq++ {
		d := Delivery{Seq: seq, ReceivedAt: someday + int64(seq)*60e6, RequestID: "many"}
		for i := range 100 {
			begin := alert.Time{Micros: d.ReceivedAt + int64(i)*100}
			d.Alerts = append(d.Alerts,
				Alert{Index: int32(2 * i), StartsAt: begin, EndsAt: alert.NoTime, Labels: labels},
				Alert{Index: int32(2*i + 1), StartsAt: begin, EndsAt: alert.Time{Micros: begin.Micros + int64(i)}, Status: alert.Resolved, Labels: labels})
		}
		s.add(journalA, d)
		s.fold()
	}
	s.checkAll()
	q := AllEpisodes()
	q.Fingerprint, q.Limit = &labels.Fingerprint, 70
	seen := 0
	for {
		page := s.episodes(q)
		CompareEpisodes(t, page, s.model.Episodes(q))
		if len(page) == 0 {
			break
		}
		seen += len(page)
		q.After = new(page[len(page)-1].Cursor())
	}
	if seen != 1200 {
		t.Errorf("%d episodes in pages, want 1200", seen)
	}
}

// Bounds are those of docs/api.md to the nanosecond, from which and at which an
// episode counts, and before which it must have begun.
func testBounds(t *testing.T, open func(*testing.T) EpisodeStore) {
	t.Parallel()
	s := setupFolding(t, open)
	at := func(nanos int) alert.Time {
		return alert.Time{Micros: someday + int64(nanos)/1000, Nanos: uint16(nanos % 1000)}
	}
	d := Delivery{Seq: 1, ReceivedAt: someday + 60e6, RequestID: "bounds"}
	labels := Labels("alertname", "Bounded")
	d.Alerts = []Alert{
		{Index: 0, StartsAt: at(500), EndsAt: alert.NoTime, Labels: labels},
		{Index: 1, StartsAt: at(500), EndsAt: at(1700), Status: alert.Resolved, Labels: labels},
	}
	s.add(journalA, d)
	s.foldAll()
	f := func(q alert.EpisodeQuery, want int) {
		t.Helper()
		if got := len(s.episodes(&q)); got != want {
			t.Errorf("%+v: %d episodes, want %d", q, got, want)
		}
		s.checkCounts(&q)
	}
	between := func(from, to alert.Time) alert.EpisodeQuery {
		return alert.EpisodeQuery{From: from.Micros, FromNanos: from.Nanos, To: to.Micros, ToNanos: to.Nanos}
	}
	f(between(at(0), at(499)), 0)
	f(between(at(0), at(500)), 0) // to is exclusive
	f(between(at(0), at(501)), 1)
	f(between(at(500), at(501)), 1)
	f(between(at(500), at(500)), 0)
	f(between(at(1699), at(9000)), 1)
	f(between(at(1700), at(9000)), 0) // it has ended by then
	moment := func(at alert.Time) alert.EpisodeQuery {
		return alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64, At: &at.Micros, AtNanos: at.Nanos}
	}
	f(moment(at(499)), 0)
	f(moment(at(500)), 1)
	f(moment(at(1699)), 1)
	f(moment(at(1700)), 0)
}

// Positions that move without events are folded, too, and then there is nothing.
func testNothingToFold(t *testing.T, open func(*testing.T) EpisodeStore) {
	t.Parallel()
	s := setupFolding(t, open)
	if s.fold() {
		t.Error("more to fold where nothing is stored")
	}
	s.write(&alert.Batch{Journal: journalA, From: 0, To: 7})
	s.last[journalA] = 7
	s.reopen()
	s.foldAll()
	s.add(journalA, stormOf(9, 1))
	s.foldAll()
	s.checkAll()
	if s.fold() {
		t.Error("more to fold where all is folded")
	}
}

func testLabels(t *testing.T, open func(*testing.T) EpisodeStore) {
	t.Parallel()
	s := setupFolding(t, open)
	d := Delivery{Seq: 1, ReceivedAt: someday}
	for i, set := range []alert.LabelSet{
		Labels("\x00", "nul\x00", "alertname", "A", "severity", "critical"),
		Labels("alertname", "B", "größe", `"1"`, "severity", ""),
		Labels("alertname", "AB", "sev", "x", "severity", "warning\x1a"),
	} {
		d.Alerts = append(d.Alerts, Alert{Index: int32(i), StartsAt: alert.Time{Micros: someday}, EndsAt: alert.NoTime, Labels: set})
	}
	s.add(journalA, d)
	f := func(q alert.LabelQuery, want ...string) {
		t.Helper()
		got, err := s.store.Labels(s.ctx, &q)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%+v: %q, %v, want %q", q, got, err, want)
		}
	}
	f(alert.LabelQuery{}, "\x00", "alertname", "größe", "sev", "severity")
	f(alert.LabelQuery{Prefix: "sev"}, "sev", "severity")
	f(alert.LabelQuery{Prefix: "sev", Limit: 1}, "sev")
	f(alert.LabelQuery{Name: "alertname"}, "A", "AB", "B")
	f(alert.LabelQuery{Name: "alertname", Prefix: "A", Limit: 2}, "A", "AB")
	f(alert.LabelQuery{Name: "severity"}, "critical", "warning\x1a") // an empty label is none
	f(alert.LabelQuery{Name: "\x00"}, "nul\x00")
	f(alert.LabelQuery{Name: "absent"})
}

func testEpisodesYieldError(t *testing.T, open func(*testing.T) EpisodeStore) {
	t.Parallel()
	s := setupFolding(t, open)
	s.add(journalA, stormOf(1, 3))
	s.foldAll()
	stop := errors.New("enough")
	err := s.store.Episodes(s.ctx, AllEpisodes(), func(*alert.Episode) error { return stop })
	if err != stop {
		t.Errorf("Episodes returned %v, want yield's error as it is", err)
	}
	err = s.store.EpisodeCounts(s.ctx, AllEpisodes(), func(*alert.EpisodeCount) error { return stop })
	if err != stop {
		t.Errorf("EpisodeCounts returned %v, want yield's error as it is", err)
	}
	err = s.store.Minutes(s.ctx, math.MinInt64, math.MaxInt64, func(alert.Minute) error { return stop })
	if err != stop {
		t.Errorf("Minutes returned %v, want yield's error as it is", err)
	}
}

// Query makes a question about episodes. Bounds and cursors are taken from those
// that there are, or are off by one.
func (f *Flapping) Query(all []*alert.Episode) *alert.EpisodeQuery {
	q := AllEpisodes()
	r := f.r
	maybe := func(oneIn int) bool { return r.IntN(oneIn) == 0 }
	moment := func() alert.Time {
		e := pick(r, all)
		t := pick(r, []alert.Time{e.StartsAt, e.EndsAt, e.Superseded})
		if t.IsNone() {
			t = e.StartsAt
		}
		if maybe(2) { // by nanoseconds, or by microseconds
			return alert.Time{Micros: t.Micros, Nanos: uint16(min(999, max(0, int(t.Nanos)+r.IntN(3)-1)))}
		}
		return alert.Time{Micros: t.Micros + r.Int64N(3) - 1}
	}
	if maybe(3) {
		t := moment()
		q.From, q.FromNanos = t.Micros, t.Nanos
	}
	if maybe(3) {
		t := moment()
		q.To, q.ToNanos = t.Micros, t.Nanos
	}
	if maybe(3) {
		t := moment()
		q.At, q.AtNanos = &t.Micros, t.Nanos
	}
	q.Open, q.Bare = maybe(6), maybe(5)
	if maybe(4) {
		q.Status = new(alert.Status(r.IntN(2)))
	}
	if maybe(5) {
		q.Receiver = new(pick(r, receivers))
	}
	if maybe(5) {
		q.Source = new(pick(r, sources[:3]))
	}
	if maybe(5) {
		q.Fingerprint = new(pick(r, all).Labels.Fingerprint)
	}
	if maybe(3) {
		q.Matchers = append(q.Matchers, f.g.matcher())
	}
	if maybe(3) {
		q.Limit = 1 + r.IntN(20)
	}
	if maybe(3) {
		c := pick(r, all).Cursor()
		c.Number += int64(r.IntN(3)) - 1
		q.After = &c
	}
	return q
}
