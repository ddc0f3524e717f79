package live

import (
	"slices"

	"stormdrain/internal/alert"
)

// decoder takes the entries of one batch apart, each when it is first asked
// for, and remembers those of late: in a storm the same alerts come again, and
// their contents would have to be read from the journal.
type decoder struct {
	batch   *alert.Batch
	decoded []remembered // by index in batch.Entries; without an entry: not yet

	// Two generations, as in the stores: when the young one is full it becomes
	// the old one, whose entries are then forgotten unless used again.
	young, old map[alert.ID]remembered
	bytes      int // of the young one
}

type remembered struct {
	entry any // *alert.LabelSet, *alert.Details or *alert.Envelope
	size  int // in memory, roughly
}

const maxRemembered = 4 << 20 // bytes of a generation

func (d *decoder) begin(b *alert.Batch) {
	d.batch = b
	d.decoded = slices.Grow(d.decoded[:0], len(b.Entries))[:len(b.Entries)]
}

// end lets go of the batch.
func (d *decoder) end() {
	d.batch = nil
	clear(d.decoded)
}

func (d *decoder) labels(i int32) (*alert.LabelSet, bool) {
	v, ok := d.entry(i).(*alert.LabelSet)
	return v, ok
}

func (d *decoder) details(i int32) (*alert.Details, bool) {
	v, ok := d.entry(i).(*alert.Details)
	return v, ok
}

func (d *decoder) envelope(i int32) (*alert.Envelope, bool) {
	v, ok := d.entry(i).(*alert.Envelope)
	return v, ok
}

// entry returns nil for what cannot be read.
func (d *decoder) entry(i int32) any {
	if v := d.decoded[i].entry; v != nil {
		return v
	}
	entry := d.batch.Entries[i]
	id := entry.ID()
	kept, ok := d.young[id]
	if !ok {
		if kept, ok = d.old[id]; !ok {
			if kept, ok = decode(entry); !ok {
				return nil
			}
		}
		d.remember(id, kept)
	}
	d.decoded[i] = kept
	return kept.entry
}

func (d *decoder) remember(id alert.ID, r remembered) {
	if d.young == nil || d.bytes+r.size > maxRemembered {
		d.young, d.old, d.bytes = make(map[alert.ID]remembered), d.young, 0
	}
	d.young[id] = r
	d.bytes += r.size
}

// overhead of a decoded entry over its encoding, roughly.
const overhead = 64

func decode(entry alert.Entry) (r remembered, ok bool) {
	content, err := entry.Content()
	if err != nil {
		return r, false
	}
	r.size = 2*len(content) + overhead
	switch entry.Kind() {
	case alert.KindLabelSet:
		var set alert.LabelSet
		set, err = alert.DecodeLabelSet(content)
		r.entry = &set
	case alert.KindDetails:
		var details alert.Details
		details, err = alert.DecodeDetails(content)
		r.entry = &details
	case alert.KindEnvelope:
		var envelope alert.Envelope
		envelope, err = alert.DecodeEnvelope(content)
		r.entry = &envelope
	}
	return r, err == nil && r.entry != nil
}

// sizeOfEvent is what an event takes besides its entries.
const sizeOfEvent = 192

// whole makes the event as a store would read it back, and says how much memory
// it holds. Entries are shared, so the sum of many is more than they take.
func (d *decoder) whole(journal int32, b *alert.Batch, e *alert.Event) (*alert.Stored, int, bool) {
	delivery := &b.Deliveries[e.Delivery]
	labels, ok1 := d.labels(e.Labels)
	details, ok2 := d.details(e.Details)
	envelope, ok3 := d.envelope(delivery.Envelope)
	if !ok1 || !ok2 || !ok3 {
		return nil, 0, false
	}
	size := sizeOfEvent + len(delivery.Source) + len(delivery.RequestID) + d.decoded[e.Labels].size + d.decoded[e.Details].size
	return &alert.Stored{
		Delivery: alert.DeliveryNumber(journal, delivery.Seq), Index: e.Index, ReceivedAt: delivery.ReceivedAt,
		Source: delivery.Source, RequestID: delivery.RequestID, TruncatedAlerts: delivery.TruncatedAlerts,
		Status: e.Status, StartsAt: e.StartsAt, EndsAt: e.EndsAt,
		Labels: labels, Details: details, Envelope: envelope,
	}, size, true
}
