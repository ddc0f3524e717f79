package pipeline

import (
	"errors"
	"time"

	"stormdrain/internal/alert"
)

var (
	errTime  = errors.New("not a time in RFC 3339")
	errRange = errors.New("a time outside of the years 0 to 9999 in UTC")
)

// parseTime reads an RFC 3339 time to the nanosecond.
//
// The form that Alertmanager sends ("2026-11-23T07:59:55.06Z") is read here,
// everything else by the time package, which also has the last word on what is
// not a time: BenchmarkParseTime, a third of the time.
func parseTime(s []byte) (alert.Time, error) {
	if t, ok := parseUTC(s); ok {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339Nano, string(s))
	if err != nil {
		return alert.NoTime, errTime
	}
	t = t.UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return alert.NoTime, errRange
	}
	return alert.FromTime(t), nil
}

// parseUTC reads YYYY-MM-DDTHH:MM:SS[.f{1,9}]Z with a day from 1 to 28, which
// every month has; it leaves the rest to the time package.
func parseUTC(s []byte) (alert.Time, bool) {
	if len(s) < 20 || len(s) > 30 || s[len(s)-1] != 'Z' ||
		s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return alert.Time{}, false
	}
	year, month, day := digits(s[0:4]), digits(s[5:7]), digits(s[8:10])
	hour, minute, second := digits(s[11:13]), digits(s[14:16]), digits(s[17:19])
	if year < 0 || month < 1 || month > 12 || day < 1 || day > 28 ||
		uint(hour) > 23 || uint(minute) > 59 || uint(second) > 59 {
		return alert.Time{}, false
	}
	nanos := 0
	if frac := s[19 : len(s)-1]; len(frac) > 0 {
		if frac[0] != '.' || len(frac) == 1 {
			return alert.Time{}, false
		}
		frac = frac[1:]
		if nanos = digits(frac); nanos < 0 {
			return alert.Time{}, false
		}
		for range 9 - len(frac) {
			nanos *= 10
		}
	}
	seconds := int64(daysSince1970(year, month, day))*86400 + int64(hour*3600+minute*60+second)
	return alert.Time{Micros: seconds*1e6 + int64(nanos/1000), Nanos: uint16(nanos % 1000)}, true
}

// digits reads a decimal number, -1 for anything else.
func digits(s []byte) int {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// daysSince1970 counts days in the proleptic Gregorian calendar
// (days_from_civil of Howard Hinnant, "chrono-compatible low-level date algorithms").
func daysSince1970(year, month, day int) int {
	if month <= 2 {
		year--
		month += 12
	}
	era := year / 400
	if year < 0 {
		era = (year - 399) / 400
	}
	ofEra := year - era*400
	ofYear := (153*(month-3)+2)/5 + day - 1
	return era*146097 + ofEra*365 + ofEra/4 - ofEra/100 + ofYear - 719468
}
