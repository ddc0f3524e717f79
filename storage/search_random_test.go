package storage

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"stormdrain/internal/alert"
)

// randomMemory has few values, crowded microseconds and long gaps.
func randomMemory(t *testing.T, r *rand.Rand, deliveries int) *memory {
	m := &memory{t: t, sets: map[int64]*alert.LabelSet{}, envelopes: map[int64]*alert.Envelope{}}
	for n := range int64(12) {
		m.sets[n+1] = &alert.LabelSet{Fingerprint: uint64(n / 2), Labels: []alert.Pair{{Name: "n", Value: fmt.Sprint(n)}, {Name: "p", Value: fmt.Sprint(n % 3)}}}
		m.envelopes[n+1] = &alert.Envelope{Receiver: fmt.Sprint(n % 4)}
	}
	now := int64(0)
	for number := range int64(deliveries) {
		switch r.IntN(6) {
		case 0:
			now += r.Int64N(86400e6)
		case 1, 2:
			now += r.Int64N(3)
		}
		d := DeliveryRow{ReceivedAt: now, Number: number, Envelope: 1 + r.Int64N(12), Source: fmt.Sprint(r.IntN(3)), Events: r.Int64N(9)}
		m.deliveries = append(m.deliveries, d)
		for i := range d.Events {
			m.events = append(m.events, EventRow{
				ReceivedAt: now, Delivery: number, Index: int32(2 * i), Status: alert.Status(r.IntN(2)), EndsAt: alert.NoTime,
				LabelSet: 1 + r.Int64N(12), Details: 1 + r.Int64N(30),
			})
		}
	}
	slices.Reverse(m.deliveries)
	slices.Reverse(m.events)
	return m
}

// naive answers q without any plan.
func (m *memory) naive(q *alert.Query) (answer []alert.Cursor) {
	rows := map[DeliveryKey]DeliveryRow{}
	for _, d := range m.deliveries {
		rows[d.Key()] = d
	}
	for _, e := range m.events {
		d, set := rows[e.Key()], m.sets[e.LabelSet]
		after := q.After == nil || compareKeys(e.Key(), DeliveryKey{q.After.ReceivedAt, q.After.Delivery}) < 0 ||
			e.ReceivedAt == q.After.ReceivedAt && e.Delivery == q.After.Delivery && e.Index < q.After.Index
		if after && e.ReceivedAt >= q.From && e.ReceivedAt < q.To && (q.Status == nil || *q.Status == e.Status) &&
			(q.Source == nil || *q.Source == d.Source) && (q.Receiver == nil || *q.Receiver == m.envelopes[d.Envelope].Receiver) &&
			(q.Fingerprint == nil || *q.Fingerprint == set.Fingerprint) && alert.MatchAll(q.Matchers, set.Labels) &&
			(q.Limit == 0 || len(answer) < q.Limit) {
			answer = append(answer, e.Cursor())
		}
	}
	return answer
}

func randomQuery(t *testing.T, r *rand.Rand, m *memory) *alert.Query {
	q := &alert.Query{From: math.MinInt64, To: math.MaxInt64}
	maybe := func() bool { return r.IntN(4) == 0 }
	some := func() int64 { return m.deliveries[r.IntN(len(m.deliveries))].ReceivedAt + r.Int64N(3) - 1 }
	if maybe() {
		q.From = some()
	}
	if maybe() {
		q.To = some()
	}
	if maybe() {
		q.Status = new(alert.Status(r.IntN(2)))
	}
	if maybe() {
		q.Source = new(fmt.Sprint(r.IntN(4)))
	}
	if maybe() {
		q.Receiver = new(fmt.Sprint(r.IntN(5)))
	}
	if maybe() {
		q.Fingerprint = new(uint64(r.IntN(7)))
	}
	if r.IntN(2) == 0 {
		filter := []string{`n="3"`, `n=~"1|4|7"`, `p!="1"`, `p="1"`, `absent=""`, `n="99"`, `{p=~"0|2",n!~"1.*"}`}[r.IntN(7)]
		q.Matchers, _ = alert.ParseMatchers(filter)
	}
	if maybe() {
		q.Limit = 1 + r.IntN(40)
	}
	if maybe() {
		e := m.events[r.IntN(len(m.events))].Cursor()
		e.Index += int32(r.IntN(3)) - 1
		q.After = &e
	}
	return q
}

// TestSearchAgainstNaive runs both plans with steps so small that every border
// is crossed many times.
func TestSearchAgainstNaive(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 2000 {
		m := randomMemory(t, r, 1+r.IntN(60))
		if len(m.events) == 0 {
			continue
		}
		z := sizes{
			sets: r.IntN(12), candidates: 1 + r.IntN(5), events: 1 + r.IntN(20), deliveries: 1 + r.IntN(20), group: 1 + r.IntN(10),
			verdicts: r.IntN(5), span: 1 + r.Int64N(1e9), gap: r.Int64N(5), shelf: r.IntN(3000),
		}
		q := randomQuery(t, r, m)
		var got []alert.Cursor
		err := newSearch(m, q, func(e *alert.Stored) error {
			got = append(got, e.Cursor())
			return nil
		}, z).run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want := m.naive(q); !slices.Equal(got, want) {
			t.Fatalf("round %d: %+v %v with %+v:\n%v\nwant\n%v", round, *q, q.Matchers, z, got, want)
		}
		if most := max(z.events, z.deliveries, z.candidates, 16); m.largest > most {
			t.Fatalf("round %d: an answer of %d rows, with %+v", round, m.largest, z)
		}
	}
}

// TestSearchAsksForNoMoreThanTheLimit reads the first events of a large store.
func TestSearchAsksForNoMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	m := randomMemory(t, rand.New(rand.NewPCG(3, 4)), 3000)
	q := &alert.Query{From: math.MinInt64, To: math.MaxInt64, Limit: 10}
	n := 0
	if err := Search(t.Context(), m, q, func(*alert.Stored) error { n++; return nil }); err != nil || n != 10 {
		t.Fatalf("%d events, %v", n, err)
	}
	if m.largest > 16 || m.calls > 10 {
		t.Errorf("%d calls, the largest answer has %d rows", m.calls, m.largest)
	}
}

// TestSearchSurvivesAnyBounds asks with cursors and times that no event has.
func TestSearchSurvivesAnyBounds(t *testing.T) {
	t.Parallel()
	m := randomMemory(t, rand.New(rand.NewPCG(5, 6)), 50)
	ends := []int64{math.MinInt64, math.MinInt64 + 1, FirstTime - 1, FirstTime, -1, 0, 1, LastTime, LastTime + 1, math.MaxInt64 - 1, math.MaxInt64}
	equal, err := alert.ParseMatchers(`n=~"1|2"`)
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range ends {
		for _, to := range ends {
			for _, at := range ends {
				for _, ms := range [][]*alert.Matcher{nil, equal} {
					q := &alert.Query{From: from, To: to, Matchers: ms, After: &alert.Cursor{ReceivedAt: at, Delivery: at, Index: 0}}
					var got []alert.Cursor
					err := Search(t.Context(), m, q, func(e *alert.Stored) error {
						got = append(got, e.Cursor())
						return nil
					})
					if want := m.naive(q); err != nil || !slices.Equal(got, want) {
						t.Fatalf("from %d to %d after %d: %v, %d events, want %d", from, to, at, err, len(got), len(want))
					}
				}
			}
		}
	}
}

func TestSearchReturnsYieldsError(t *testing.T) {
	t.Parallel()
	m := randomMemory(t, rand.New(rand.NewPCG(7, 8)), 50)
	enough := errors.New("enough")
	q := &alert.Query{From: math.MinInt64, To: math.MaxInt64}
	if err := Search(t.Context(), m, q, func(*alert.Stored) error { return enough }); err != enough {
		t.Errorf("got %v", err)
	}
}
