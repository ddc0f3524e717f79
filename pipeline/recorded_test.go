package pipeline

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"stormdrain/internal/alert"
)

func recordedBodies(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../internal/e2e/testdata/payloads/recorder/*.json")
	if err != nil || len(files) != 30 {
		t.Fatalf("%d captured bodies, %v; want 30", len(files), err)
	}
	bodies := make(map[string][]byte)
	for _, file := range files {
		if bodies[filepath.Base(file)], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	return bodies
}

// wireRecorded is an event as encoding/json reads it.
type wireRecorded struct {
	At       string                            `json:"@timestamp"`
	Instance string                            `json:"instance"`
	Data     map[string]map[string]interface{} `json:"data"`
}

// fingerprintsOf collects "fingerprint" wherever an alert may stand.
func fingerprintsOf(v any) (found []uint64) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if text, ok := inner.(string); ok && name == "fingerprint" {
				n, _ := strconv.ParseUint(text, 10, 64)
				found = append(found, n)
			}
			found = append(found, fingerprintsOf(inner)...)
		}
	case []any:
		for _, inner := range v {
			found = append(found, fingerprintsOf(inner)...)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// roundTrip decodes a body and sends it through a frame.
func roundTrip(t testing.TB, body []byte) (events []parsedRecorded, rejected []rejectedAlert) {
	t.Helper()
	var d recordedDecoder
	if err := d.decode(body); err != nil {
		t.Fatalf("%.80s: %v", body, err)
	}
	const receivedAt = 1_790_000_000_000_000
	payload := appendRecordedFrame(nil, receivedAt, &d, []byte("a source"), []byte("a request"))
	frames := []parsedFrame{{receivedAt: receivedAt}}
	if alerts, err := parseFrame(&frames[0], nil, payload, nil); err != nil || len(alerts) != 0 {
		t.Fatalf("%.80s: %d alerts, %v", body, len(alerts), err)
	}
	nameFrames(frames, nil)
	clear(payload)
	f := frames[0]
	if !f.recorder || f.source != "a source" || f.requestID != "a request" || len(f.recorded)+len(f.rejected) != d.elements {
		t.Fatalf("%.80s: %+v", body, f)
	}
	return f.recorded, f.rejected
}

func TestCapturedRecorded(t *testing.T) {
	t.Parallel()
	for name, body := range recordedBodies(t) {
		var want []stdjson.RawMessage
		if stdjson.Unmarshal(body, &want) != nil {
			want = []stdjson.RawMessage{body}
		}
		got, rejected := roundTrip(t, body)
		if len(got) != len(want) || len(rejected) != 0 {
			t.Fatalf("%s: %d events and %d rejected, want %d", name, len(got), len(rejected), len(want))
		}
		for i, r := range got {
			var w wireRecorded
			if err := stdjson.Unmarshal(want[i], &w); err != nil {
				t.Fatal(err)
			}
			var kind string
			for kind = range w.Data {
			}
			silence, _ := w.Data[kind]["silence"].(map[string]any)
			id, _ := silence["id"].(string)
			at, err := parseTime([]byte(w.At))
			if err != nil || r.At != at || r.Instance != "vm" || r.Instance != w.Instance || r.Kind != kind || r.Silence != id || r.index != int32(i) {
				t.Errorf("%s, event %d: %+v", name, i, r)
			}
			if strings.HasPrefix(kind, "silence") != (r.Silence == "0e925b1c-7c57-4e86-88b9-1a021de89d8a") {
				t.Errorf("%s: %s of silence %q", name, kind, r.Silence)
			}
			if fingerprints := fingerprintsOf(map[string]any(w.Data[kind])); !slices.Equal(r.Fingerprints, fingerprints) {
				t.Errorf("%s: fingerprints %d, want %d", name, r.Fingerprints, fingerprints)
			}
			if !bytes.Equal(r.Body, bytes.TrimSpace(want[i])) {
				t.Errorf("%s: kept is %s", name, r.Body)
			}
		}
	}
}

// What was sent one by one and what was sent in a batch are the same events, though
// their white space differs.
func TestIdentityOfRecorded(t *testing.T) {
	t.Parallel()
	bodies := recordedBodies(t)
	singles := make(map[alert.ID]bool)
	for name, body := range bodies {
		if events, _ := roundTrip(t, body); strings.Contains(name, "single") {
			singles[events[0].ID] = true
		}
	}
	batch, _ := roundTrip(t, bodies["0009-batch.json"])
	if len(singles) != 29 || len(batch) != 6 {
		t.Fatalf("%d different singles, %d in the batch; want 29 and 6", len(singles), len(batch))
	}
	for _, r := range batch {
		if !singles[r.ID] {
			t.Errorf("%s at %v is another one in the batch", r.Kind, r.At.Time())
		}
	}

	const event = `{"@timestamp":"2026-11-23T08:45:55.5Z","instance":"vm","data":{"k":{"a":[1,"x",{"b":null,"c":{}}],"é":"<1>"}}}`
	idOf := func(body string) alert.ID {
		t.Helper()
		events, _ := roundTrip(t, []byte(body))
		return events[0].ID
	}
	for _, same := range []string{
		"[ " + event + " ]",
		` { "data" : { "k" : { "\u00e9" : "\u003c1>" , "a" : [ 1 , "x" , { "c" : { } , "b" : null } ] } } , "instance" : "\u0076m" , "@timestamp" : "2026-11-23T08:45:55.500Z" } `,
		strings.Replace(event, "08:45:55.5Z", "10:45:55.5+02:00", 1),
		strings.Replace(event, `"k":`, `"k":{"a":2},"k":`, 1), // of two with one name the last counts
	} {
		if idOf(same) != idOf(event) {
			t.Errorf("another identity: %s", same)
		}
	}
	seen := map[alert.ID]string{idOf(event): event}
	for _, change := range [][2]string{
		{"55.5Z", "55.500000001Z"}, {`"vm"`, `"vm2"`}, {`"k"`, `"l"`}, {`"x"`, `"y"`}, {"[1,", "[1.0,"}, {"[1,", "["}, {`[1,"x"`, `["x",1`}, {`null`, `"null"`},
		{`{}`, `[]`}, {`"c":{}`, `"c":{"d":{}}`}, {`}}}`, `}},"clusterPosition":1}`}, {`"@timestamp":"2026-11-23T08:45:55.5Z",`, ""}, {`"instance":"vm",`, ""},
		{`,"é":"<1>"}`, `},"é":"<1>"`}, {`"data"`, `"@other":"2026-11-23T08:45:55.5Z","data"`},
	} {
		other := strings.Replace(event, change[0], change[1], 1)
		id := idOf(other)
		if was, ok := seen[id]; ok {
			t.Errorf("%s has the identity of %s", other, was)
		}
		seen[id] = other
	}
}

func TestRecordedKeepsWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	const body = `{"data":{"futureKind":{"alert":{"fingerprint":18446744073709551615},"deep":[{"alerts":[{"fingerprint":"7"},{"fingerprint":"7"},{"fingerprint":"x"},{"fingerprint":-1}]}],
		"labels":{"labels":[{"key":"fingerprint","value":"1"}],"fingerprint":"2"},"annotations":{"fingerprint":"3"},"silence":{"id":"a\u0000b","silence":{"id":"inner"}},"more":{"silence":{"id":"c"}}},
		"other":{"alert":{"fingerprint":"9"}}},"fingerprint":"5","new":[1]}`
	events, _ := roundTrip(t, []byte(body))
	r := events[0]
	if r.Kind != "futureKind" || r.Instance != "" || r.Silence != "a\x00b" || string(r.Body) != body {
		t.Errorf("%+v", r)
	}
	if want := []uint64{7, 9, 1<<64 - 1}; !slices.Equal(r.Fingerprints, want) {
		t.Errorf("fingerprints %d, want %d", r.Fingerprints, want)
	}
	if r.At.Micros != 1_790_000_000_000_000 || r.At.Nanos != 0 {
		t.Errorf("an event that says no time is at %+v, not when it was received", r.At)
	}
	events, _ = roundTrip(t, []byte("{\"data\":{\"k\":{}},\"a\":\"\xff\xfe\"}"))
	if string(events[0].Body) != `{"data":{"k":{}},"a":"��"}` {
		t.Errorf("invalid UTF-8 is kept as %q", events[0].Body)
	}
}

func TestRecordedRefuses(t *testing.T) {
	t.Parallel()
	f := func(body, reason, part string) {
		t.Helper()
		var refused *alert.RefusedError
		err := new(recordedDecoder).decode([]byte(body))
		if !errors.As(err, &refused) || refused.Reason != reason || !strings.Contains(refused.Detail, part) {
			t.Errorf("%.60q: %v, want %s with %q", body, err, reason, part)
		}
	}
	f("", "syntax", "empty")
	f(" \n", "syntax", "recorder")
	f(`{"data":{"k":{}}`, "syntax", "at byte 16")
	f(`{"data":{"k":{}}} x`, "syntax", "after top-level value")
	for _, body := range []string{`7`, `null`, `"x"`, `{}`, `{"data":null}`, `{"data":{}}`, `{"data":{"k":null}}`, `{"data":[{"k":{}}]}`,
		`{"receiver":"r","alerts":[]}`, `[{"labels":{"alertname":"Prometheus"}}]`, `[1,null,[]]`} {
		f(body, "shape", "event_recorder")
	}
	var d recordedDecoder
	if err := d.decode([]byte(` [ ] `)); err != nil || d.elements != 0 {
		t.Errorf("an empty batch: %d elements, %v", d.elements, err)
	}
}

// One bad element leaves its neighbours alone.
func TestRecordedRejectsAlone(t *testing.T) {
	t.Parallel()
	f := func(bad, reason string) {
		t.Helper()
		const good = `{"data":{"k":{}}}`
		events, rejected := roundTrip(t, []byte("["+good+","+bad+", "+good+"]"))
		if len(events) != 2 || events[0].index != 0 || events[1].index != 2 || string(events[1].Body) != good {
			t.Fatalf("%s: %+v", bad, events)
		}
		if len(rejected) != 1 || rejected[0].index != 1 || rejected[0].reason != reason || string(rejected[0].raw) != bad || rejected[0].detail == "" {
			t.Errorf("%s: %+v, want %s", bad, rejected, reason)
		}
	}
	f(`1`, "kind")
	f(`[{"data":{"k":{}}}]`, "kind")
	f(`{"data":"k"}`, "kind")
	f(`{"data":{"k":{}},"@timestamp":5}`, "type")
	f(`{"data":{"k":{}},"@timestamp":"yesterday"}`, "time")
	f(`{"data":{"k":{}},"@timestamp":"10000-01-01T00:00:00Z"}`, "time")
	f(`{"data":{"k":{}},"instance":{"a":1}}`, "type")
}

func TestFrameOfRecordedIsCut(t *testing.T) {
	t.Parallel()
	var d recordedDecoder
	if err := d.decode([]byte(`[{"@timestamp":"2026-11-23T08:45:55.000000001Z","data":{"k":{"alert":{"fingerprint":"300"}}}},7]`)); err != nil {
		t.Fatal(err)
	}
	payload := appendRecordedFrame(nil, 5, &d, []byte("s"), []byte("r"))
	for cut := range payload {
		var f parsedFrame
		if _, err := parseFrame(&f, nil, payload[:cut], nil); err == nil || f.recorded != nil {
			t.Fatalf("cut at %d of %d: %v, %d events", cut, len(payload), err, len(f.recorded))
		}
	}
	if _, err := parseFrame(new(parsedFrame), nil, append([]byte{recordedVersion + 1}, payload[1:]...), nil); err == nil {
		t.Error("a frame of a version to come is read")
	}
}

// TestNestedRecorded has a body that is slow for who looks at each byte once for
// every object around it.
func TestNestedRecorded(t *testing.T) {
	t.Parallel()
	const depth = 4990 // objects and arrays; encoding/json reads 10 000
	text := strings.Repeat("x", 4<<20)
	body := `{"data":{"k":` + strings.Repeat(`{"b":[`, depth) + `"` + text + `"` + strings.Repeat(`],"a":0}`, depth) + `}}`
	if events, _ := roundTrip(t, []byte(body)); len(events) != 1 || len(events[0].Body) != len(body) {
		t.Errorf("%d events", len(events))
	}
}

func FuzzRecorded(f *testing.F) {
	for _, body := range recordedBodies(f) {
		f.Add(body)
	}
	f.Add([]byte(`[{"data":{"k":{"a":1,"a":2}}},7,{"data":{},"@timestamp":"x"}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var d recordedDecoder
		if err := d.decode(body); err != nil {
			if refused := new(alert.RefusedError); !errors.As(err, &refused) {
				t.Fatal(err)
			}
			return
		}
		events, rejected := roundTrip(t, body)
		again := make([]stdjson.RawMessage, 0, len(events))
		for _, r := range events {
			if !stdjson.Valid(r.Body) {
				t.Fatalf("not JSON: %q", r.Body)
			}
			again = append(again, r.Body)
		}
		for _, r := range rejected {
			if !stdjson.Valid(r.raw) {
				t.Fatalf("rejected, and not JSON: %q", r.raw)
			}
		}
		// The identity does not depend on white space, nor on what stands beside it.
		spaced, err := stdjson.MarshalIndent(again, "", "\t")
		if err != nil || len(again) == 0 {
			return
		}
		other, _ := roundTrip(t, spaced)
		for i, r := range events {
			o := other[i]
			if o.ID != r.ID || o.Kind != r.Kind || o.Instance != r.Instance || !reflect.DeepEqual(o.Fingerprints, r.Fingerprints) {
				t.Fatalf("%s\nbecame\n%s", fmt.Sprintf("%+v %s", r.Recorded, r.Body), fmt.Sprintf("%+v %s", o.Recorded, o.Body))
			}
		}
	})
}
