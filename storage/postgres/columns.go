package postgres

import (
	"encoding/binary"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// column is an array parameter that is filled value by value: a column of what
// unnest makes rows of.
type column struct {
	buf   []byte
	n     uint32
	array uint32 // type of the array
}

func newColumn(array, element uint32) column {
	return column{buf: appendDimensions(nil, element, 1), array: array}
}

func newInt8s() column { return newColumn(oidInt8Array, oidInt8) }
func newInt4s() column { return newColumn(oidInt4Array, oidInt4) }
func newTimes() column { return newColumn(oidTimestamptzArray, oidTimestamptz) }
func newUUIDs() column { return newColumn(oidUUIDArray, oidUUID) }
func newTexts() column { return newColumn(oidTextArray, oidText) }
func newBools() column { return newColumn(oidBoolArray, oidBool) }

func (c *column) int8(v int64) { c.buf, c.n = appendInt8(c.buf, v), c.n+1 }

func (c *column) int4(v int32) { c.buf, c.n = appendInt4(c.buf, v), c.n+1 }

func (c *column) time(micros int64) { c.int8(micros - epoch) }

// timeOrNull takes NoTime for null.
func (c *column) timeOrNull(t alert.Time) {
	if t.IsNone() {
		c.buf, c.n = appendNull(c.buf), c.n+1
		return
	}
	c.time(t.Micros)
}

func (c *column) bool(v bool) {
	c.buf, c.n = appendBool(c.buf, v), c.n+1
}

func (c *column) text(s string) { c.buf, c.n = appendText(c.buf, s), c.n+1 }

func (c *column) uuid(id alert.ID) {
	c.buf = binary.BigEndian.AppendUint32(c.buf, uint32(len(id)))
	c.buf, c.n = append(c.buf, id[:]...), c.n+1
}

// columns adds arrays and returns their placeholders, for unnest.
func (a *arguments) columns(cs ...*column) (list string) {
	for i, c := range cs {
		if i > 0 {
			list += ", "
		}
		if c.n == 0 {
			c.buf = appendDimensions(nil, binary.BigEndian.Uint32(c.buf[8:]), 0)
		} else {
			binary.BigEndian.PutUint32(c.buf[12:], c.n)
		}
		list += a.add(c.array, c.buf)
	}
	return list
}

func appendBool(dst []byte, v bool) []byte {
	dst = binary.BigEndian.AppendUint32(dst, 1)
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func appendInt2(dst []byte, v int16) []byte {
	dst = binary.BigEndian.AppendUint32(dst, 2)
	return binary.BigEndian.AppendUint16(dst, uint16(v))
}

// appendTimeOrNull appends null for NoTime.
func appendTimeOrNull(dst []byte, t alert.Time) []byte {
	if t.IsNone() {
		return appendNull(dst)
	}
	return appendTime(dst, t.Micros)
}

// appendTexts appends an array of text.
func appendTexts(dst []byte, texts []string) []byte {
	begin := len(dst)
	dst = appendDimensions(append(dst, 0, 0, 0, 0), oidText, len(texts))
	for _, s := range texts {
		dst = appendText(dst, s)
	}
	return endField(dst, begin)
}

// packEpisode makes the bits of an episode: those of an event, and from bit 21 on
// the nanoseconds of superseded_at.
func packEpisode(s alert.Status, starts, ends, superseded alert.Time) int32 {
	nanos := func(t alert.Time) alert.Time {
		if t.IsNone() {
			t.Nanos = 0
		}
		return t
	}
	return storage.PackBits(s, starts, nanos(ends)) | int32(nanos(superseded).Nanos)<<21
}

// timeOrNone reads a time that may be null, whose nanoseconds are in the bits.
func (r row) timeOrNone(i int, nanos uint16) alert.Time {
	if r.null(i) {
		return alert.NoTime
	}
	return alert.Time{Micros: r.time(i), Nanos: nanos}
}

func (r row) bool(i int) bool { return r[i][0] != 0 }

// texts reads an array of text.
func (r row) texts(i int) []string {
	elements := r.array(i, nil)
	texts := make([]string, len(elements))
	for j, e := range elements {
		texts[j] = storage.Unescape(string(e))
	}
	return texts
}
