package pipeline

import (
	stdjson "encoding/json"
	"fmt"
	"time"

	"stormdrain/internal/alert"
	"stormdrain/internal/quarantine"
)

// quarantineRejected keeps the elements that the forward half rejected, and
// the frames that cannot be read. It comes before the position passes them, and
// again with every attempt, which changes nothing.
func (p *Pipeline) quarantineRejected(b *batch) error {
	for i := range b.rejected {
		r := &b.rejected[i]
		d := quarantine.Delivery{
			Journal: b.Journal, Position: r.frame.seq, ReceivedAt: r.frame.receivedAt,
			Source: r.frame.source, RequestID: r.frame.requestID, Recorder: r.frame.recorder,
		}
		rejected := make([]quarantine.Rejected, len(r.alerts))
		for j, a := range r.alerts {
			rejected[j] = quarantine.Rejected{Index: a.index, Reason: a.reason + ": " + a.detail, Raw: a.raw}
		}
		if err := p.quarantine.Alerts(d, rejected); err != nil {
			return fmt.Errorf("quarantine alerts of delivery %d: %w", d.Position, err)
		}
	}
	return nil
}

// quarantineRefused adds the rows that the store refuses to b.rejected, where
// rejected elements of the same delivery may be already, and keeps them.
func (p *Pipeline) quarantineRefused(b *batch, refused map[row]error) error {
	for _, r := range rowsOf(&b.Batch) {
		cause := refused[r]
		if cause == nil {
			continue
		}
		a := rejectedAlert{index: -1, reason: "store", detail: cause.Error(), raw: []byte("null")}
		if r.recorded >= 0 {
			event, from := &b.Recorded[r.recorded], b.origins[r.recorded]
			a.index, a.raw = from.index, event.Body
			r := b.rejectedOf(parsedFrame{
				seq: from.seq, receivedAt: event.ReceivedAt, source: event.Source, requestID: from.requestID, recorder: true})
			r.alerts = append(r.alerts, a)
			continue
		}
		if r.event >= 0 {
			ev := &b.Events[r.event]
			a.index = ev.Index
			a.raw = describeAlert(b.Entries[ev.Labels], b.Entries[ev.Details], ev.Status, ev.StartsAt, ev.EndsAt)
		}
		d := &b.Deliveries[r.delivery]
		r := b.rejectedOf(parsedFrame{seq: d.Seq, receivedAt: d.ReceivedAt, source: d.Source, requestID: d.RequestID})
		r.alerts = append(r.alerts, a)
	}
	return p.quarantineRejected(b)
}

// rejectedOf returns what the delivery leaves to the quarantine so far.
func (b *batch) rejectedOf(f parsedFrame) *rejectedDelivery {
	for i := range b.rejected {
		if b.rejected[i].frame.seq == f.seq {
			return &b.rejected[i]
		}
	}
	b.rejected = append(b.rejected, rejectedDelivery{frame: &f})
	return &b.rejected[len(b.rejected)-1]
}

// damagedAlerts says of a frame that refers to lost entries what is left of its
// alerts, and of one that cannot be read at all its bytes.
func damagedAlerts(f *parsedFrame, events []parsedEvent) []rejectedAlert {
	if f.raw != nil {
		return []rejectedAlert{{index: -1, reason: "damaged", detail: f.err.Error(), raw: f.raw, whole: f.held}}
	}
	alerts := append([]rejectedAlert(nil), f.rejected...)
	for i := range events {
		ev := &events[i]
		raw := describeAlert(entryOrNil(ev.labels), entryOrNil(ev.details), ev.status, ev.startsAt, ev.endsAt)
		alerts = append(alerts, rejectedAlert{index: ev.index, reason: "damaged", detail: f.err.Error(), raw: raw})
	}
	return alerts
}

// entryOrNil keeps a nil pointer from becoming an interface that is not nil.
func entryOrNil(e *storedEntry) alert.Entry {
	if e == nil {
		return nil
	}
	return e
}

// describeAlert writes an alert as JSON in the sender's words again, as far as
// its entries can be read.
func describeAlert(labels, details alert.Entry, status alert.Status, startsAt, endsAt alert.Time) []byte {
	out := map[string]any{"status": status.String(), "startsAt": startsAt.Time().Format(time.RFC3339Nano)}
	if !endsAt.IsNone() {
		out["endsAt"] = endsAt.Time().Format(time.RFC3339Nano)
	}
	if b := contentOf(labels); b != nil {
		if set, err := alert.DecodeLabelSet(b); err == nil {
			out["labels"] = pairMap(set.Labels)
			out["fingerprint"] = string(alert.AppendFingerprint(nil, set.Fingerprint))
		}
	}
	if b := contentOf(details); b != nil {
		if d, err := alert.DecodeDetails(b); err == nil {
			if d.Extra != nil {
				out["extra"] = stdjson.RawMessage(d.Extra)
			}
			out["annotations"], out["generatorURL"] = pairMap(d.Annotations), d.GeneratorURL
		}
	}
	raw, err := stdjson.Marshal(out)
	if err != nil {
		panic("BUG: describe alert: " + err.Error())
	}
	return raw
}

func contentOf(e alert.Entry) []byte {
	if e == nil {
		return nil
	}
	b, err := e.Content()
	if err != nil {
		return nil
	}
	return b
}

func pairMap(pairs []alert.Pair) map[string]string {
	m := make(map[string]string, len(pairs))
	for _, p := range pairs {
		m[p.Name] = p.Value
	}
	return m
}
