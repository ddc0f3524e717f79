package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// simple makes a delivery with some alerts, all different from each other.
func simple(journal string, seq uint64, alerts int) Delivery {
	d := Delivery{
		Seq: seq, ReceivedAt: someday + int64(seq)*1e6, RequestID: fmt.Sprint(journal, "-", seq),
		Envelope: alert.Envelope{Receiver: "default", GroupKey: "{}:{}"},
	}
	for i := range alerts {
		d.Alerts = append(d.Alerts, Alert{
			Index: int32(i), StartsAt: alert.Time{Micros: someday}, EndsAt: alert.NoTime,
			Labels:  Labels("alertname", "Simple", "i", fmt.Sprint(i)),
			Details: alert.Details{Annotations: Pairs("summary", fmt.Sprint("number ", i)), GeneratorURL: "http://prometheus/"},
		})
	}
	return d
}

func testPosition(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	f := func(journal alert.ID, want uint64) {
		t.Helper()
		if got := s.position(journal); got != want {
			t.Errorf("position %d, want %d", got, want)
		}
	}
	refuse := func(b *alert.Batch) {
		t.Helper()
		if err := s.store.Write(s.ctx, b); !errors.Is(err, storage.ErrPosition) || storage.Permanent(err) {
			t.Errorf("got %v, want ErrPosition", err)
		}
		if err := s.store.Try(s.ctx, b); !errors.Is(err, storage.ErrPosition) {
			t.Errorf("Try: got %v, want ErrPosition", err)
		}
	}
	f(journalA, 0)
	refuse(Batch(journalA, 1, simple("a", 2, 1)))
	refuse(Batch(alert.ID{1, 2, 3}, 0, simple("c", 1, 1))) // never registered
	s.add(journalA, 0, simple("a", 1, 2), simple("a", 3, 1))
	f(journalA, 3)
	f(journalB, 0)
	refuse(Batch(journalA, 0, simple("a", 1, 2)))
	refuse(Batch(journalA, 4, simple("a", 5, 2)))
	s.check(all())
	s.close()
	s.open(open)
	f(journalA, 3)
	s.check(all())
}

func testPositionAlone(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	s.write(&alert.Batch{Journal: journalA, From: 0, To: 7}) // every alert of these was quarantined
	if got := s.position(journalA); got != 7 {
		t.Errorf("position %d, want 7", got)
	}
	s.add(journalA, 7, simple("a", 8, 0), simple("a", 9, 2))
	b := Batch(journalA, 9, simple("a", 10, 0))
	b.To = 12 // beyond the last delivery
	s.write(b)
	if got := s.position(journalA); got != 12 {
		t.Errorf("position %d, want 12", got)
	}
	s.check(all())
}

func testJournalNumbers(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	s.add(journalB, 0, simple("b", 1, 1))
	s.add(journalA, 0, simple("a", 1, 1))
	for _, journal := range []alert.ID{journalA, journalB} {
		number, err := s.store.JournalNumber(s.ctx, journal)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		err = s.store.Events(s.ctx, all(), func(e *alert.Stored) error {
			if e.Delivery == alert.DeliveryNumber(number, 1) {
				found++
			}
			return nil
		})
		if err != nil || number < 1 || found != 1 {
			t.Errorf("journal %x has the number %d, and %d events, %v", journal, number, found, err)
		}
	}
	if n, err := s.store.JournalNumber(s.ctx, alert.ID{1, 2, 3}); err == nil {
		t.Errorf("a journal that nobody has registered has the number %d", n)
	}
}

func testRetries(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	b := Batch(journalA, 0, simple("a", 1, 5))
	s.write(b)
	for range 3 {
		if err := s.store.Write(s.ctx, b); !errors.Is(err, storage.ErrPosition) {
			t.Fatalf("got %v, want ErrPosition", err)
		}
	}
	if got := s.events(all()); len(got) != 5 {
		t.Errorf("%d events, want 5", len(got))
	}
}

func testTwoJournals(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	for seq := uint64(1); seq <= 5; seq++ {
		s.add(journalA, seq-1, simple("a", seq, 2))
		s.add(journalB, seq-1, simple("b", seq, 3))
	}
	if a, b := s.position(journalA), s.position(journalB); a != 5 || b != 5 {
		t.Errorf("positions %d and %d, want 5 and 5", a, b)
	}
	s.check(all())
}

// testSameEntries lets two journals write the same new dictionary entries at
// the same time, each in another order.
func testSameEntries(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	const rounds, alerts = 5, 300
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i, journal := range []alert.ID{journalA, journalB} {
		wg.Go(func() {
			for seq := uint64(1); seq <= rounds && errs[i] == nil; seq++ {
				d := simple(fmt.Sprint(i), seq, alerts)
				for j := range d.Alerts {
					n := j
					if i == 1 {
						n = alerts - j
					}
					d.Alerts[j].Labels = Labels("n", fmt.Sprint(seq, n))
				}
				errs[i] = s.store.Write(s.ctx, Batch(journal, seq-1, d))
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if got := s.events(all()); len(got) != 2*rounds*alerts {
		t.Errorf("%d events, want %d", len(got), 2*rounds*alerts)
	}
}

// testTwins writes batches with each dictionary entry twice, as they are where one
// segment of the journal ends and the next begins: new, in the tables but unknown
// to this process, and while new ones are expected.
func testTwins(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	add := func(from uint64, alerts int) {
		t.Helper()
		deliveries := []Delivery{simple("a", from+1, alerts), simple("a", from+2, alerts)}
		b := Batch(journalA, from, deliveries...)
		n := int32(len(b.Entries))
		b.Entries = append(b.Entries, b.Entries...)
		b.Deliveries[1].Envelope += n
		for i := range b.Events {
			if e := &b.Events[i]; e.Delivery == 1 {
				e.Labels, e.Details = e.Labels+n, e.Details+n
			}
		}
		s.write(b)
		number := s.number(deliveries)
		for i := range deliveries {
			s.model.Add(&deliveries[i], alert.DeliveryNumber(number, deliveries[i].Seq))
		}
	}
	add(0, 50)
	s.check(all())
	s.close()
	s.open(open)
	add(2, 100)
	s.check(all())
	s.close()
	s.open(open)
	add(4, 100)
	add(6, 200)
	s.check(all())
	fingerprint := Labels("alertname", "Simple", "i", "7").Fingerprint
	one := all()
	one.Fingerprint = &fingerprint
	s.check(one)
}

func testDictionary(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	first := simple("a", 1, 20)
	s.add(journalA, 0, first)
	again := func(journal alert.ID, d Delivery) {
		t.Helper()
		s.write(silence(Batch(journal, d.Seq-1, d)))
		s.model.Add(&d, alert.DeliveryNumber(s.number([]Delivery{d}), d.Seq))
	}
	again(journalA, simple("a", 2, 20))
	again(journalB, simple("b", 1, 20))
	s.close()
	s.open(open)
	again(journalA, simple("a", 3, 20))
	s.check(all())
	// What a refused batch would have added must not be taken for known.
	if err := s.store.Write(s.ctx, Batch(journalA, 99, simple("a", 100, 25))); !errors.Is(err, storage.ErrPosition) {
		t.Fatalf("got %v, want ErrPosition", err)
	}
	if err := s.store.Try(s.ctx, Batch(journalA, 3, simple("a", 4, 25))); err != nil {
		t.Fatal(err)
	}
	s.add(journalA, 3, simple("a", 4, 25))
	s.check(all())
}

func testTry(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	s.add(journalA, 0, simple("a", 1, 1))
	for range 2 {
		if err := s.store.Try(s.ctx, Batch(journalA, 1, simple("a", 2, 10))); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.position(journalA); got != 1 {
		t.Errorf("position %d, want 1", got)
	}
	s.check(all())
}

// testFailingContent reads an entry fail, as a disk may: nothing is stored, and
// the error is not the data's.
func testFailingContent(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	b := silence(Batch(journalA, 0, simple("a", 1, 3)))
	if err := s.store.Write(s.ctx, b); !errors.Is(err, errSilent) || storage.Permanent(err) {
		t.Errorf("got %v, want the content's error", err)
	}
	s.add(journalA, 0, simple("a", 1, 3))
	s.check(all())
}

func testCancel(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	s.add(journalA, 0, simple("a", 1, 3))
	cancelled, cancel := context.WithCancel(s.ctx)
	cancel()
	f := func(name string, err error) {
		t.Helper()
		if err == nil || storage.Permanent(err) {
			t.Errorf("%s with a cancelled context: %v", name, err)
		}
	}
	f("Write", s.store.Write(cancelled, Batch(journalA, 1, simple("a", 2, 3))))
	f("Try", s.store.Try(cancelled, Batch(journalA, 1, simple("a", 2, 3))))
	f("Ping", s.store.Ping(cancelled))
	_, err := s.store.Position(cancelled, journalA)
	f("Position", err)
	f("Events", s.store.Events(cancelled, all(), func(*alert.Stored) error { return nil }))
	if got := s.position(journalA); got != 1 {
		t.Errorf("position %d, want 1", got)
	}
	s.check(all())
}
