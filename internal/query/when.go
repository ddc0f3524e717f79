package query

import (
	"time"
)

// moment makes of what a person writes what the server understands. A clock time
// is the last such moment before now, and a date without an offset is in zone; an
// age, Unix seconds and what is none of these the server reads, with its own clock.
func moment(word string, now time.Time, zone *time.Location) string {
	if t, ok := clockTime(word, now, zone); ok {
		return t.Format(time.RFC3339)
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, word, zone); err == nil {
			return t.Format(time.RFC3339)
		}
	}
	return word
}

// bounds is moment for two: where both are clock times, the second is the first such
// moment after the first one, which may be to come.
func bounds(from, to string, now time.Time, zone *time.Location) (string, string) {
	begin, ok1 := clockTime(from, now, zone)
	end, ok2 := clockTime(to, now, zone)
	if ok1 && ok2 && end.Before(begin) {
		return begin.Format(time.RFC3339), end.AddDate(0, 0, 1).Format(time.RFC3339)
	}
	return moment(from, now, zone), moment(to, now, zone)
}

func clockTime(word string, now time.Time, zone *time.Location) (time.Time, bool) {
	for _, layout := range []string{"15:04", "15:04:05"} {
		if clock, err := time.Parse(layout, word); err == nil {
			return lastSuch(clock, now.In(zone)), true
		}
	}
	return time.Time{}, false
}

func lastSuch(clock, now time.Time) time.Time {
	on := func(day int) time.Time {
		return time.Date(now.Year(), now.Month(), day, clock.Hour(), clock.Minute(), clock.Second(), 0, now.Location())
	}
	if today := on(now.Day()); !today.After(now) {
		return today
	}
	return on(now.Day() - 1)
}
