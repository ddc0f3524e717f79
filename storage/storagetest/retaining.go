package storagetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// Retain removes everything from before a moment, step by step, and runs between
// after each step.
func Retain(ctx context.Context, store storage.Store, before int64, between func()) (removed alert.Removed, err error) {
	r, ok := store.(storage.Retainer)
	if !ok {
		return removed, fmt.Errorf("%T does not retain", store)
	}
	for more := true; more; {
		var step alert.Removed
		step, more, err = r.Retain(ctx, before)
		var busy *storage.BusyError
		if err != nil && !errors.As(err, &busy) {
			return removed, err
		}
		more = more || err != nil
		removed.Add(step)
		if between != nil {
			between()
		}
	}
	return removed, nil
}

// retain is Retain for a session.
func (s *session) retain(before int64, between func()) alert.Removed {
	s.t.Helper()
	removed, err := Retain(s.ctx, s.store, before, between)
	if err != nil {
		s.t.Fatalf("Retain: %v", err)
	}
	return removed
}

// checkNewer compares what was received at a moment or later; of what is older,
// any part may be there, but nothing else.
func (s *session) checkNewer(from int64) {
	s.t.Helper()
	q := all()
	q.From = from
	s.check(q)
	q.From, q.To = q.To, from
	q.From = all().From
	old := s.model.Events(q)
	for _, e := range s.events(q) {
		i := slices.IndexFunc(old, func(o *alert.Stored) bool { return o.Cursor() == e.Cursor() })
		if i < 0 {
			s.t.Fatalf("%+v was never written", e.Cursor())
		}
		Compare(s.t, []*alert.Stored{e}, old[i:i+1])
	}
}

const day = 24 * 3600 * 1_000_000

// testRetain removes at random moments, with writes between the steps, also of
// deliveries that are older than what is removed: a journal may have been waiting
// for long. Everything newer is there, and the dictionaries are whole.
func testRetain(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	r := rand.New(rand.NewPCG(3, 4))
	g := NewGenerator(9)
	at := map[alert.ID]uint64{}
	write := func(n int, back int64) {
		for i, journal := range []alert.ID{journalA, journalB} {
			var ds []Delivery
			for range n {
				d := g.Delivery(at[journal] + uint64(len(ds)) + 1)
				d.RequestID = fmt.Sprint(i, "-", d.Seq)
				d.ReceivedAt -= back
				ds = append(ds, d)
			}
			s.write(Batch(journal, at[journal], ds...))
			for j := range ds {
				s.model.Add(&ds[j], alert.DeliveryNumber(int32(i+1), ds[j].Seq))
			}
			at[journal] += uint64(n)
		}
	}
	for round := range 8 {
		write(20, 0)
		before := g.now - r.Int64N(5*day)
		writes := 0
		s.retain(before, func() {
			if writes++; writes < 6 {
				write(2, []int64{0, 0, 10 * day}[r.IntN(3)])
			}
		})
		if round == 4 {
			s.close()
			s.open(open)
		}
		s.checkNewer(before)
	}
	s.retain(g.now+30*day, nil)
	if n := len(s.events(all())); n > 0 {
		t.Errorf("%d events are there after everything was to be removed", n)
	}
	if _, ok, err := s.store.(storage.Retainer).Oldest(s.ctx); ok || err != nil {
		t.Errorf("there is an oldest delivery, or %v", err)
	}
	write(10, 0)
	s.checkNewer(g.now - day)
}

// testRetainWarm lets a process write on that remembers the numbers of rows which
// another has removed meanwhile, and what was removed come again.
func testRetainWarm(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	other := open(t)
	defer other.Close()
	for _, journal := range []alert.ID{journalA, journalB} {
		if _, err := other.Position(s.ctx, journal); err != nil {
			t.Fatal(err)
		}
	}
	gone, stays := simple("a", 1, 40), simple("a", 2, 10)
	stays.ReceivedAt += 5 * day
	youngest := gone.Alerts[39] // has the highest numbers, which a store may keep
	youngest.Index = 10
	stays.Alerts = append(stays.Alerts, youngest)
	s.write(Batch(journalA, 0, gone, stays))
	s.model.Add(&stays, alert.DeliveryNumber(1, 2))
	before := gone.ReceivedAt + 3*day
	if oldest, ok, err := other.(storage.Retainer).Oldest(s.ctx); err != nil || !ok || oldest != gone.ReceivedAt {
		t.Errorf("oldest %d %v %v, want %d", oldest, ok, err, gone.ReceivedAt)
	}
	removed, err := Retain(s.ctx, other, before, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Alerts 0 to 9 and 39 are in both deliveries, and the envelope.
	if removed.Pieces == 0 || removed.Entries != 58 {
		t.Errorf("removed %+v, want 29 label sets and 29 details", removed)
	}
	if again, err := Retain(s.ctx, other, before, nil); err != nil || again != (alert.Removed{}) {
		t.Errorf("removed %+v again, %v", again, err)
	}
	// All 40 again, out of a warm cache; then, by the other, with numbers looked up.
	again := simple("a", 3, 40)
	again.ReceivedAt += 6 * day
	s.add(journalA, 2, again)
	third := simple("b", 1, 40)
	third.ReceivedAt += 7 * day
	if err := other.Write(s.ctx, silence(Batch(journalB, 0, third))); err != nil {
		t.Fatal(err)
	}
	s.model.Add(&third, alert.DeliveryNumber(2, 1))
	s.checkNewer(before)
	one := all()
	one.From, one.Matchers = before, matchers(t, `i="33"`)
	s.check(one)
	one.Fingerprint, one.Matchers = new(again.Alerts[35].Labels.Fingerprint), nil
	s.check(one)
}

// writeAgain is what the pipeline does with a batch: here days are removed as fast
// as deliveries of them come.
func (s *session) writeAgain(store storage.Store, b *alert.Batch) (err error) {
	for range 100 {
		if err = store.Write(s.ctx, b); err == nil || storage.Permanent(err) || errors.Is(err, storage.ErrPosition) {
			return err
		}
	}
	return err
}

// testRetainWhileWriting has two processes write the same few entries, days apart,
// while one of them removes all the time what is a day old. Each delivery that is
// newer must be whole.
func testRetainWhileWriting(t *testing.T, open func(*testing.T) storage.Store) {
	const deliveries, alerts = 60, 12
	s := setup(t, open)
	other := open(t)
	defer other.Close()
	if _, err := other.Position(s.ctx, journalB); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex // of what follows
	written := map[alert.ID][]Delivery{}
	newest := int64(someday)

	var wg sync.WaitGroup
	errs := make([]error, 3)
	done := make(chan struct{})
	for i, w := range []struct {
		store   storage.Store
		journal alert.ID
	}{{s.store, journalA}, {other, journalB}} {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 5))
			for seq := uint64(1); seq <= deliveries && errs[i] == nil; seq++ {
				d := simple(fmt.Sprint(i), seq, alerts)
				d.ReceivedAt = someday + int64(seq)*day/4
				for j := range d.Alerts {
					d.Alerts[j].Labels = Labels("n", fmt.Sprint(r.IntN(60)))
					d.Alerts[j].Details.GeneratorURL = fmt.Sprint(r.IntN(60))
				}
				errs[i] = s.writeAgain(w.store, Batch(w.journal, seq-1, d))
				mu.Lock()
				written[w.journal] = append(written[w.journal], d)
				newest = max(newest, d.ReceivedAt)
				mu.Unlock()
			}
		})
	}
	var retainer sync.WaitGroup
	retainer.Go(func() {
		for errs[2] == nil {
			mu.Lock()
			before := newest - day
			mu.Unlock()
			_, errs[2] = Retain(s.ctx, other, before, nil)
			select {
			case <-done:
				return
			default:
			}
		}
	})
	wg.Wait()
	close(done)
	retainer.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for i, journal := range []alert.ID{journalA, journalB} {
		for j := range written[journal] {
			d := &written[journal][j]
			s.model.Add(d, alert.DeliveryNumber(int32(i+1), d.Seq))
		}
	}
	s.checkNewer(newest - day + 1)
	for i := range 60 {
		q := all()
		q.From, q.Matchers = newest-day+1, matchers(t, fmt.Sprintf(`n="%d"`, i))
		s.check(q)
	}
}
