package alertmanager

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"stormdrain/internal/alert"
)

func TestReceiverName(t *testing.T) {
	t.Parallel()
	f := func(sent, want string) {
		t.Helper()
		if got := receiverName(sent); got != want {
			t.Errorf("%q is %q, want %q", sent, got, want)
		}
	}
	f("team-a", "team-a")
	f(`team \(a\)`, "team (a)")
	f(`a\\b`, `a\b`)
	f("", "")
	f(`a(b\)`, `a(b\)`) // Grafana's, who does not quote
	f(`\d`, `\d`)
	f(`a\`, `a\`)
}

// However little may be held, the list of groups is the same.
func TestGroupsInTurns(t *testing.T) {
	t.Parallel()
	var all []*alert.Episode
	for i := range 40 {
		all = append(all, &alert.Episode{Number: int64(i), Envelope: &alert.Envelope{
			Receiver: fmt.Sprint("r", i%2), GroupKey: fmt.Sprint(i % 3), GroupLabels: []alert.Pair{{Name: "g", Value: fmt.Sprint(i % 3)}}}})
	}
	written := func(e *alert.Episode) []byte { return fmt.Appendf(nil, `{"n":%d}`, e.Number) }
	write := func(most int, failing error) (string, int, error) {
		g := NewGroups(most)
		for _, e := range all {
			g.Add(e, written(e))
		}
		turns := 0
		list, err := g.Write(nil, func(add func(*alert.Episode, []byte) error) error {
			turns++
			for _, e := range all {
				if err := add(e, written(e)); err != nil {
					return err
				}
			}
			return failing
		}, func(b []byte) ([]byte, error) { return b, nil })
		if g.Held() != (turns == 0) {
			t.Errorf("with %d: held %v, and read again %d times", most, g.Held(), turns)
		}
		return string(list), turns, err
	}
	want, turns, err := write(1<<20, nil)
	if err != nil || turns != 0 || strings.Count(want, `"receiver"`) != 6 || strings.Count(want, `"n"`) != 40 {
		t.Fatalf("%s %d %v", want, turns, err)
	}
	for most, turns := range map[int]int{1: 6, 70: 6, 150: 3, 320: 2} {
		if got, n, err := write(most, nil); got != want || n != turns || err != nil {
			t.Errorf("with %d: read %d times, want %d; %v\n%s\n%s", most, n, turns, err, got, want)
		}
	}
	gone := errors.New("gone")
	if _, _, err := write(1, gone); err != gone {
		t.Errorf("%v", err)
	}
}
