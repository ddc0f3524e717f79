package storage

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"stormdrain/internal/alert"
)

func TestPairs(t *testing.T) {
	t.Parallel()
	f := func(stored string, pairs ...alert.Pair) {
		t.Helper()
		text := string(AppendPairs(nil, pairs))
		if text != stored {
			t.Errorf("stored as %s, want %s", text, stored)
		}
		back, err := ParsePairs(text)
		if err != nil || !reflect.DeepEqual(back, pairs) {
			t.Errorf("%s read back as %q, %v", text, back, err)
		}
	}
	f(`{}`)
	f(`{"a":"b"}`, alert.Pair{Name: "a", Value: "b"})
	f(`{"":"","a\"\\":"\u000a/é🌧"}`, alert.Pair{}, alert.Pair{Name: `a"\`, Value: "\n/é🌧"})
	f(`{"\u001a0":"\u001a1"}`, alert.Pair{Name: "\x00", Value: "\x1a"})

	pairs, err := ParsePairs("{\"b\": \"\\u00e9\\ud83c\\udf27\\/\",\n \"a\": \"1\"} ")
	if want := []alert.Pair{{Name: "a", Value: "1"}, {Name: "b", Value: "é🌧/"}}; err != nil || !reflect.DeepEqual(pairs, want) {
		t.Errorf("got %q, %v", pairs, err)
	}
	for _, text := range []string{``, `{`, `[]`, `{"a"}`, `{"a":1}`, `{"a":"b",}`, `{"a":"b"}x`, `{}{}`, `{"a":"\x"}`, `{"a":"b`, `{"a":"b\`} {
		if pairs, err := ParsePairs(text); err == nil {
			t.Errorf("%s read as %q", text, pairs)
		}
	}
}

func TestEscapeJSON(t *testing.T) {
	t.Parallel()
	f := func(text, stored string) {
		t.Helper()
		if got := string(EscapeJSON([]byte(text))); got != stored {
			t.Errorf("%s stored as %s, want %s", text, got, stored)
		}
		if got := string(UnescapeJSON([]byte(stored))); got != text {
			t.Errorf("%s read back as %s, want %s", stored, got, text)
		}
	}
	f(`{"a":1}`, `{"a":1}`)
	f(`"\u0000"`, `"\u001a0"`)
	f(`"\u001a\u001A"`, `"\u001a1\u001A1"`)
	f(`"\u001a0\u00000"`, `"\u001a10\u001a00"`)
	f(`"\\u0000\\\u0000"`, `"\\u0000\\\u001a0"`)
	f(`"\ud83c\udf27\u00000000"`, `"\ud83c\udf27\u001a00000"`)
	f(`"\u`, `"\u`)
	f(`\`, `\`)
}

func FuzzStoredText(f *testing.F) {
	f.Add("a", "b", `{"\u0000":"\\u001a"}`)
	f.Add("\x00", "\x1a\"\\", `"\u001A0"`)
	f.Fuzz(func(t *testing.T, name, value, extra string) {
		name, value = strings.ToValidUTF8(name, "?"), strings.ToValidUTF8(value, "?")
		pairs := []alert.Pair{{Name: name, Value: value}}
		text := AppendPairs(nil, pairs)
		if !json.Valid(text) || bytes.Contains(text, []byte(`\u0000`)) && !strings.Contains(name+value, `\u0000`) {
			t.Fatalf("stored as %s", text)
		}
		if back, err := ParsePairs(string(text)); err != nil || !reflect.DeepEqual(back, pairs) {
			t.Fatalf("%q read back as %q, %v", pairs, back, err)
		}
		stored := EscapeJSON([]byte(extra))
		if json.Valid([]byte(extra)) != json.Valid(stored) {
			t.Fatalf("%q stored as %q", extra, stored)
		}
		if back := UnescapeJSON(stored); string(back) != extra {
			t.Fatalf("%q stored as %q, read back as %q", extra, stored, back)
		}
	})
}

func TestBits(t *testing.T) {
	t.Parallel()
	for _, want := range []struct {
		s            alert.Status
		starts, ends uint16
	}{{alert.Firing, 0, 0}, {alert.Resolved, 999, 0}, {alert.Firing, 0, 999}, {alert.Resolved, 512, 511}} {
		s, starts, ends := UnpackBits(PackBits(want.s, alert.Time{Nanos: want.starts}, alert.Time{Nanos: want.ends}))
		if s != want.s || starts != want.starts || ends != want.ends {
			t.Errorf("%v comes back as %v, %d, %d", want, s, starts, ends)
		}
	}
}
