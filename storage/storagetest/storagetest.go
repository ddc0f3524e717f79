// Package storagetest is the contract of a store as tests, with what tests need
// to write batches and to know the answers.
package storagetest

import (
	"context"
	"math"
	"reflect"
	"testing"
	"time"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// Exercise runs every test of the contract. open returns a store on a database
// that is empty at first and belongs to t: called again with the same t, it
// opens the same database. The tests close what they open.
func Exercise(t *testing.T, open func(t *testing.T) storage.Store) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, func(*testing.T) storage.Store)
	}{
		{"Position", testPosition},
		{"PositionMovesWithoutRows", testPositionAlone},
		{"JournalNumbers", testJournalNumbers},
		{"RetriesAreStoredOnce", testRetries},
		{"TwoJournals", testTwoJournals},
		{"WritersOfTheSameEntries", testSameEntries},
		{"DictionaryIsReused", testDictionary},
		{"EntriesTwiceInABatch", testTwins},
		{"TryLeavesNothing", testTry},
		{"Values", testValues},
		{"Times", testTimes},
		{"FailingContent", testFailingContent},
		{"CancelledContext", testCancel},
		{"YieldsError", testYieldError},
		{"WriteWhileReading", testWriteWhileReading},
		{"LargeBatch", testLargeBatch},
		{"OneMicrosecond", testOneMicrosecond},
		{"RandomQueries", testRandomQueries},
		{"Connections", testConnections},
		{"RecordedOnce", testRecordedOnce},
		{"RecordedValues", testRecordedValues},
		{"RecordedQueries", testRecordedQueries},
		{"RecordedForgotten", testRecordedForgotten},
		{"Truncated", testTruncated},
		{"RetainedIsWhatIsNewer", testRetain},
		{"RetainAndWarmCaches", testRetainWarm},
		{"RetainWhileWriting", testRetainWhileWriting},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open) })
	}
}

// Journals of the tests.
var (
	journalA = alert.ID{0: 0xA, 15: 1}
	journalB = alert.ID{0: 0xB, 15: 2}
)

const someday = 1_780_000_000_000_000

// session is a store in the hands of one test.
type session struct {
	t     *testing.T
	ctx   context.Context
	store storage.Store
	model Model
}

// setup opens the store of t and registers journals A and B.
func setup(t *testing.T, open func(*testing.T) storage.Store) *session {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	s := &session{t: t, ctx: ctx}
	s.open(open)
	return s
}

func (s *session) open(open func(*testing.T) storage.Store) {
	s.t.Helper()
	store := open(s.t)
	s.store = store
	s.t.Cleanup(func() {
		if s.store == store {
			s.close()
		}
	})
	if err := s.store.Ping(s.ctx); err != nil {
		s.t.Fatal(err)
	}
	s.position(journalA)
	s.position(journalB)
}

func (s *session) close() {
	s.t.Helper()
	if err := s.store.Close(); err != nil {
		s.t.Error(err)
	}
	s.store = nil
}

func (s *session) position(journal alert.ID) uint64 {
	s.t.Helper()
	p, err := s.store.Position(s.ctx, journal)
	if err != nil {
		s.t.Fatalf("Position: %v", err)
	}
	return p
}

func (s *session) write(b *alert.Batch) {
	s.t.Helper()
	if err := s.store.Write(s.ctx, b); err != nil {
		s.t.Fatalf("Write: %v", err)
	}
}

// add writes deliveries and tells the model. The journal's number is what the
// store's answer says: it must be the same for all of them.
func (s *session) add(journal alert.ID, from uint64, deliveries ...Delivery) {
	s.t.Helper()
	s.write(Batch(journal, from, deliveries...))
	number := s.number(deliveries)
	for i := range deliveries {
		s.model.Add(&deliveries[i], alert.DeliveryNumber(number, deliveries[i].Seq))
	}
}

// number reads back which number a journal has in the store. Request IDs tell
// the deliveries of two journals apart.
func (s *session) number(deliveries []Delivery) (journal int32) {
	s.t.Helper()
	for i := range deliveries {
		d := &deliveries[i]
		if len(d.Alerts) == 0 {
			continue
		}
		q := all()
		q.From, q.To = d.ReceivedAt, d.ReceivedAt+1
		for _, e := range s.events(q) {
			if n, seq := alert.SplitDelivery(e.Delivery); e.RequestID == d.RequestID && seq == d.Seq {
				return n
			}
		}
		s.t.Fatalf("delivery %d, %q is not there after Write", d.Seq, d.RequestID)
	}
	return 0
}

func (s *session) events(q *alert.Query) (got []*alert.Stored) {
	s.t.Helper()
	err := s.store.Events(s.ctx, q, func(e *alert.Stored) error {
		got = append(got, e)
		return nil
	})
	if err != nil {
		s.t.Fatalf("Events: %v", err)
	}
	return got
}

// check compares the store's answer with the model's.
func (s *session) check(q *alert.Query) {
	s.t.Helper()
	Compare(s.t, s.events(q), s.model.Events(q))
}

// all asks for everything.
func all() *alert.Query { return &alert.Query{From: math.MinInt64, To: math.MaxInt64} }

// Compare fails the test at the first event that differs. An empty slice is as
// good as none.
func Compare(t *testing.T, got, want []*alert.Stored) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if g, w := plain(got[i]), plain(want[i]); !reflect.DeepEqual(g, w) {
			t.Fatalf("event %d of %d is\n %s\nwant\n %s", i, len(want), shorten(g), shorten(w))
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d events, want %d", len(got), len(want))
	}
}
