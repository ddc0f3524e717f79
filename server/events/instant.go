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
	if t, ok := parseRFC3339(s); ok {
		return ceilMicros(t), nil
	}
	if v, ok := parseUnix(s); ok {
		return v, nil
	}
	if d, ok := ParseDuration(s); ok {
		return ceilMicros(now.Add(-d)), nil
	}
	return 0, errInstant
}

func parseRFC3339(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		// The + of an offset that was not escaped in the URL came as a blank.
		t, err = time.Parse(time.RFC3339Nano, strings.Replace(s, " ", "+", 1))
	}
	return t, err == nil
}

func ceilMicros(t time.Time) int64 {
	return t.Unix()*1e6 + int64((t.Nanosecond()+999)/1000)
}

// maxUnix keeps the microseconds far away from the ends of int64.
const maxUnix = 1 << 40

func parseUnix(s string) (int64, bool) {
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	seconds, err := strconv.ParseUint(whole, 10, 63)
	if err != nil || seconds > maxUnix {
		return 0, false
	}
	micros := int64(seconds) * 1e6
	rest := false // digits behind the microseconds that are not 0
	for i := range len(fraction) {
		c := fraction[i]
		switch {
		case c < '0' || c > '9':
			return 0, false
		case i < 6:
			micros += int64(c-'0') * int64(math.Pow10(5-i))
		case c != '0':
			rest = true
		}
	}
	if negative {
		return -micros, true // up is towards 0, so the rest falls away
	}
	if rest {
		micros++
	}
	return micros, true
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
