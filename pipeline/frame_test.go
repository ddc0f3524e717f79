package pipeline

import (
	"bytes"
	"errors"
	"testing"

	"stormdrain/internal/alert"
)

// segmentOf numbers the entries of a body as one segment would.
func segmentOf(dec *decoder, d *decoded) []*storedEntry {
	var dict []*storedEntry
	put := func(e *entry) {
		if e.generation == 0 {
			e.generation, e.number = 1, uint32(len(dict))
			dict = append(dict, newStoredEntry(dec, e))
		}
	}
	put(d.envelope)
	for _, ev := range d.events {
		put(ev.labels)
		put(ev.details)
	}
	return dict
}

// newStoredEntry returns e with a content that is at hand in batch 0.
func newStoredEntry(dec *decoder, e *entry) *storedEntry {
	content := canonicalOf(dec, e)
	return &storedEntry{
		kind: e.kind, id: e.id, source: &entrySource{held: &heldContents{bytes: content}}, end: uint32(len(content)),
	}
}

func TestFrameHoldsEverything(t *testing.T) {
	t.Parallel()
	for name, body := range capturedBodies(t) {
		d := newTestDecoder()
		in, err := d.decode(alert.Webhook, body)
		if err != nil {
			t.Fatal(err)
		}
		dict := segmentOf(d, in)
		const receivedAt = 1_790_000_000_000_000
		payload := appendFrame(nil, receivedAt, in, []byte("a source"), []byte("a request"))
		got := parsedFrame{receivedAt: receivedAt}
		events, err := parseFrame(&got, nil, payload, dict)
		frames := []parsedFrame{got}
		nameFrames(frames, nil)
		got = frames[0]
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.source != "a source" || got.requestID != "a request" || got.truncated != in.truncated || got.envelope.id != in.envelope.id {
			t.Errorf("%s: %+v", name, got)
		}
		if len(events) != len(in.events) {
			t.Fatalf("%s: %d events, want %d", name, len(events), len(in.events))
		}
		for i, ev := range events {
			w := in.events[i]
			if ev.labels.id != w.labels.id || ev.details.id != w.details.id || ev.startsAt != w.startsAt || ev.endsAt != w.endsAt || ev.index != w.index || ev.status != w.status {
				t.Errorf("%s: event %d is %+v, want %+v", name, i, ev, w)
			}
		}
		if perAlert := len(payload) / max(1, len(events)); len(events) >= 10 && perAlert > 40 {
			t.Errorf("%s: %d bytes for each known alert", name, perAlert)
		}
		// Every cut is noticed.
		for cut := range payload {
			if _, err := parseFrame(&parsedFrame{}, nil, payload[:cut], dict); err == nil {
				t.Fatalf("%s: cut at %d of %d, and no error", name, cut, len(payload))
			}
		}
	}
}

func TestFrameHoldsRejected(t *testing.T) {
	t.Parallel()
	d := newTestDecoder()
	in, err := d.decode(alert.Webhook, []byte(`{"alerts":[7,{"labels":{"a":"1"},"startsAt":"2026-01-01T00:00:00.000000001Z"},{"status":"off"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	dict := segmentOf(d, in)
	var got parsedFrame
	events, err := parseFrame(&got, nil, appendFrame(nil, 0, in, nil, nil), dict)
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != 1 || events[0].index != 1 || events[0].startsAt.Nanos != 1 {
		t.Errorf("events %+v", events)
	}
	if len(got.rejected) != 2 || got.rejected[0].index != 0 || got.rejected[1].index != 2 ||
		!bytes.Equal(got.rejected[1].raw, []byte(`{"status":"off"}`)) || got.rejected[1].reason != "status" {
		t.Errorf("rejected %+v", got.rejected)
	}
}

// Entries of a damaged stretch are gone; the frame says so, and what it still
// knows goes to quarantine.
func TestFrameWithLostEntries(t *testing.T) {
	t.Parallel()
	d := newTestDecoder()
	in, err := d.decode(alert.Webhook, []byte(`{"alerts":[{"labels":{"a":"1"}},{"labels":{"a":"2"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	dict := segmentOf(d, in)
	dict[1] = nil
	var got parsedFrame
	events, err := parseFrame(&got, nil, appendFrame(nil, 0, in, nil, nil), dict)
	if !errors.Is(err, errEntryMissing) || len(events) != 2 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	got.err = err
	if alerts := damagedAlerts(&got, events); len(alerts) != 2 || alerts[0].reason != "damaged" {
		t.Errorf("%+v", alerts)
	}
}

func FuzzParseFrame(f *testing.F) {
	d := newTestDecoder()
	in, err := d.decode(alert.Webhook, []byte(`{"alerts":[7,{"labels":{"a":"1"}},{"labels":{"a":"2"},"status":"resolved","endsAt":"2026-01-01T00:00:00.000000001Z"}]}`))
	if err != nil {
		f.Fatal(err)
	}
	dict := segmentOf(d, in)
	f.Add(appendFrame(nil, 1<<50, in, []byte("s"), []byte("r")))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var got parsedFrame
		events, err := parseFrame(&got, nil, payload, dict)
		if err != nil && !errors.Is(err, errEntryMissing) && len(events) != 0 {
			t.Fatalf("%d events beside %v", len(events), err)
		}
		if held := elementsHeld(payload); err == nil && held != len(events)+len(got.rejected)+len(got.recorded) {
			t.Fatalf("%d elements held, parsed %d, %d and %d", held, len(events), len(got.rejected), len(got.recorded))
		}
	})
}

// TestPanicOfTheParser: a frame that makes it panic goes the way of a damaged
// one, with its bytes; its neighbours are stored.
func TestPanicOfTheParser(t *testing.T) {
	t.Parallel()
	d := newTestDecoder()
	in, err := d.decode(alert.Webhook, []byte(`{"alerts":[{"labels":{"a":"b"}},{"labels":{"a":"c"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	const receivedAt = 1_790_000_000_000_000
	c := &chunk{dict: segmentOf(d, in), ready: make(chan struct{}, 1)}
	for seq := uint64(1); seq <= 3; seq++ {
		start := len(c.payloads)
		c.payloads = appendFrame(c.payloads, receivedAt, in, []byte("a source"), []byte("a request"))
		c.frames = append(c.frames, frameRef{seq, receivedAt, start, len(c.payloads)})
	}
	payload := bytes.Clone(c.payloads[c.frames[1].start:c.frames[1].end])
	c.parse(func(f *parsedFrame, events []parsedEvent, payload []byte, dict []*storedEntry) ([]parsedEvent, error) {
		events, err := parseFrame(f, events, payload, dict)
		if f.seq == 2 {
			panic("index out of range")
		}
		return events, err
	})
	<-c.ready

	b := &batcher{current: new(batch), number: 1}
	b.add(c)
	got := b.current
	if got.To != 3 || len(got.Deliveries) != 2 || got.Deliveries[0].Seq != 1 || got.Deliveries[1].Seq != 3 || len(got.Events) != 4 {
		t.Fatalf("up to %d, %+v, %d events", got.To, got.Deliveries, len(got.Events))
	}
	if got.Deliveries[1].Source != "a source" || got.Deliveries[1].RequestID != "a request" {
		t.Errorf("%+v", got.Deliveries[1])
	}
	if len(got.rejected) != 1 || got.rejected[0].frame.seq != 2 || len(got.rejected[0].alerts) != 1 {
		t.Fatalf("%+v", got.rejected)
	}
	if a := got.rejected[0].alerts[0]; a.reason != "damaged" || a.detail != "parsing panicked: index out of range" || !bytes.Equal(a.raw, payload) || a.elements() != 2 {
		t.Errorf("%+v", a)
	}
	// What was received has to be stored or in quarantine, alert for alert.
	for i, c := range got.counts {
		if c.alerts != 2 {
			t.Errorf("delivery %d counts %d alerts", i+1, c.alerts)
		}
	}
}

// A frame that cannot be read still says how many alerts, or events of a recorder,
// are lost with it.
func TestElementsHeld(t *testing.T) {
	t.Parallel()
	f := func(payload []byte, want int) {
		t.Helper()
		if got := elementsHeld(payload); got != want {
			t.Errorf("%d, want %d", got, want)
		}
	}
	for name, body := range capturedBodies(t) {
		d := newTestDecoder()
		in, err := d.decode(alert.Webhook, body)
		if err != nil {
			t.Fatal(name, err)
		}
		segmentOf(d, in)
		f(appendFrame(nil, 1<<50, in, []byte("a source"), []byte("a request")), in.elements)
	}
	d := newTestDecoder()
	in, err := d.decode(alert.Webhook, []byte(`{"alerts":[7,{"labels":{"a":"1"},"startsAt":"2026-01-01T00:00:00.000000001Z"},
		{"labels":{"a":"2"},"status":"resolved","endsAt":"2026-01-01T00:00:00.000000001Z"},{"status":"off"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	segmentOf(d, in)
	whole := appendFrame(nil, 0, in, []byte("s"), []byte("r"))
	f(whole, 4)
	f(whole[:len(whole)-20], 4) // the rejected ones are counted before they follow
	f(append(bytes.Clone(whole), 7), 4)
	f(whole[:12], 2) // within the events, which are counted before they follow
	for cut := range whole[:9] {
		f(whole[:cut], 1)
	}
	f([]byte{99, 1, 2, 3}, 1)
	f([]byte{frameVersion, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, 1)

	var rec recordedDecoder
	if err := rec.decode([]byte(`[{"@timestamp":"2026-11-23T08:45:55.000000001Z","data":{"k":{"alert":{"fingerprint":"300"}}}},7,{"data":{"k":{}}}]`)); err != nil {
		t.Fatal(err)
	}
	f(appendRecordedFrame(nil, 0, &rec, []byte("s"), []byte("r")), 3)
}
