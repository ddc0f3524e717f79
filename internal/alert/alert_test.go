package alert

import (
	"bytes"
	"reflect"
	"testing"
	"time"
)

// From prometheus/common, model/fnv.go and signature.go, and from captured bodies.
func TestFingerprintIsAlertmanagers(t *testing.T) {
	t.Parallel()
	f := func(want string, pairs ...Pair) {
		t.Helper()
		if got := string(AppendFingerprint(nil, Fingerprint(pairs))); got != want {
			t.Errorf("%v: %s, want %s", pairs, got, want)
		}
	}
	f("cbf29ce484222325")
	f("bb1e380228807585", Pair{"alertname", "Exp"}, Pair{"exp", "drip"}, Pair{"instance", "10.0.0.0:9100"}, Pair{"job", "node"},
		Pair{"namespace", "ns"}, Pair{"severity", "critical"}, Pair{"team", "a"}, Pair{"weird", "q\"uo\\te\n{}"})
	if _, ok := ParseFingerprint("BB1E380228807585"); ok {
		t.Error("upper case is not what Alertmanager sends")
	}
}

func TestTimeIsExact(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"0000-01-01T00:00:00Z", "0001-01-01T00:00:00.000000001Z", "1969-12-31T23:59:59.999999999Z",
		"2026-11-23T07:59:55.06Z", "9999-12-31T23:59:59.999999999Z"} {
		want, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		if got := FromTime(want).Time(); !got.Equal(want) {
			t.Errorf("%s became %v", s, got)
		}
	}
}

func TestCanonicalIsInvertible(t *testing.T) {
	t.Parallel()
	pairs := []Pair{{"", ""}, {"a", "\x00"}, {"ü", "\xff?"}}
	set := LabelSet{Fingerprint: 1 << 63, Labels: pairs}
	if got, err := DecodeLabelSet(set.Append(nil)); err != nil || !reflect.DeepEqual(got, set) {
		t.Errorf("%+v, %v", got, err)
	}
	details := Details{Annotations: pairs, GeneratorURL: "u", Extra: []byte(`{"a":1}`)}
	if got, err := DecodeDetails(details.Append(nil)); err != nil || !reflect.DeepEqual(got, details) {
		t.Errorf("%+v, %v", got, err)
	}
	envelope := Envelope{Receiver: "r", GroupKey: "k", GroupLabels: pairs, ExternalURL: "e"}
	encoded := envelope.Append(nil)
	if got, err := DecodeEnvelope(encoded); err != nil || !reflect.DeepEqual(got, envelope) {
		t.Errorf("%+v, %v", got, err)
	}
	for cut := range encoded {
		if _, err := DecodeEnvelope(encoded[:cut]); err == nil {
			t.Errorf("cut at %d, and no error", cut)
		}
	}
	if Identity(KindLabelSet, encoded) == Identity(KindEnvelope, encoded) {
		t.Error("entries of two kinds share an identity")
	}
}

func FuzzDecodeCanonical(f *testing.F) {
	set := LabelSet{Labels: []Pair{{"a", "b"}}}
	f.Add(set.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if set, err := DecodeLabelSet(b); err == nil && !bytes.Equal(set.Append(nil), b) && len(b) < 1<<10 {
			// A longer uvarint than needed is read, and never written.
			if again, err := DecodeLabelSet(set.Append(nil)); err != nil || !reflect.DeepEqual(again, set) {
				t.Fatalf("%+v became %+v, %v", set, again, err)
			}
		}
		_, _ = DecodeDetails(b)
		_, _ = DecodeEnvelope(b)
	})
}
