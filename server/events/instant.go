package events

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

var errInstant = errors.New("no time")

// ParseInstant reads a moment as the contract lets people write it: RFC 3339,
// Unix seconds with or without a fraction, or a duration, which means that long
// before now. The result is in microseconds since 1970, rounded up: "received
// at or after" and "received before" stay exact for times to the nanosecond.
func ParseInstant(s string, now time.Time) (int64, error) {
	micros, rest, err := parseInstant(s, now)
	if rest {
		micros++
	}
	return micros, err
}

// ParseInstantDown is ParseInstant, rounded down: for what has its time to the
// nanosecond and is looked for by the microsecond. "At or after" the time of such a
// thing finds it, and "before" does not.
func ParseInstantDown(s string, now time.Time) (int64, error) {
	micros, _, err := parseInstant(s, now)
	return micros, err
}

// parseInstant returns the microseconds, rounded down, and whether there is more.
func parseInstant(s string, now time.Time) (micros int64, rest bool, err error) {
	t, ok := parseRFC3339(s)
	if !ok {
		if micros, rest, ok = parseUnix(s); ok {
			return micros, rest, nil
		}
		ago, ok := ParseDuration(s)
		if !ok {
			return 0, false, errInstant
		}
		t = now.Add(-ago)
	}
	return t.UnixMicro(), t.Nanosecond()%1000 != 0, nil
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

// parseUnix returns what parseInstant does.
func parseUnix(s string) (micros int64, rest, ok bool) {
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	seconds, err := strconv.ParseUint(whole, 10, 63)
	if err != nil || seconds > maxUnix {
		return 0, false, false
	}
	micros = int64(seconds) * 1e6
	for i := range len(fraction) {
		c := fraction[i]
		switch {
		case c < '0' || c > '9':
			return 0, false, false
		case i < 6:
			micros += int64(c-'0') * int64(math.Pow10(5-i))
		case c != '0':
			rest = true
		}
	}
	if negative {
		micros = -micros
		if rest {
			micros-- // down is away from 0
		}
	}
	return micros, rest, true
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
