package pipeline

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"stormdrain/internal/alert"
)

// vmalertBody is what app/vmalert/notifier writes, blanks and all.
const vmalertBody = `[{"startsAt":"2026-11-23T09:06:00.730123456Z","generatorURL": "http://vm/vmalert/alert?group_id=1","endsAt":"2026-11-23T09:07:04Z",` +
	`"labels": {"alertname":"A", "job":"x"},"annotations": {"summary":"s"}},{"startsAt":"2026-11-23T09:06:00Z","generatorURL": "","labels": {"alertname":"B"},"annotations": {}}]`

func postedBodies(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../internal/e2e/testdata/posted/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captured bodies: %v", err)
	}
	bodies := map[string][]byte{"vmalert": []byte(vmalertBody)}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bodies[filepath.Base(file)] = body
	}
	return bodies
}

func decodePosted(t testing.TB, d *decoder, body string) *decoded {
	t.Helper()
	out, err := d.decode(alert.Posted, []byte(body))
	if err != nil {
		t.Fatalf("%.80s: %v", body, err)
	}
	return out
}

// otherPosted decodes as if nothing were known.
func otherPosted(t testing.TB, d *decoder, body []byte) plain {
	t.Helper()
	d.noKnownWay = true
	defer func() { d.noKnownWay = false }()
	out, err := d.decode(alert.Posted, body)
	if err != nil {
		t.Fatalf("the known way took what is refused: %v", err)
	}
	return plainly(out)
}

// Whether an alert fires depends on when it is received, and on nothing that the
// cache of bodies or the table remember.
func TestPostedStatusFollowsFromTheEnd(t *testing.T) {
	t.Parallel()
	micros := func(s string) int64 {
		at, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return at.UnixMicro()
	}
	d := newTestDecoder()
	f := func(times, receivedAt, want string) {
		t.Helper()
		in := decodePosted(t, d, `[{"labels":{"a":"1"}`+times+`}]`)
		got := parsedFrame{receivedAt: micros(receivedAt)}
		dict := fullDict(d, in)
		events, err := parseFrame(&got, nil, appendFrame(nil, got.receivedAt, in, nil, []byte("id")), dict)
		if err != nil {
			t.Fatal(err)
		}
		text := events[0].status.String() + " " + events[0].startsAt.Time().Format(time.RFC3339Nano)
		if !events[0].endsAt.IsNone() {
			text += " " + events[0].endsAt.Time().Format(time.RFC3339Nano)
		}
		if text != want {
			t.Errorf("%s, received %s: %s, want %s", times, receivedAt, text, want)
		}
	}
	const start, end, both = `,"startsAt":"2026-11-24T10:00:00.000000001Z"`, `,"endsAt":"2026-11-24T10:05:00.000000009Z"`,
		`,"startsAt":"2026-11-24T10:00:00.000000001Z","endsAt":"2026-11-24T10:05:00.000000009Z"`
	f(both, "2026-11-24T10:04:59.999999Z", "firing 2026-11-24T10:00:00.000000001Z")
	f(both, "2026-11-24T10:05:00Z", "resolved 2026-11-24T10:00:00.000000001Z 2026-11-24T10:05:00.000000009Z")
	f(both, "2026-11-24T11:00:00Z", "resolved 2026-11-24T10:00:00.000000001Z 2026-11-24T10:05:00.000000009Z")
	f(start, "2026-11-24T11:00:00Z", "firing 2026-11-24T10:00:00.000000001Z")
	f("", "2026-11-24T11:00:00.000007Z", "firing 2026-11-24T11:00:00.000007Z")
	f(`,"startsAt":"0001-01-01T00:00:00Z","endsAt":"0001-01-01T00:00:00.000Z"`, "2026-11-24T11:00:00Z", "firing 2026-11-24T11:00:00Z")
	f(`,"startsAt":null,"endsAt":""`, "2026-11-24T11:00:00Z", "firing 2026-11-24T11:00:00Z")
	f(end, "2026-11-24T10:00:00Z", "firing 2026-11-24T10:00:00Z")
	f(end, "2026-11-24T11:00:00Z", "resolved 2026-11-24T10:05:00.000000009Z 2026-11-24T10:05:00.000000009Z")
	f(`,"startsAt":"2026-11-24T12:00:00+02:00"`, "2026-11-24T11:00:00Z", "firing 2026-11-24T10:00:00Z")
}

// fullDict numbers the entries of a body, also those that are known.
func fullDict(dec *decoder, d *decoded) []*storedEntry {
	dict := make([]*storedEntry, 0, 1+2*len(d.events))
	put := func(e *entry) {
		e.number = uint32(len(dict))
		dict = append(dict, newStoredEntry(dec, e))
	}
	put(d.envelope)
	for i := range d.events {
		put(d.events[i].labels)
		put(d.events[i].details)
	}
	return dict
}

func TestPostedContent(t *testing.T) {
	t.Parallel()
	d := newTestDecoder()
	got := decodePosted(t, d, `[{"labels":{"b":"2","empty":"","a":"\u00e4","none":null},"annotations":{"x":"","y":"z"},"generatorURL":"http:\/\/g",
		"status":"resolved","fingerprint":"0000000000000001","more":[1, 2]}]`)
	if env := envelopeOf(t, d, got.envelope); env.Receiver+env.GroupKey+env.ExternalURL != "" || len(env.GroupLabels) > 0 || env.Extra != nil {
		t.Errorf("envelope %+v", env)
	}
	set := labelsOf(t, d, got.events[0].labels)
	want := []alert.Pair{{Name: "a", Value: "ä"}, {Name: "b", Value: "2"}}
	if !reflect.DeepEqual(set.Labels, want) || set.Fingerprint != alert.Fingerprint(want) {
		t.Errorf("labels %+v", set)
	}
	details := detailsOf(t, d, got.events[0].details)
	if !reflect.DeepEqual(details.Annotations, []alert.Pair{{Name: "x"}, {Name: "y", Value: "z"}}) || details.GeneratorURL != "http://g" ||
		string(details.Extra) != `{"fingerprint":"0000000000000001","more":[1,2],"status":"resolved"}` {
		t.Errorf("details %+v %s", details, details.Extra)
	}
	// The set is the one that the webhook makes of the same labels.
	byWebhook, err := d.decode(alert.Webhook, []byte(`{"alerts":[{"labels":{"a":"ä","b":"2"}}]}`))
	if err != nil || byWebhook.events[0].labels.id != alert.Identity(alert.KindLabelSet, set.Append(nil)) {
		t.Errorf("by the webhook: another set, %v", err)
	}
}

func TestPostedKeepsNeighboursOfABadAlert(t *testing.T) {
	t.Parallel()
	f := func(bad, reason string) {
		t.Helper()
		got := decodePosted(t, newTestDecoder(), `[{"labels":{"a":"1"}},`+bad+`,{"labels":{"a":"2"}}]`)
		if got.elements != 3 || len(got.events) != 2 || got.events[0].index != 0 || got.events[1].index != 2 {
			t.Fatalf("%s: %d elements, events %+v", bad, got.elements, got.events)
		}
		if len(got.rejected) != 1 || got.rejected[0].index != 1 || got.rejected[0].reason != reason || string(got.rejected[0].raw) != bad {
			t.Errorf("%s: rejected %+v, want reason %q", bad, got.rejected, reason)
		}
	}
	f(`1`, "type")
	f(`null`, "type")
	f(`[]`, "type")
	f(`{}`, "labels")
	f(`{"labels":{}}`, "labels")
	f(`{"labels":{ }}`, "labels")
	f(`{"labels":null}`, "labels")
	f(`{"labels":{"a":"","b":null}}`, "labels")
	f(`{"labels":5}`, "type")
	f(`{"labels":{"a":5}}`, "type")
	f(`{"labels":["a"]}`, "type")
	f(`{"labels":{"a":"b"},"annotations":{"a":{}}}`, "type")
	f(`{"labels":{"a":"b"},"annotations":7}`, "type")
	f(`{"labels":{"a":"b"},"generatorURL":true}`, "type")
	f(`{"labels":{"a":"b"},"startsAt":"yesterday"}`, "time")
	f(`{"labels":{"a":"b"},"startsAt":7}`, "type")
	f(`{"labels":{"a":"b"},"endsAt":"9999-12-31T23:59:59-08:00"}`, "time")
}

func TestPostedRefuses(t *testing.T) {
	t.Parallel()
	f := func(body, reason, part string) {
		t.Helper()
		d := newTestDecoder()
		d.maxAlerts = 2
		_, err := d.decode(alert.Posted, []byte(body))
		var refused *alert.RefusedError
		if !errors.As(err, &refused) || refused.Reason != reason || !strings.Contains(refused.Detail, part) {
			t.Errorf("%.40q: got %v, want %s with %q", body, err, reason, part)
		}
	}
	f(``, "syntax", "array of alerts")
	f(`[`, "syntax", "at byte 1")
	f(`[{"labels":{"a":"1"}},]`, "syntax", "at byte")
	f(`[{"labels":{"a":"1"}}] x`, "syntax", "after top-level value")
	f(`[{"labels":{"a":"1","b":x}}]`, "syntax", "at byte")
	f(`[{"labels":{"a":"1"},"annotations":-}]`, "syntax", "at byte")
	f(`[{"labels":{"a":"1"},"startsAt":nil}]`, "syntax", "at byte")
	f("[{\"labels\":{\"a\":\"\x01\"}}]", "syntax", "at byte")
	f(`{"alerts":[]}`, "shape", "/webhook")
	f(`null`, "shape", "null")
	f(`[{"labels":{"a":"1"}},{"labels":{"a":"1"}},{"labels":{"a":"1"}}]`, "too_many_alerts", "3 alerts")
	_, err := newTestDecoder().decode(alert.Webhook, []byte(`[{"labels":{"a":"1"}}]`))
	if err == nil || !strings.Contains(err.Error(), "/api/v2/alerts") {
		t.Errorf("an array to the webhook: %v", err)
	}
}

// What is sent in the usual forms takes the known way, when all of it is new to the
// table and when it is known, and is there what it is in the other way.
func TestPostedBodiesTakeTheKnownWay(t *testing.T) {
	t.Parallel()
	for name, body := range postedBodies(t) {
		d := newTestDecoder()
		for _, state := range []string{"new", "known"} {
			d.reset()
			if !d.postedAsKnown(trimSpace(body)) {
				t.Fatalf("%s, %s: took the other way", name, state)
			}
			got := plainly(&d.out)
			if want := otherPosted(t, d, body); !reflect.DeepEqual(got, want) || len(got.events) == 0 {
				t.Errorf("%s, %s: got %.500v, want %.500v", name, state, got, want)
			}
		}
	}
}

// Rubbish that looks like the key of something known is still rubbish.
func TestPostedKnownWayChecks(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`[{"labels":{"a":"1"},"annotations":-,"generatorURL":"g"}]`,
		`[{"labels":{"a":"1"},"annotations":nul,"generatorURL":"g"}]`,
		`[{"labels":{"a":"1"},"generatorURL":-}]`,
		`[{"labels":{"a":"1"} "generatorURL":"g"}]`,
		`[{"labels":{"a":"1"},,"generatorURL":"g"}]`,
		`[{"labels";{"a":"1"}}]`,
		`[{"labels":{"a":"1"}}`,
		`[{"labels":{"a":"1"}};{"labels":{"a":"1"}}]`,
		`[{"labels":{"a":"1"}}]]`,
		`[{"labels":{"a":"1"},"startsAt":"2026-11-24T10:00:00Z]`,
	} {
		d := newTestDecoder()
		decodePosted(t, d, `[{"labels":{"a":"1"}},{"labels":{"a":"1"},"generatorURL":"g"}]`)
		var refused *alert.RefusedError
		if _, err := d.decode(alert.Posted, []byte(body)); !errors.As(err, &refused) || refused.Reason != "syntax" {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestPostedDoesNotAliasTheBody(t *testing.T) {
	t.Parallel()
	for name, body := range postedBodies(t) {
		body = append(bytes.TrimRight(body, "]\n"), `,{"labels":{"z":"","a":"kept"},"x":"y"},{"labels":{"b":"two"},"endsAt":"bad"}]`...)
		d, reference := newTestDecoder(), newTestDecoder()
		scribbled := bytes.Clone(body)
		kept := decodePostedBytes(t, d, scribbled).clone()
		for i := range scribbled {
			scribbled[i] = 0xCC
		}
		want := decodePostedBytes(t, reference, body)
		if len(kept.events) != len(want.events) || len(kept.rejected) != 1 || !reflect.DeepEqual(kept.rejected, want.rejected) {
			t.Fatalf("%s: %+v, want %+v", name, kept, want)
		}
		for i := range want.events {
			a, b := kept.events[i], want.events[i]
			if !bytes.Equal(canonicalOf(d, a.labels), canonicalOf(reference, b.labels)) || !bytes.Equal(canonicalOf(d, a.details), canonicalOf(reference, b.details)) {
				t.Errorf("%s: alert %d changed with the body", name, i)
			}
		}
	}
}

func decodePostedBytes(t *testing.T, d *decoder, body []byte) *decoded {
	t.Helper()
	out, err := d.decode(alert.Posted, body)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// FuzzDecodePosted holds the decoder against encoding/json, and its two ways
// against each other.
func FuzzDecodePosted(f *testing.F) {
	for _, body := range postedBodies(f) {
		f.Add(body)
	}
	for _, s := range []string{
		`[{"labels":{"a":"\u0000\ud800"},"startsAt":"2026-01-02T03:04:05.123456789+05:30"},null,{}]`,
		` [ {"LABELS":{"a":null,"b":"1"}} , {"labels":{"a":"\xff"},"x":{"y":[1]}} ] `, `[]`, `[{"labels":{"a":"1","a":""},"annotations":null}]`,
	} {
		f.Add([]byte(s))
	}
	d := newTestDecoder()
	f.Fuzz(func(t *testing.T, body []byte) {
		kept := bytes.Clone(body)
		got, err := d.decode(alert.Posted, body)
		if !bytes.Equal(kept, body) {
			t.Fatal("the body was written to")
		}
		if err != nil {
			var refused *alert.RefusedError
			if !errors.As(err, &refused) {
				t.Fatalf("an error that says nothing to the sender: %v", err)
			}
			if refused.Reason == "syntax" && stdjson.Valid(body) {
				t.Fatalf("refused as syntax, but valid: %v", err)
			}
			if refused.Reason == "shape" && bytes.TrimLeft(body, " \t\r\n")[0] == '[' {
				t.Fatalf("refused, but an array: %v", err)
			}
			return
		}
		var elements []stdjson.RawMessage
		if err := stdjson.Unmarshal(body, &elements); err != nil {
			t.Fatalf("accepted what is no array: %v", err)
		}
		if got.elements != len(elements) || len(got.events)+len(got.rejected) != len(elements) {
			t.Fatalf("%d elements of %d: %d events, %d rejected", got.elements, len(elements), len(got.events), len(got.rejected))
		}
		for _, ev := range got.events {
			comparePosted(t, d, ev, elements[ev.index])
		}
		known := plainly(got)
		if other := otherPosted(t, d, body); !reflect.DeepEqual(known, other) {
			t.Errorf("decoded to %.500v, and in the other way to %.500v", known, other)
		}
	})
}

func comparePosted(t *testing.T, d *decoder, ev decodedEvent, element stdjson.RawMessage) {
	if hasDuplicates(element) {
		return
	}
	var want struct {
		Labels       map[string]string `json:"labels"`
		Annotations  map[string]string `json:"annotations"`
		StartsAt     string            `json:"startsAt"`
		GeneratorURL string            `json:"generatorURL"`
	}
	if err := stdjson.Unmarshal(element, &want); err != nil {
		t.Fatalf("took an alert that encoding/json does not: %v", err)
	}
	for name, value := range want.Labels {
		if value == "" {
			delete(want.Labels, name)
		}
	}
	set := labelsOf(t, d, ev.labels)
	samePairs(t, set.Labels, want.Labels)
	if len(set.Labels) == 0 || set.Fingerprint != alert.Fingerprint(set.Labels) {
		t.Fatalf("%+v", set)
	}
	details := detailsOf(t, d, ev.details)
	samePairs(t, details.Annotations, want.Annotations)
	if details.GeneratorURL != want.GeneratorURL {
		t.Fatalf("generatorURL %q, want %q", details.GeneratorURL, want.GeneratorURL)
	}
	if at, err := time.Parse(time.RFC3339Nano, want.StartsAt); err == nil && !at.IsZero() && !ev.startsAt.Time().Equal(at) {
		t.Fatalf("startsAt %v, want %v", ev.startsAt.Time(), at)
	}
}
