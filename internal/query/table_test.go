package query

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"stormdrain/internal/config"
)

func TestVisible(t *testing.T) {
	t.Parallel()
	f := func(s, want string) {
		t.Helper()
		if got := visible(s); got != want {
			t.Errorf("%q becomes %q, want %q", s, got, want)
		}
	}
	f("plain ä 日本 🔥", "plain ä 日本 🔥")
	f("\x1b[2Jgone\x07", `\x1b[2Jgone\a`)
	f("a\r\nb\tc", `a\r\nb\tc`)
	f("csi \u009b31m", `csi \u009b31m`)
	f("\u202egnihton", `\u202egnihton`)
	f("bad \xff utf", `bad \xff utf`)
}

func TestColumns(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]int{"": 0, "abc": 3, "日本": 4, "🔥": 2, "e\u0301": 1, "ａ": 2, "ä": 1} {
		if got := columns(s); got != want {
			t.Errorf("%q is %d wide, want %d", s, got, want)
		}
	}
	for most, want := range []string{"", "…", "a…", "a…", "a日…", "a日本"} {
		if got := cut("a日本", most); got != want {
			t.Errorf("cut to %d: %q, want %q", most, got, want)
		}
	}
}

// shown is a table on a terminal of this width.
func shown(t *testing.T, width int, color bool, lines ...string) string {
	t.Helper()
	var b bytes.Buffer
	out := bufio.NewWriter(&b)
	kind := tableOf(&config.Query{}, writing{now: now, zone: time.UTC})
	w := &tableWriter{out: out, screen: screen{width, color}, shape: kind.columns}
	for _, line := range lines {
		cells, err := kind.row([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.add(cells); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.begin(); err != nil {
		t.Fatal(err)
	}
	out.Flush()
	return b.String()
}

// No line is wider than the terminal, whatever is in it: a line that wraps spoils
// the table, and one that speaks to the terminal more than that.
func TestTableFitsItsWidth(t *testing.T) {
	t.Parallel()
	lines := []string{
		episode(map[string]any{"source": "eu-central-1-production"}),
		episode(map[string]any{"labels": map[string]string{"alertname": strings.Repeat("長い名前", 20), "x": strings.Repeat("y", 500)}}),
		episode(map[string]any{"labels": map[string]string{"alertname": "\x1b]0;owned\x07", "severity": "\x1b[31m", "\u202ex": "\u0300\u0300z"}}),
	}
	for i := range measured + 10 {
		lines = append(lines, episode(map[string]any{"labels": map[string]string{"alertname": strings.Repeat("later", i), "a": strings.Repeat("b", i)}}))
	}
	for width := 1; width < 200; width++ {
		table := shown(t, width, false, lines...)
		if n := strings.Count(table, "\n"); n != len(lines)+1 {
			t.Fatalf("%d lines for %d rows at width %d", n, len(lines), width)
		}
		for line := range strings.Lines(table) {
			line = strings.TrimSuffix(line, "\n")
			if columns(line) > width || strings.ContainsAny(line, "\x1b\x07\u202e") {
				t.Fatalf("at width %d: %q", width, line)
			}
		}
	}
	got := strings.SplitN(shown(t, 80, false, lines[:2]...), "\n", 3)
	if len(got[1]) == 0 || columns(got[1]) < 70 || !strings.Contains(got[0], "LABELS") || !strings.Contains(got[1], "firing") {
		t.Errorf("at width 80:\n%s", strings.Join(got, "\n"))
	}
	if narrow := shown(t, 30, false, lines[0]); !strings.Contains(narrow, "firing") || !strings.Contains(narrow, "NodeDown") {
		t.Errorf("at width 30:\n%s", narrow)
	}
}

func TestColors(t *testing.T) {
	t.Parallel()
	if got := shown(t, 100, true, episode(nil)); !strings.Contains(got, "\x1b[31mfiring\x1b[0m") || !strings.Contains(got, "\x1b[31mcritical\x1b[0m") {
		t.Errorf("%q", got)
	}
	for color, want := range map[string]bool{"auto": false, "always": true, "never": false} {
		if s, terminal := screenOf(new(bytes.Buffer), color, false); s.color != want || s.width != 0 || terminal {
			t.Errorf("%s into a file: %+v", color, s)
		}
	}
}

func TestMachineFormatsOnATerminal(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	const text = "{\"a\":\"\u009b31m\x7f\u202eä日\"}\n"
	if n, err := (escaping{&b}).Write([]byte(text)); n != len(text) || err != nil || b.String() != `{"a":"\u009b31m\u007f\u202eä日"}`+"\n" {
		t.Errorf("%q, %d, %v", b.String(), n, err)
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0s", 1500 * time.Millisecond: "1s", 90 * time.Second: "1m30s", 61 * time.Minute: "1h1m", 49 * time.Hour: "2d1h",
	} {
		if got := fmt.Sprint(span(d)); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}
