package events

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"stormdrain/internal/alert"
)

var errInstant = errors.New("no time")

// ParseInstant reads a moment as the contract lets people write it: RFC 3339,
// Unix seconds with or without a fraction, or a duration, which means that long
// before now. The result is in microseconds since 1970, rounded up: "received
// at or after" and "received before" stay exact for times to the nanosecond.
func ParseInstant(s string, now time.Time) (int64, error) {
	t, err := ParseInstantExactly(s, now)
	return RoundUp(t), err
}

// RoundUp returns the first microsecond that is not before t.
func RoundUp(t alert.Time) int64 {
	if t.Nanos > 0 {
		return t.Micros + 1
	}
	return t.Micros
}

// ParseInstantDown is ParseInstant, rounded down: for what has its time to the
// nanosecond and is looked for by the microsecond. "At or after" the time of such a
// thing finds it, and "before" does not.
func ParseInstantDown(s string, now time.Time) (int64, error) {
	t, err := ParseInstantExactly(s, now)
	return t.Micros, err
}

// ParseInstantExactly is ParseInstant to the nanosecond, and rounded up to that: for
// what has its time so and is looked for by it.
func ParseInstantExactly(s string, now time.Time) (alert.Time, error) {
	if t, ok := parseRFC3339(s); ok {
		return ofTime(t), nil
	}
	if t, ok := parseUnix(s); ok {
		return t, nil
	}
	ago, ok := ParseDuration(s)
	if !ok {
		return alert.Time{}, errInstant
	}
	return ofTime(now.Add(-ago)), nil
}

// ofTime does for any year what alert.FromTime does for four digits of them.
func ofTime(t time.Time) alert.Time {
	return alert.Time{Micros: t.UnixMicro(), Nanos: uint16(t.Nanosecond() % 1000)}
}

func parseRFC3339(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		// The + of an offset that was not escaped in the URL came as a blank.
		t, err = time.Parse(time.RFC3339Nano, strings.Replace(s, " ", "+", 1))
	}
	return t, err == nil
}

// maxUnix keeps the microseconds far away from the ends of int64.
const maxUnix = 1 << 40

func parseUnix(s string) (t alert.Time, ok bool) {
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	seconds, err := strconv.ParseUint(whole, 10, 63)
	if err != nil || seconds > maxUnix {
		return alert.Time{}, false
	}
	micros, nanos, more := int64(seconds)*1e6, int64(0), false
	for i := range len(fraction) {
		c := fraction[i]
		switch {
		case c < '0' || c > '9':
			return alert.Time{}, false
		case i < 6:
			micros += int64(c-'0') * int64(math.Pow10(5-i))
		case i < 9:
			nanos += int64(c-'0') * int64(math.Pow10(8-i))
		case c != '0':
			more = true
		}
	}
	if negative {
		micros, nanos = -micros, -nanos
	} else if more {
		nanos++ // up is away from 0
	}
	if nanos < 0 {
		micros, nanos = micros-1, nanos+1000
	}
	return alert.Time{Micros: micros + nanos/1000, Nanos: uint16(nanos % 1000)}, true
}

// ParseDuration reads what Go writes, with d for 24 hours and w for 7 days as
// well: 90s, 2h, 1d12h, 2w. Never negative.
func ParseDuration(s string) (time.Duration, bool) {
	var total time.Duration
	rest := s
	for _, unit := range []struct {
		name   string
		length time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		number, after, found := strings.Cut(rest, unit.name)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 31)
		if err != nil || time.Duration(n) > (math.MaxInt64-total)/unit.length {
			return 0, false
		}
		total += time.Duration(n) * unit.length
		rest = after
	}
	if rest == "" {
		return total, s != ""
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || rest[0] == '+' || d > math.MaxInt64-total {
		return 0, false
	}
	return total + d, true
}
