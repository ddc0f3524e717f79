package pipeline

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"stormdrain/internal/alert"
)

func newTestDecoder() *decoder { return &decoder{table: newInternTable(1 << 20)} }

// canonicalOf returns the canonical encoding of an entry of the last body.
func canonicalOf(d *decoder, e *entry) []byte {
	for _, f := range d.fresh {
		if f.e == e {
			return bytes.Clone(d.arena[f.start:f.end])
		}
	}
	return bytes.Clone(d.recall(e))
}

// labelsOf reads an entry back the way the storing side does.
func labelsOf(t testing.TB, d *decoder, e *entry) alert.LabelSet {
	t.Helper()
	set, err := alert.DecodeLabelSet(canonicalOf(d, e))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func detailsOf(t testing.TB, d *decoder, e *entry) alert.Details {
	t.Helper()
	details, err := alert.DecodeDetails(canonicalOf(d, e))
	if err != nil {
		t.Fatal(err)
	}
	return details
}

func envelopeOf(t testing.TB, d *decoder, e *entry) alert.Envelope {
	t.Helper()
	envelope, err := alert.DecodeEnvelope(canonicalOf(d, e))
	if err != nil {
		t.Fatal(err)
	}
	return envelope
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	f := func(body, reason, part string) {
		t.Helper()
		_, err := newTestDecoder().decode(alert.Webhook, []byte(body))
		var refused *alert.RefusedError
		if !errors.As(err, &refused) || refused.Reason != reason || !strings.Contains(refused.Detail, part) {
			t.Errorf("%.40q: got %v, want %s with %q", body, err, reason, part)
		}
	}
	f(``, "syntax", "empty")
	f("  \n", "syntax", "empty")
	f(`{"alerts":[}`, "syntax", "at byte 12")
	f(`{"alerts":[]} x`, "syntax", "after top-level value")
	f(`[]`, "shape", "an array")
	f(`"x"`, "shape", "a string")
	f(`null`, "shape", "null")
	f(`{}`, "shape", "no \"alerts\"")
	f(`{"alerts":null}`, "shape", "null")
	f(`{"alerts":{}}`, "shape", "an object")
	f(`{"status":"firing","abcdef":[]}`, "shape", "no \"alerts\"")
}

func TestDecodeLimitsAlerts(t *testing.T) {
	t.Parallel()
	d := newTestDecoder()
	d.maxAlerts = 1
	_, err := d.decode(alert.Webhook, []byte(`{"alerts":[{},{}]}`))
	var refused *alert.RefusedError
	if !errors.As(err, &refused) || !refused.TooLarge {
		t.Errorf("got %v, want a refusal that is TooLarge", err)
	}
}

func TestDecodeKeepsNeighboursOfABadAlert(t *testing.T) {
	t.Parallel()
	f := func(bad, reason string) {
		t.Helper()
		body := `{"alerts":[{"status":"firing","labels":{"a":"1"}},` + bad + `,{"status":"resolved","labels":{"a":"2"}}],"receiver":"r"}`
		d := newTestDecoder()
		got, err := d.decode(alert.Webhook, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
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
	f(`"x"`, "type")
	f(`{"labels":5}`, "type")
	f(`{"labels":{"a":5}}`, "type")
	f(`{"labels":["a"]}`, "type")
	f(`{"annotations":{"a":{}}}`, "type")
	f(`{"generatorURL":true}`, "type")
	f(`{"status":"on fire"}`, "status")
	f(`{"status":1}`, "type")
	f(`{"startsAt":"yesterday"}`, "time")
	f(`{"startsAt":"9999-12-31T23:59:59-08:00"}`, "time")
	f(`{"endsAt":"2026-02-30T00:00:00Z"}`, "time")
	f(`{"startsAt":1700000000}`, "type")
}

func TestDecodeKeepsUnknownFields(t *testing.T) {
	t.Parallel()
	body := `{"receiver":"r","alerts":[{"status":"firing","labels":{},"values":{"B":1.50},"silenceURL":""}],
		"notification_reason":"none","routeLabels":{"x":"y"},"orgId":1,"truncatedAlerts":7,"groupKey":12}`
	d := newTestDecoder()
	got, err := d.decode(alert.Webhook, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if got.truncated != 7 {
		t.Errorf("truncated %d, want 7", got.truncated)
	}
	env := envelopeOf(t, d, got.envelope)
	if want := `{"groupKey":12,"notification_reason":"none","orgId":1,"routeLabels":{"x":"y"}}`; string(env.Extra) != want {
		t.Errorf("delivery's extra %s, want %s", env.Extra, want)
	}
	if env.Receiver != "r" || env.GroupKey != "" {
		t.Errorf("envelope %+v", env)
	}
	if want, extra := `{"silenceURL":"","values":{"B":1.50}}`, detailsOf(t, d, got.events[0].details).Extra; string(extra) != want {
		t.Errorf("alert's extra %s, want %s", extra, want)
	}
}

// An alert that does not say whether it fires is what its message says, or what
// follows from its end.
func TestDecodeMissingStatus(t *testing.T) {
	t.Parallel()
	f := func(body string, want alert.Status) {
		t.Helper()
		got, err := newTestDecoder().decode(alert.Webhook, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if s := got.events[0].status; s != want {
			t.Errorf("%s: %v, want %v", body, s, want)
		}
	}
	f(`{"alerts":[{}]}`, alert.Firing)
	f(`{"alerts":[{"endsAt":"0001-01-01T00:00:00Z"}]}`, alert.Firing)
	f(`{"alerts":[{"endsAt":"2026-01-01T00:00:00Z"}]}`, alert.Resolved)
	f(`{"alerts":[{"status":null}],"status":"resolved"}`, alert.Resolved)
	f(`{"alerts":[{"status":"firing"}],"status":"resolved"}`, alert.Firing)
}

func TestDecodeFingerprint(t *testing.T) {
	t.Parallel()
	f := func(sent string, want uint64) {
		t.Helper()
		d := newTestDecoder()
		got, err := d.decode(alert.Webhook, []byte(`{"alerts":[{"labels":{"b":"2","a":"1"}`+sent+`}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if fp := labelsOf(t, d, got.events[0].labels).Fingerprint; fp != want {
			t.Errorf("%s: %016x, want %016x", sent, fp, want)
		}
	}
	computed := alert.Fingerprint([]alert.Pair{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}})
	f(`,"fingerprint":"b4683d7b0069a334"`, 0xb4683d7b0069a334)
	f(``, computed)
	f(`,"fingerprint":"xyz"`, computed)
	f(`,"fingerprint":12`, computed)
	f(`,"fingerprint":null`, computed)
}

// One decoder serves one request after the other, and nothing of the first may
// be left in the second.
func TestDecodeLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	d := newTestDecoder()
	first := `{"receiver":"r","status":"firing","alerts":[{"status":"resolved","labels":{"a":"1"},"annotations":{"x":"y"},` +
		`"startsAt":"2026-01-02T03:04:05Z","endsAt":"2026-01-02T03:04:06Z","generatorURL":"u","fingerprint":"0000000000000001"}],` +
		`"groupLabels":{"g":"1"},"externalURL":"e","groupKey":"k","truncatedAlerts":3}`
	if _, err := d.decode(alert.Webhook, []byte(first)); err != nil {
		t.Fatal(err)
	}
	for _, second := range []string{`{"alerts":[{"labels":{}}]}`, `{"alerts":[{"labels":{}, "z":1}]}`} {
		got, err := d.decode(alert.Webhook, []byte(second))
		if err != nil {
			t.Fatal(err)
		}
		ev := got.events[0]
		if got.truncated != 0 || ev.status != alert.Firing || ev.startsAt != zeroTime || !ev.endsAt.IsNone() {
			t.Errorf("%s: %+v %+v", second, got, ev)
		}
		if env := envelopeOf(t, d, got.envelope); env.Receiver+env.GroupKey+env.ExternalURL != "" || len(env.GroupLabels) != 0 {
			t.Errorf("%s: envelope %+v", second, env)
		}
		if set := labelsOf(t, d, ev.labels); len(set.Labels) != 0 || set.Fingerprint != alert.Fingerprint(nil) {
			t.Errorf("%s: labels %+v", second, set)
		}
		if det := detailsOf(t, d, ev.details); len(det.Annotations) != 0 || det.GeneratorURL != "" {
			t.Errorf("%s: details %+v", second, det)
		}
	}
}

// go-json is told not to copy, fasthttp uses the body again for the next
// request: whatever is kept must be a copy.
func TestNothingAliasesTheBody(t *testing.T) {
	t.Parallel()
	for name, body := range capturedBodies(t) {
		d, reference := newTestDecoder(), newTestDecoder()
		scribbled := bytes.Clone(body)
		got, err := d.decode(alert.Webhook, scribbled)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		kept := got.clone()
		for i := range scribbled {
			scribbled[i] = 0xCC
		}
		want, err := reference.decode(alert.Webhook, body)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(envelopeBytes(d, kept), envelopeBytes(reference, want)) {
			t.Errorf("%s: the envelope changed with the body", name)
		}
		for i := range want.events {
			a, b := kept.events[i], want.events[i]
			if !bytes.Equal(canonicalOf(d, a.labels), canonicalOf(reference, b.labels)) || !bytes.Equal(canonicalOf(d, a.details), canonicalOf(reference, b.details)) {
				t.Errorf("%s: alert %d changed with the body", name, i)
			}
		}
	}
}

func envelopeBytes(d *decoder, r *decoded) []byte { return canonicalOf(d, r.envelope) }

func capturedBodies(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../internal/e2e/testdata/payloads/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captured bodies: %v", err)
	}
	bodies := make(map[string][]byte)
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bodies[filepath.Base(file)] = body
	}
	return bodies
}

// Every captured body takes the quick way, or the claim in wireMessage.decode
// is not true any more.
// Every body of every Alertmanager takes the known way, also when all is new to
// the table, and there it is what it is in the ways for all bodies.
func TestCapturedBodiesTakeTheKnownWay(t *testing.T) {
	t.Parallel()
	for name, body := range capturedBodies(t) {
		if strings.HasPrefix(name, "grafana") {
			continue
		}
		d := newTestDecoder()
		for _, state := range []string{"new", "known"} {
			d.reset()
			if !d.knownWay(trimSpace(body)) {
				t.Fatalf("%s, %s: took another way", name, state)
			}
			got := plainly(&d.out)
			if want := otherWay(t, d, body); !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %s: got %.500v, want %.500v", name, state, got, want)
			}
		}
	}
}

// plain is what a body decoded to, without pointers.
type plain struct {
	envelope  alert.ID
	truncated uint64
	elements  int
	events    []any
	rejected  []rejectedAlert
}

func plainly(d *decoded) plain {
	c := plain{d.envelope.id, d.truncated, d.elements, nil, slices.Clone(d.rejected)}
	for _, e := range d.events {
		c.events = append(c.events, [...]any{e.labels.id, e.details.id, e.startsAt, e.endsAt, e.index, e.status})
	}
	return c
}

// otherWay decodes body as if the known way had given up.
func otherWay(t *testing.T, d *decoder, body []byte) plain {
	t.Helper()
	d.noKnownWay = true
	defer func() { d.noKnownWay = false }()
	out, err := d.decode(alert.Webhook, body)
	if err != nil {
		t.Fatalf("the known way took what is refused: %v", err)
	}
	return plainly(out)
}

// The form of a body may change at any byte, and the table may know all of it or
// parts: what comes out is the same.
func TestKnownWayGivesUp(t *testing.T) {
	t.Parallel()
	const set, details = `{"a":"1","b":"}\\\"{"}`, `{"c":"]"}`
	one := func(labels, annotations, rest string) string {
		return `{"status":"firing","labels":` + labels + `,"annotations":` + annotations +
			`,"startsAt":"2026-11-23T07:59:55.06Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"g","fingerprint":"0123456789abcdef"` + rest + `}`
	}
	whole := func(alerts, rest string) string {
		return `{"receiver":"r","status":"firing","alerts":[` + alerts + `],"groupLabels":{},"commonLabels":{},"commonAnnotations":{},"externalURL":"u","version":"4","groupKey":"k","truncatedAlerts":0` + rest + `}`
	}
	known := one(set, details, "")
	for name, c := range map[string]struct {
		body    string
		refused bool
	}{
		"known":                  {body: whole(known+","+known, "")},
		"other details":          {body: whole(one(set, `{"c":"new"}`, ""), "")},
		"other labels":           {body: whole(one(`{"a":"2"}`, details, ""), "")},
		"unknown field":          {body: whole(one(set, details, `,"x":1`), "")},
		"unknown field, message": {body: whole(known, `,"x":1`)},
		"alerts twice":           {body: whole(known, `,"alerts":[{}]`)},
		"alerts twice, empty":    {body: whole(known, `,"alerts":[]`)},
		"alerts in another case": {body: whole(known, `,"ALERTS":[`+known+`,{}]`)},
		"no alert":               {body: whole("", "")},
		"white space":            {body: whole(known+" ,"+known, "")},
		"not an object":          {body: whole(known+",1", "")},
		"an end to come":         {body: strings.Replace(whole(known, ""), "0001-01-01", "2099-01-01", 1)},
		"null for labels":        {body: whole(one("null", details, ""), "")},
		"odd fingerprint":        {body: strings.Replace(whole(known, ""), "0123456789abcdef", "0123456789abcdeX", 1)},
		"odd time":               {body: strings.Replace(whole(known, ""), "07:59:55.06Z", "07:59:55.06+01:00", 1)},
		"no time":                {body: strings.Replace(whole(known, ""), "2026-11-23T07:59:55.06Z", "x", 1)},
		"comma at the end":       {body: whole(known+",", ""), refused: true},
		"brace missing":          {body: whole(known[:len(known)-1], ""), refused: true},
		"cut short":              {body: whole(known, "")[:200], refused: true},
		"rubbish behind":         {body: whole(known, "") + "x", refused: true},
		"broken labels":          {body: whole(one(`{"a":"1","b":x}`, details, ""), ""), refused: true},
		"control character":      {body: whole(one("{\"a\":\"\x01\"}", details, ""), ""), refused: true},
		"broken head":            {body: strings.Replace(whole(known, ""), `"receiver":"r`, "\"receiver\":\"\x01", 1), refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newTestDecoder()
			if _, err := d.decode(alert.Webhook, []byte(whole(known, ""))); err != nil {
				t.Fatal(err)
			}
			out, err := d.decode(alert.Webhook, []byte(c.body))
			if (err != nil) != c.refused {
				t.Fatalf("error %v, want one: %v", err, c.refused)
			}
			if err == nil {
				if got, want := plainly(out), otherWay(t, d, []byte(c.body)); !reflect.DeepEqual(got, want) {
					t.Errorf("got %.500v, want %.500v", got, want)
				}
			}
		})
	}
}

// A bare word is no value, also where the table knows an alert that had none.
func TestKnownWayTakesNoBareWord(t *testing.T) {
	t.Parallel()
	const before, behind = `{"receiver":"r","status":"firing","alerts":[{"status":"firing",`, `}],"groupLabels":{},"commonLabels":{},"commonAnnotations":{},"externalURL":"u","version":"4","groupKey":"k","truncatedAlerts":0}`
	const times, fingerprint = `"startsAt":"2026-11-23T07:59:55.06Z","endsAt":"0001-01-01T00:00:00Z",`, `,"fingerprint":"0123456789abcdef"`
	for known, bad := range map[string]string{
		`"labels":{},` + times + `"generatorURL":"g"`:          `"labels":{},"annotations":-,` + times + `"generatorURL":"g"`,
		`"annotations":{},` + times + `"generatorURL":"g"`:     `"labels":-,"annotations":{},` + times + `"generatorURL":"g"`,
		`"labels":{},"annotations":{},` + times[:len(times)-1]: `"labels":{},"annotations":{},` + times + `"generatorURL":-`,
	} {
		d := newTestDecoder()
		if _, err := d.decode(alert.Webhook, []byte(before+known+fingerprint+behind)); err != nil {
			t.Fatal(err)
		}
		if _, err := d.decode(alert.Webhook, []byte(before+bad+fingerprint+behind)); err == nil {
			t.Errorf("taken: %s", bad)
		}
	}
}

// oracle is the same message as encoding/json sees it.
type oracle struct {
	Alerts []struct {
		Status      *string           `json:"status"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
		StartsAt    time.Time         `json:"startsAt"`
		EndsAt      time.Time         `json:"endsAt"`
		Generator   string            `json:"generatorURL"`
	} `json:"alerts"`
	Receiver    string            `json:"receiver"`
	GroupKey    string            `json:"groupKey"`
	GroupLabels map[string]string `json:"groupLabels"`
	ExternalURL string            `json:"externalURL"`
}

// FuzzDecode holds the decoder against encoding/json: what one reads, the other
// reads, and to the same values.
func FuzzDecode(f *testing.F) {
	for _, body := range capturedBodies(f) {
		if len(body) < 4096 {
			f.Add(body)
		}
	}
	for _, s := range []string{
		`{"alerts":[{"labels":{"a":"\u0000\ud800"},"startsAt":"2026-01-02T03:04:05.123456789+05:30"}]}`,
		`{"Alerts":[{"LABELS":{"a":null}}],"alerts":[{}]}`, `{"alerts":[1,{"labels":{"a":"\xff"}}]}`,
		` {"alerts" : [ {"x":{"y":[1,{"z":"]"}]}} ] } `, `{"alerts":[{"labels":{"a":"1","a":"2"}}],"receiver":"\\\"\u20ac"}`,
	} {
		f.Add([]byte(s))
	}
	d := newTestDecoder()
	f.Fuzz(func(t *testing.T, body []byte) {
		kept := bytes.Clone(body)
		got, err := d.decode(alert.Webhook, body)
		if !bytes.Equal(kept, body) {
			t.Fatal("the body was written to")
		}
		if err != nil {
			refusedRightly(t, body, err)
			return
		}
		if !stdjson.Valid(body) {
			t.Fatal("accepted what is not JSON")
		}
		known := plainly(got)
		defer func() {
			if other := otherWay(t, d, body); !reflect.DeepEqual(known, other) {
				t.Errorf("decoded to %.500v, and in another way to %.500v", known, other)
			}
		}()
		var want oracle
		if stdjson.Unmarshal(body, &want) != nil || hasDuplicates(body) {
			return // a wrong type somewhere: what is kept then is the contract's, not encoding/json's
		}
		compare(t, d, got, &want)
	})
}

func refusedRightly(t *testing.T, body []byte, err error) {
	var refused *alert.RefusedError
	if !errors.As(err, &refused) {
		t.Fatalf("an error that says nothing to the sender: %v", err)
	}
	if refused.Reason == "syntax" && stdjson.Valid(body) {
		t.Fatalf("refused as syntax, but valid: %v", err)
	}
	var m map[string]stdjson.RawMessage
	if refused.Reason == "shape" && stdjson.Unmarshal(body, &m) == nil && len(m["alerts"]) > 0 && m["alerts"][0] == '[' && !hasDuplicates(body) {
		t.Fatalf("refused, but has alerts: %v", err)
	}
}

// hasDuplicates is true for bodies that name something twice, also in another
// case: encoding/json merges those, we take the last.
func hasDuplicates(body []byte) bool {
	d := stdjson.NewDecoder(bytes.NewReader(body))
	type level struct {
		names map[string]bool
		key   bool
	}
	var stack []*level
	for {
		tok, err := d.Token()
		if err != nil {
			return false
		}
		top := func() *level {
			if len(stack) == 0 {
				return nil
			}
			return stack[len(stack)-1]
		}
		if l := top(); l != nil && l.names != nil {
			if s, ok := tok.(string); ok && l.key {
				folded := strings.ToLower(strings.ToUpper(s))
				if l.names[folded] {
					return true
				}
				l.names[folded] = true
				l.key = false
				continue
			}
			l.key = true
		}
		switch tok {
		case stdjson.Delim('{'):
			stack = append(stack, &level{names: map[string]bool{}, key: true})
		case stdjson.Delim('['):
			stack = append(stack, &level{})
		case stdjson.Delim('}'), stdjson.Delim(']'):
			stack = stack[:len(stack)-1]
		}
	}
}

func compare(t *testing.T, d *decoder, got *decoded, want *oracle) {
	env := envelopeOf(t, d, got.envelope)
	if env.Receiver != want.Receiver || env.GroupKey != want.GroupKey || env.ExternalURL != want.ExternalURL {
		t.Fatalf("envelope %+v, want %+v", env, want)
	}
	samePairs(t, env.GroupLabels, want.GroupLabels)
	if got.elements != len(want.Alerts) {
		t.Fatalf("%d elements, want %d", got.elements, len(want.Alerts))
	}
	for _, ev := range got.events {
		w := want.Alerts[ev.index]
		samePairs(t, labelsOf(t, d, ev.labels).Labels, w.Labels)
		det := detailsOf(t, d, ev.details)
		samePairs(t, det.Annotations, w.Annotations)
		if det.GeneratorURL != w.Generator {
			t.Fatalf("generatorURL %q, want %q", det.GeneratorURL, w.Generator)
		}
		if !ev.startsAt.Time().Equal(w.StartsAt) {
			t.Fatalf("startsAt %v, want %v", ev.startsAt.Time(), w.StartsAt)
		}
		if w.Status != nil && *w.Status == "resolved" && !w.EndsAt.IsZero() && !ev.endsAt.Time().Equal(w.EndsAt) {
			t.Fatalf("endsAt %v, want %v", ev.endsAt.Time(), w.EndsAt)
		}
	}
}

func samePairs(t *testing.T, got []alert.Pair, want map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%q, want %q", got, want)
	}
	if !slices.IsSortedFunc(got, func(a, b alert.Pair) int { return strings.Compare(a.Name, b.Name) }) {
		t.Fatalf("not sorted: %q", got)
	}
	for _, p := range got {
		if v, ok := want[p.Name]; !ok || v != p.Value {
			t.Fatalf("%q is %q, want %q", p.Name, p.Value, v)
		}
	}
}

// FuzzParseTime: the time package has the last word.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2026-11-23T07:59:55.06Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z",
		"2024-02-29T00:00:00+05:30", "1969-12-31T23:59:59.9999999Z", "2026-01-01T24:00:00Z", "0000-03-01T00:00:00Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseTime([]byte(s))
		want, werr := time.Parse(time.RFC3339Nano, s)
		if werr == nil && (want.UTC().Year() < 0 || want.UTC().Year() > 9999) {
			werr = errRange
		}
		if (err == nil) != (werr == nil) {
			t.Fatalf("%q: %v, the time package says %v", s, err, werr)
		}
		if err == nil && !got.Time().Equal(want) {
			t.Fatalf("%q: %v, want %v", s, got.Time(), want)
		}
	})
}
