// Package history is the wording of the pages that tell what became of what was
// received: episodes, statistics of them, what came in over time, what may be
// missing, and what a person may go on typing. It knows no HTTP.
package history

import (
	"encoding/base64"
	"encoding/binary"

	"stormdrain/internal/alert"
)

// cursorVersion is the first byte of a cursor. Those of events have another, so
// one that got onto the wrong page is refused, and not taken for some place.
const cursorVersion = 0xe1

const cursorSize = 1 + 8 + 8

// FormatCursor returns the place of an episode as an opaque string that needs no
// escaping in a URL.
func FormatCursor(c alert.EpisodeCursor) string {
	b := make([]byte, 0, cursorSize)
	b = append(b, cursorVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(c.StartsAt))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Number))
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseCursor is the inverse of FormatCursor.
func ParseCursor(s string) (*alert.EpisodeCursor, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != cursorSize || b[0] != cursorVersion {
		return nil, false
	}
	return &alert.EpisodeCursor{
		StartsAt: int64(binary.BigEndian.Uint64(b[1:])),
		Number:   int64(binary.BigEndian.Uint64(b[9:])),
	}, true
}
