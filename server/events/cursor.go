// Package events is the wording of GET /api/v1/events: its parameters into an
// alert.Query, and stored events into JSON and CSV; and what other pages say in the
// same words. It knows no HTTP.
package events

import (
	"encoding/base64"
	"encoding/binary"

	"stormdrain/internal/alert"
)

// cursorVersion is the first byte of a cursor, so that the place in another order,
// and that in another list, can be told from this one.
const cursorVersion = 1

// cursorSize: version, received at, delivery, index.
const cursorSize = 1 + 8 + 8 + 4

// FormatCursor returns the place of an event as an opaque string that needs no
// escaping in a URL.
func FormatCursor(c alert.Cursor) string {
	b := make([]byte, 0, cursorSize)
	b = append(b, cursorVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(c.ReceivedAt))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Delivery))
	b = binary.BigEndian.AppendUint32(b, uint32(c.Index))
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseCursor is the inverse of FormatCursor.
func ParseCursor(s string) (alert.Cursor, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != cursorSize || b[0] != cursorVersion {
		return alert.Cursor{}, false
	}
	return alert.Cursor{
		ReceivedAt: int64(binary.BigEndian.Uint64(b[1:])),
		Delivery:   int64(binary.BigEndian.Uint64(b[9:])),
		Index:      int32(binary.BigEndian.Uint32(b[17:])),
	}, true
}
