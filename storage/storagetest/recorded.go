package storagetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// recordedModel is what a store should have of recorded events: a slice.
type recordedModel struct {
	events []*alert.StoredRecorded
}

// add takes those that are new. Their numbers are the store's, see learn.
func (m *recordedModel) add(events ...alert.Recorded) {
	for _, r := range events {
		same := func(s *alert.StoredRecorded) bool { return s.ID == r.ID && s.At == r.At }
		if !slices.ContainsFunc(m.events, same) {
			m.events = append(m.events, &alert.StoredRecorded{Recorded: r})
		}
	}
}

// learn takes the numbers from an answer that has everything.
func (m *recordedModel) learn(t *testing.T, all []*alert.StoredRecorded) {
	t.Helper()
	if len(all) != len(m.events) {
		t.Fatalf("%d recorded events, want %d", len(all), len(m.events))
	}
	for _, got := range all {
		for _, e := range m.events {
			if e.ID == got.ID && e.At == got.At {
				e.Number = got.Number
			}
		}
	}
}

func (m *recordedModel) answer(q *alert.RecordedQuery) (answer []*alert.StoredRecorded) {
	for _, r := range m.events {
		if r.At.Micros >= q.From && r.At.Micros < q.To &&
			(q.Fingerprint == nil || slices.Contains(r.Fingerprints, *q.Fingerprint)) &&
			(len(q.Kinds) == 0 || slices.Contains(q.Kinds, r.Kind)) &&
			(q.Instance == nil || *q.Instance == r.Instance) && (q.Silence == nil || *q.Silence == r.Silence) &&
			(q.After == nil || compareRecorded(r.Cursor(), *q.After) < 0) {
			answer = append(answer, r)
		}
	}
	slices.SortFunc(answer, func(a, b *alert.StoredRecorded) int { return compareRecorded(b.Cursor(), a.Cursor()) })
	if q.Limit > 0 && len(answer) > q.Limit {
		answer = answer[:q.Limit]
	}
	return answer
}

func compareRecorded(a, b alert.RecordedCursor) int {
	return compare(alert.Cursor{ReceivedAt: a.At, Delivery: a.Number}, alert.Cursor{ReceivedAt: b.At, Delivery: b.Number})
}

// recorded makes an event with an identity of its own, as the pipeline would.
func recorded(at int64, kind string, change func(*alert.Recorded)) alert.Recorded {
	r := alert.Recorded{
		ReceivedAt: someday, At: alert.Time{Micros: at}, Instance: "am-1", Kind: kind, Body: []byte(`{"data":{"` + kind + `":{}}}`),
	}
	if change != nil {
		change(&r)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%v %q %q %q %v %s", r.At, r.Instance, r.Kind, r.Silence, r.Fingerprints, r.Body))
	copy(r.ID[:], sum[:])
	return r
}

// record writes a batch of recorded events alone.
func (s *session) record(journal alert.ID, from uint64, events ...alert.Recorded) {
	s.t.Helper()
	s.write(&alert.Batch{Journal: journal, From: from, To: from + 1, Recorded: events})
}

func (s *session) recorded(q *alert.RecordedQuery) (got []*alert.StoredRecorded) {
	s.t.Helper()
	err := s.store.Recorded(s.ctx, q, func(r *alert.StoredRecorded) error {
		got = append(got, r)
		return nil
	})
	if err != nil {
		s.t.Fatalf("Recorded: %v", err)
	}
	return got
}

func (s *session) checkRecorded(m *recordedModel, q *alert.RecordedQuery) {
	s.t.Helper()
	got, want := s.recorded(q), m.answer(q)
	for i := range min(len(got), len(want)) {
		if g, w := plainRecorded(got[i]), plainRecorded(want[i]); !reflect.DeepEqual(g, w) {
			s.t.Fatalf("%+v: event %d of %d is\n %.600s\nwant\n %.600s", *q, i, len(want), fmt.Sprintf("%+v %s", g, g.Body), fmt.Sprintf("%+v %s", w, w.Body))
		}
	}
	if len(got) != len(want) {
		s.t.Fatalf("%+v: %d events, want %d", *q, len(got), len(want))
	}
}

// plainRecorded leaves out the identity, which a store need not give back, and what
// an empty slice is.
func plainRecorded(r *alert.StoredRecorded) alert.StoredRecorded {
	p := *r
	p.ID = alert.ID{}
	p.Fingerprints = append([]uint64{}, p.Fingerprints...)
	return p
}

func allRecorded() *alert.RecordedQuery {
	return &alert.RecordedQuery{From: math.MinInt64, To: math.MaxInt64}
}

// testRecordedOnce sends the same event again in every way that it can come.
func testRecordedOnce(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	one, two := recorded(someday, "alertCreated", nil), recorded(someday, "alertGrouped", nil)
	s.record(journalA, 0, one, two, one)
	b := &alert.Batch{Journal: journalA, From: 0, To: 1, Recorded: []alert.Recorded{recorded(someday+5, "x", nil)}}
	if err := s.store.Write(s.ctx, b); !errors.Is(err, storage.ErrPosition) {
		t.Errorf("got %v, want ErrPosition", err)
	}
	if err := s.store.Try(s.ctx, &alert.Batch{Journal: journalA, From: 1, To: 2, Recorded: b.Recorded}); err != nil {
		t.Error(err)
	}
	later := one
	later.ReceivedAt, later.Source = someday+77, "elsewhere" // the first one stands
	s.record(journalA, 1, later)
	s.record(journalB, 0, two, later, recorded(someday+1, "alertGrouped", nil))
	s.close()
	s.open(open)
	s.record(journalB, 1, two)
	var m recordedModel
	m.add(one, two, recorded(someday+1, "alertGrouped", nil))
	m.learn(t, s.recorded(allRecorded()))
	s.checkRecorded(&m, allRecorded())
	if a, b := s.position(journalA), s.position(journalB); a != 2 || b != 2 {
		t.Errorf("positions %d and %d, want 2 and 2", a, b)
	}
	s.check(all()) // and no alert of it
}

// testRecordedValues stores what a sender may send and nobody expects, beside
// deliveries of the same batch.
func testRecordedValues(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	var m recordedModel
	var events []alert.Recorded
	texts := []string{"", "\x00", "\x1a", "\x1a0", "\x00\x1a\x00", `"\`, `'; --`, "日本 🌧️", "\u2028", strings.Repeat("x", 9<<10)}
	add := func(change func(*alert.Recorded)) {
		events = append(events, recorded(someday+int64(len(events)), "kind", change))
	}
	for _, text := range texts {
		add(func(r *alert.Recorded) { r.Source, r.Instance, r.Kind, r.Silence = text, text, text, text })
	}
	for _, body := range []string{
		`{}`, " { \"a\" :\n[1.50,null] } ", `{"\u0000":"\u001a\u0000\\u0000"}`, `{"s":"\ud800"}`, `{"n":1e400}`,
		`{"a":` + strings.Repeat(`[`, 5000) + strings.Repeat(`]`, 5000) + `}`, `{"a":"` + strings.Repeat("0123456789abcde\x7f", 1<<16) + `"}`,
	} {
		add(func(r *alert.Recorded) { r.Body = []byte(body) })
	}
	for _, fingerprints := range [][]uint64{{0}, {1, 1 << 63, math.MaxUint64}, {7}} {
		add(func(r *alert.Recorded) { r.Fingerprints = fingerprints })
	}
	for _, at := range []alert.Time{{Micros: storage.FirstTime}, {Micros: storage.LastTime, Nanos: 999}, {Micros: -1, Nanos: 1}, {Micros: 0}} {
		add(func(r *alert.Recorded) { r.At = at })
	}
	b := Batch(journalA, 0, simple("a", 1, 3))
	b.Recorded = events
	s.write(b)
	m.add(events...)
	m.learn(t, s.recorded(allRecorded()))
	s.checkRecorded(&m, allRecorded())
	if got := s.events(all()); len(got) != 3 {
		t.Errorf("%d alerts beside the recorded events, want 3", len(got))
	}
	for _, text := range texts {
		for _, set := range []func(*alert.RecordedQuery){
			func(q *alert.RecordedQuery) { q.Kinds = []string{text} },
			func(q *alert.RecordedQuery) { q.Kinds = []string{"none", text, "kind", text} },
			func(q *alert.RecordedQuery) { q.Instance = &text },
			func(q *alert.RecordedQuery) { q.Silence = &text },
		} {
			q := allRecorded()
			set(q)
			s.checkRecorded(&m, q)
		}
	}
	for _, v := range []uint64{0, 1, 1 << 63, math.MaxUint64, 99} {
		q := allRecorded()
		q.Fingerprint = &v
		s.checkRecorded(&m, q)
	}
	for _, bounds := range [][2]int64{{storage.LastTime, math.MaxInt64}, {math.MinInt64, storage.FirstTime}, {math.MaxInt64, math.MaxInt64}, {math.MinInt64, math.MinInt64}, {-1, 0}} {
		q := allRecorded()
		q.From, q.To = bounds[0], bounds[1]
		s.checkRecorded(&m, q)
	}
}

// randomRecorded makes events that are alike, so that questions find some.
func randomRecorded(rnd *rand.Rand, n int) []alert.Recorded {
	events := make([]alert.Recorded, n)
	for i := range events {
		kind := fmt.Sprint("kind", rnd.IntN(5))
		events[i] = recorded(someday+int64(rnd.IntN(60)), kind, func(r *alert.Recorded) {
			r.At.Nanos = uint16(rnd.IntN(3))
			r.Instance = fmt.Sprint("am-", rnd.IntN(3))
			if rnd.IntN(3) == 0 {
				r.Silence = fmt.Sprint("silence-", rnd.IntN(4))
			}
			for v := range uint64(6) {
				if rnd.IntN(4) == 0 {
					r.Fingerprints = append(r.Fingerprints, v)
				}
			}
			r.Body = fmt.Appendf(nil, `{"n":%d}`, rnd.IntN(20))
		})
	}
	return events
}

func randomRecordedQuery(rnd *rand.Rand, m *recordedModel) *alert.RecordedQuery {
	q := allRecorded()
	maybe := func(one int, set func()) {
		if rnd.IntN(one) == 0 {
			set()
		}
	}
	maybe(3, func() { v := uint64(rnd.IntN(7)); q.Fingerprint = &v })
	maybe(3, func() { v := fmt.Sprint("am-", rnd.IntN(4)); q.Instance = &v })
	maybe(4, func() { v := fmt.Sprint("silence-", rnd.IntN(5)); q.Silence = &v })
	maybe(2, func() {
		for range 1 + rnd.IntN(3) {
			q.Kinds = append(q.Kinds, fmt.Sprint("kind", rnd.IntN(6)))
		}
	})
	maybe(3, func() { q.From = someday + int64(rnd.IntN(60)) })
	maybe(3, func() { q.To = someday + int64(rnd.IntN(60)) })
	maybe(2, func() { q.Limit = 1 + rnd.IntN(200) })
	maybe(3, func() { c := m.events[rnd.IntN(len(m.events))].Cursor(); q.After = &c })
	return q
}

func testRecordedQueries(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	rnd := rand.New(rand.NewPCG(7, 7))
	var m recordedModel
	for i := range uint64(6) {
		journal, events := []alert.ID{journalA, journalB}[i%2], randomRecorded(rnd, 200)
		s.record(journal, i/2, events...)
		m.add(events...)
	}
	m.learn(t, s.recorded(allRecorded()))
	s.checkRecorded(&m, allRecorded())
	for range 200 {
		s.checkRecorded(&m, randomRecordedQuery(rnd, &m))
	}

	// Page by page, as the API reads.
	q := allRecorded()
	q.Limit, q.Kinds = 7, []string{"kind1", "kind3"}
	var pages []*alert.StoredRecorded
	for {
		page := s.recorded(q)
		pages = append(pages, page...)
		if len(page) < q.Limit {
			break
		}
		c := page[len(page)-1].Cursor()
		q.After = &c
	}
	q.Limit, q.After = 0, nil
	if want := m.answer(q); len(pages) != len(want) {
		t.Errorf("%d events in pages, want %d", len(pages), len(want))
	}

	// yield's error ends it, and a writer need not wait for a reader.
	enough, calls := errors.New("enough"), 0
	err := s.store.Recorded(s.ctx, allRecorded(), func(*alert.StoredRecorded) error {
		if calls++; calls == 4 {
			return enough
		}
		s.record(journalA, uint64(2+calls), recorded(someday+1000+int64(calls), "late", nil))
		return nil
	})
	if err != enough || calls != 4 {
		t.Errorf("got %v after %d calls, want yield's own error after 4", err, calls)
	}
	cancelled, cancel := context.WithCancel(s.ctx)
	cancel()
	if err := s.store.Recorded(cancelled, allRecorded(), func(*alert.StoredRecorded) error { return nil }); err == nil {
		t.Error("no error with a cancelled context")
	}
}

// recordedForgetter is the part of retention that a store has for recorded events.
type recordedForgetter interface {
	ForgetRecorded(ctx context.Context, before int64) (more bool, err error)
}

func testRecordedForgotten(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	const old, fresh = 2300, 20
	rnd := rand.New(rand.NewPCG(8, 8))
	var m recordedModel
	var events []alert.Recorded
	for i := range old + fresh {
		r := recorded(someday+int64(i%50), "alertCreated", func(r *alert.Recorded) {
			r.Fingerprints, r.Body = []uint64{uint64(rnd.IntN(4))}, fmt.Appendf(nil, `{"n":%d}`, i)
			if i >= old {
				r.ReceivedAt = someday + 1_000_000
			}
		})
		events = append(events, r)
	}
	s.record(journalA, 0, events...)
	m.add(events[old:]...)
	steps := 0
	for more := true; more; steps++ {
		var err error
		if more, err = s.store.(recordedForgetter).ForgetRecorded(s.ctx, someday+1); err != nil || steps > 100 {
			t.Fatalf("after %d steps: %v", steps, err)
		}
	}
	if steps < 2 {
		t.Errorf("%d events went in one step", old)
	}
	m.learn(t, s.recorded(allRecorded()))
	s.checkRecorded(&m, allRecorded())
	for v := range uint64(4) {
		q := allRecorded()
		q.Fingerprint = &v
		s.checkRecorded(&m, q)
	}
	// What was forgotten is not known any more.
	s.record(journalA, 1, events[0])
	m.add(events[0])
	m.learn(t, s.recorded(allRecorded()))
	s.checkRecorded(&m, allRecorded())
}
