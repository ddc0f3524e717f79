package sqlite

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"

	"stormdrain/internal/alert"
)

// entry is a dictionary entry in memory. It counts how often its content was
// asked for.
type entry struct {
	kind  alert.EntryKind
	id    alert.ID
	body  []byte
	asked *int
}

func (e entry) Kind() alert.EntryKind { return e.kind }
func (e entry) ID() alert.ID          { return e.id }

func (e entry) Content() ([]byte, error) {
	if e.asked != nil {
		*e.asked++
	}
	return e.body, nil
}

func newEntry(kind alert.EntryKind, canonical []byte) entry {
	return entry{kind: kind, id: alert.Identity(kind, canonical), body: canonical}
}

// feed makes batches of a journal: each delivery of ten events, a second apart
// in the eyes of nobody, a microsecond in the store's.
type feed struct {
	journal  alert.ID
	seq      uint64
	received int64
	perBody  int
	sets     []entry // known label sets, used in turn
	details  []entry // one for each set
	envelope entry
	next     int
}

func labelsOf(i int) alert.LabelSet {
	pairs := []alert.Pair{
		{Name: "alertname", Value: fmt.Sprintf("DiskFull%d", i%50)},
		{Name: "cluster", Value: "eu-west-1"},
		{Name: "instance", Value: fmt.Sprintf("node-%06d.example.com:9100", i)},
		{Name: "job", Value: "node"},
		{Name: "mountpoint", Value: "/var/lib/data"},
		{Name: "namespace", Value: "monitoring"},
		{Name: "severity", Value: []string{"critical", "warning"}[i%2]},
	}
	return alert.LabelSet{Fingerprint: alert.Fingerprint(pairs), Labels: pairs}
}

func detailsOf(i int) alert.Details {
	return alert.Details{
		Annotations: []alert.Pair{
			{Name: "description", Value: fmt.Sprintf("The disk of node %d will be full in %d hours, clean it up.", i, i%24)},
			{Name: "runbook_url", Value: "https://runbooks.example.com/disk-full"},
			{Name: "summary", Value: "Disk is filling up"},
		},
		GeneratorURL: "http://prometheus.example.com/graph?g0.expr=node_filesystem_free",
	}
}

func newFeed(journal byte, sets, perBody int) *feed {
	f := &feed{journal: alert.ID{journal}, received: 1_790_000_000_000_000, perBody: perBody}
	f.addSets(sets)
	v := alert.Envelope{Receiver: "ops", GroupKey: `{}:{alertname="DiskFull"}`, ExternalURL: "http://am.example.com"}
	f.envelope = newEntry(alert.KindEnvelope, v.Append(nil))
	return f
}

// addSets replaces the label sets and details by n that never were.
func (f *feed) addSets(n int) {
	base := f.next
	f.next += n
	f.sets, f.details = nil, nil
	for i := base; i < base+n; i++ {
		s, d := labelsOf(i), detailsOf(i)
		f.sets = append(f.sets, newEntry(alert.KindLabelSet, s.Append(nil)))
		f.details = append(f.details, newEntry(alert.KindDetails, d.Append(nil)))
	}
}

// batch makes the next batch, of some events with all label sets in turn, in
// an order that follows from the position.
func (f *feed) batch(events int) *alert.Batch {
	b := &alert.Batch{Journal: f.journal, From: f.seq}
	b.Entries = append(b.Entries, f.envelope)
	for i := range f.sets {
		b.Entries = append(b.Entries, f.sets[i], f.details[i])
	}
	for i := range events {
		if i%f.perBody == 0 {
			f.seq++
			f.received++
			b.Deliveries = append(b.Deliveries, alert.Delivery{
				Seq: f.seq, ReceivedAt: f.received, Source: "eu", RequestID: fmt.Sprintf("req-%d", f.seq),
			})
		}
		set := f.pick(i)
		b.Events = append(b.Events, alert.Event{
			Delivery: int32(len(b.Deliveries) - 1), Index: int32(i % f.perBody),
			Status: alert.Status(i & 1), Labels: int32(1 + 2*set), Details: int32(2 + 2*set),
			StartsAt: alert.Time{Micros: f.received - 60e6, Nanos: uint16(i % 1000)}, EndsAt: alert.NoTime,
		})
	}
	b.To = f.seq
	return b
}

// pick scatters the sets over the events, each about equally often.
func (f *feed) pick(i int) int {
	x := binary.LittleEndian.Uint64([]byte{byte(i), byte(i >> 8), byte(i >> 16), byte(f.seq), byte(f.seq >> 8), byte(f.seq >> 16), 0, 0})
	x *= 0x9e3779b97f4a7c15
	return int((x >> 32) % uint64(len(f.sets)))
}

func open(tb testing.TB, path string) *Store {
	tb.Helper()
	s, err := New(Config{Path: path})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return s
}

func temporary(tb testing.TB) string { return filepath.Join(tb.TempDir(), "data", "alerts.db") }

func mustPosition(tb testing.TB, s *Store, journal alert.ID) uint64 {
	tb.Helper()
	p, err := s.Position(context.Background(), journal)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func mustWrite(tb testing.TB, s *Store, b *alert.Batch) {
	tb.Helper()
	if err := s.Write(context.Background(), b); err != nil {
		tb.Fatal(err)
	}
}

// freshDetails gives every event of b details that never were.
func (f *feed) freshDetails(b *alert.Batch) *alert.Batch {
	for i := range b.Events {
		d := detailsOf(f.next)
		f.next++
		b.Events[i].Details = int32(len(b.Entries))
		b.Entries = append(b.Entries, newEntry(alert.KindDetails, d.Append(nil)))
	}
	return b
}
