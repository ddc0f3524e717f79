package storagetest

import (
	"errors"

	"stormdrain/internal/alert"
)

// Delivery is a delivery with its alerts, as a test writes it down.
type Delivery struct {
	Seq             uint64
	ReceivedAt      int64
	Source          string
	RequestID       string
	TruncatedAlerts uint64
	Envelope        alert.Envelope
	Alerts          []Alert
}

// Alert is one alert of a Delivery.
type Alert struct {
	Index    int32
	Status   alert.Status
	StartsAt alert.Time
	EndsAt   alert.Time
	Labels   alert.LabelSet
	Details  alert.Details
}

// Batch makes a batch that moves the journal from from to the last delivery's
// position, with each dictionary entry once.
func Batch(journal alert.ID, from uint64, deliveries ...Delivery) *alert.Batch {
	b := &alert.Batch{Journal: journal, From: from, To: from}
	known := map[alert.ID]int32{}
	intern := func(kind alert.EntryKind, content []byte) int32 {
		id := alert.Identity(kind, content)
		n, ok := known[id]
		if !ok {
			n = int32(len(b.Entries))
			known[id] = n
			b.Entries = append(b.Entries, NewEntry(kind, content))
		}
		return n
	}
	for i := range deliveries {
		d := &deliveries[i]
		b.Deliveries = append(b.Deliveries, alert.Delivery{
			Seq: d.Seq, ReceivedAt: d.ReceivedAt, Source: d.Source, RequestID: d.RequestID,
			Envelope: intern(alert.KindEnvelope, d.Envelope.Append(nil)), TruncatedAlerts: d.TruncatedAlerts,
		})
		for j := range d.Alerts {
			a := &d.Alerts[j]
			b.Events = append(b.Events, alert.Event{
				Delivery: int32(i), Index: a.Index, Status: a.Status, StartsAt: a.StartsAt, EndsAt: a.EndsAt,
				Labels:  intern(alert.KindLabelSet, a.Labels.Append(nil)),
				Details: intern(alert.KindDetails, a.Details.Append(nil)),
			})
		}
		b.To = d.Seq
	}
	return b
}

// Labels makes a label set with its fingerprint out of names and values in turn;
// the names must be in order.
func Labels(namesAndValues ...string) alert.LabelSet {
	pairs := Pairs(namesAndValues...)
	return alert.LabelSet{Fingerprint: alert.Fingerprint(pairs), Labels: pairs}
}

// Pairs makes pairs out of names and values in turn; the names must be in order.
func Pairs(namesAndValues ...string) (pairs []alert.Pair) {
	for i := 0; i < len(namesAndValues); i += 2 {
		pairs = append(pairs, alert.Pair{Name: namesAndValues[i], Value: namesAndValues[i+1]})
	}
	return pairs
}

// entry is an alert.Entry in memory.
type entry struct {
	kind    alert.EntryKind
	id      alert.ID
	content []byte
}

// NewEntry makes a dictionary entry out of its canonical encoding.
func NewEntry(kind alert.EntryKind, content []byte) alert.Entry {
	return &entry{kind: kind, id: alert.Identity(kind, content), content: content}
}

func (e *entry) Kind() alert.EntryKind    { return e.kind }
func (e *entry) ID() alert.ID             { return e.id }
func (e *entry) Content() ([]byte, error) { return e.content, nil }

// silentEntry has an identity and refuses to tell its content.
type silentEntry struct{ alert.Entry }

var errSilent = errors.New("content asked for")

func (silentEntry) Content() ([]byte, error) { return nil, errSilent }

// silence makes every entry of b refuse to tell its content: a store that has
// the entries must not ask.
func silence(b *alert.Batch) *alert.Batch {
	for i := range b.Entries {
		b.Entries[i] = silentEntry{b.Entries[i]}
	}
	return b
}
