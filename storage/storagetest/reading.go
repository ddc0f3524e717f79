package storagetest

import (
	"errors"
	"fmt"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

func testYieldError(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	s.add(journalA, 0, simple("a", 1, 10))
	enough, calls := errors.New("enough"), 0
	err := s.store.Events(s.ctx, all(), func(*alert.Stored) error {
		if calls++; calls == 4 {
			return enough
		}
		return nil
	})
	if err != enough || calls != 4 {
		t.Errorf("got %v after %d calls, want yield's own error after 4", err, calls)
	}
}

// testWriteWhileReading would wait for ever, or for a timeout, if a reader held
// something that a writer needs. What is written meanwhile is newer, so the
// reader does not see it.
func testWriteWhileReading(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	s.add(journalA, 0, simple("a", 1, 4), simple("a", 2, 4))
	seq, n := uint64(2), 0
	err := s.store.Events(s.ctx, all(), func(*alert.Stored) error {
		n++
		s.add(journalA, seq, simple("a", seq+1, 1))
		seq++
		return nil
	})
	if err != nil || n != 8 {
		t.Errorf("%d events, %v; want 8", n, err)
	}
	s.check(all())
}

// testLargeBatch has a delivery of more events than any page, among others.
func testLargeBatch(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	deliveries := []Delivery{simple("a", 1, 3), simple("a", 2, 9000), simple("a", 3, 0), simple("a", 4, 3)}
	for i := range deliveries[1].Alerts { // 300 label sets, many times
		a := &deliveries[1].Alerts[i]
		a.Labels = Labels("alertname", "Large", "i", fmt.Sprint(i%300))
		a.Details = alert.Details{}
	}
	s.add(journalA, 0, deliveries...)
	s.check(all())
	q := all()
	q.Matchers = matchers(t, `i="7"`)
	s.check(q)
	q.Matchers = matchers(t, `alertname=~"L.*"`)
	q.After = &alert.Cursor{ReceivedAt: deliveries[1].ReceivedAt, Delivery: s.model.events[3].Delivery, Index: 8500}
	s.check(q)
}

// testOneMicrosecond pages through deliveries that only their numbers tell
// apart, with every way of reading.
func testOneMicrosecond(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	const deliveries, alerts = 400, 6
	for i, journal := range []alert.ID{journalA, journalB} {
		var ds []Delivery
		for seq := range uint64(deliveries) {
			d := simple(fmt.Sprint(i), seq+1, alerts)
			d.ReceivedAt = someday
			d.Source = fmt.Sprint(seq % 3)
			ds = append(ds, d)
		}
		s.add(journal, 0, ds...)
	}
	s.check(all())
	f := func(limit int, filter string, source *string) {
		t.Helper()
		var got []*alert.Stored
		q := all()
		q.Limit, q.Source = limit, source
		if filter != "" {
			q.Matchers = matchers(t, filter)
		}
		for {
			page := s.events(q)
			got = append(got, page...)
			if len(page) < limit {
				break
			}
			c := page[len(page)-1].Cursor()
			q.After = &c
		}
		q.Limit, q.After = 0, nil
		Compare(t, got, s.model.Events(q))
	}
	two := "2"
	f(97, "", nil)
	f(500, `i="3"`, nil)
	f(500, `i=~"3|4|5"`, &two)
	f(100, "", &two)
}

func matchers(t *testing.T, filter string) []*alert.Matcher {
	t.Helper()
	ms, err := alert.ParseMatchers(filter)
	if err != nil {
		t.Fatal(err)
	}
	return ms
}

// testRandomQueries compares answers to random questions with the model's.
func testRandomQueries(t *testing.T, open func(*testing.T) storage.Store) {
	const rounds, perRound, queries = 4, 60, 250
	s := setup(t, open)
	g := NewGenerator(1)
	at := map[alert.ID]uint64{}
	for range rounds {
		for i, journal := range []alert.ID{journalA, journalB} {
			var ds []Delivery
			for range perRound {
				seq := at[journal] + uint64(len(ds)) + 1
				d := g.Delivery(seq)
				d.RequestID = fmt.Sprint(i, "-", seq)
				ds = append(ds, d)
			}
			s.add(journal, at[journal], ds...)
			at[journal] += perRound
		}
	}
	s.check(all())
	for i := range queries {
		q := g.Query(s.model.events)
		got, want := s.events(q), s.model.Events(q)
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Logf("%+v %v", *q, q.Matchers)
			Compare(t, got, want)
		})
	}
}
