package query

import (
	"time"
)

// moment makes of what a person writes what the server understands. A clock time
// is the last such moment before now, and a date without an offset is in zone; an
// age, Unix seconds and what is none of these the server reads, with its own clock.
func moment(word string, now time.Time, zone *time.Location) string {
	for _, layout := range []string{"15:04", "15:04:05"} {
		if clock, err := time.Parse(layout, word); err == nil {
			return lastSuch(clock, now.In(zone)).Format(time.RFC3339)
		}
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, word, zone); err == nil {
			return t.Format(time.RFC3339)
		}
	}
	return word
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
