package storage

import (
	"bytes"
	"strings"
)

// Postgres holds no NUL in text or jsonb. Both stores write NUL as U+001A '0'
// and U+001A as U+001A '1', so that every string has one stored form and the
// way back is exact.

// Escape returns the stored form of s.
func Escape(s string) string {
	if strings.IndexByte(s, 0) < 0 && strings.IndexByte(s, 0x1a) < 0 {
		return s
	}
	return escaper.Replace(s)
}

// AppendEscaped appends the stored form of s.
func AppendEscaped(dst, s []byte) []byte {
	if bytes.IndexByte(s, 0) < 0 && bytes.IndexByte(s, 0x1a) < 0 {
		return append(dst, s...)
	}
	return append(dst, escaper.Replace(string(s))...)
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
