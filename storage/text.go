package storage

import "strings"

// Postgres holds no NUL in text or jsonb. Both stores write NUL as U+001A '0'
// and U+001A as U+001A '1', so that every string has one stored form and the
// way back is exact.

// Escape returns the stored form of s.
func Escape(s string) string {
	if !strings.ContainsAny(s, "\x00\x1a") {
		return s
	}
	return escaper.Replace(s)
}

// Unescape is the inverse of Escape.
func Unescape(s string) string {
	if strings.IndexByte(s, 0x1a) < 0 {
		return s
	}
	return unescaper.Replace(s)
}

var (
	escaper   = strings.NewReplacer("\x00", "\x1a0", "\x1a", "\x1a1")
	unescaper = strings.NewReplacer("\x1a0", "\x00", "\x1a1", "\x1a")
)
