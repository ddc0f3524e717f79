package postgres

import (
	"encoding/binary"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// tableOf names the dictionary of a kind.
func tableOf(k alert.EntryKind) string {
	switch k {
	case alert.KindLabelSet:
		return "label_sets"
	case alert.KindDetails:
		return "details"
	default:
		return "envelopes"
	}
}

// appendEntry appends the row of an entry with its columns in the order of the
// table.
func appendEntry(dst []byte, u unknown, number int64, content []byte) ([]byte, error) {
	dst = binary.BigEndian.AppendUint16(dst, columnsOf(u.kind))
	dst = appendInt8(dst, number)
	dst = u.appendID(dst)
	f := alert.FieldsOf(content)
	switch u.kind {
	case alert.KindLabelSet:
		dst = appendInt8(dst, int64(f.Uint64()))
		labels := f
		dst = appendPairs(dst, &f)
		dst = appendEscaped(dst, valueOf(labels, "alertname"))
		dst = appendEscaped(dst, valueOf(labels, "severity"))
	case alert.KindDetails:
		dst = appendPairs(dst, &f)
		dst = appendEscaped(dst, f.Next())
		dst = appendJSON(dst, f.Next())
	case alert.KindEnvelope:
		dst = appendEscaped(dst, f.Next())
		dst = appendEscaped(dst, f.Next())
		dst = appendPairs(dst, &f)
		dst = appendEscaped(dst, f.Next())
		dst = appendJSON(dst, f.Next())
	}
	return dst, f.Err()
}

func columnsOf(k alert.EntryKind) uint16 {
	switch k {
	case alert.KindLabelSet:
		return 6
	case alert.KindDetails:
		return 5
	default:
		return 7
	}
}

// valueOf returns the value of a label, empty for none.
func valueOf(f alert.Fields[[]byte], name string) []byte {
	for range f.Pairs() {
		if n, v := f.Next(), f.Next(); string(n) == name {
			return v
		}
	}
	return nil
}

// appendPairs appends the pairs that come next as a JSON object.
func appendPairs(dst []byte, f *alert.Fields[[]byte]) []byte {
	begin := len(dst)
	dst = append(dst, 0, 0, 0, 0, '{')
	for i := range f.Pairs() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = storage.AppendString(dst, f.Next())
		dst = append(dst, ':')
		dst = storage.AppendString(dst, f.Next())
	}
	return endField(append(dst, '}'), begin)
}

// appendEscaped appends text in stored form.
func appendEscaped(dst, s []byte) []byte {
	begin := len(dst)
	return endField(storage.AppendEscaped(append(dst, 0, 0, 0, 0), s), begin)
}

// appendJSON appends JSON text, null for none.
func appendJSON(dst, text []byte) []byte {
	if len(text) == 0 {
		return appendNull(dst)
	}
	text = storage.EscapeJSON(text)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(text)))
	return append(dst, text...)
}

// endField sets the length of the field that begins at begin.
func endField(dst []byte, begin int) []byte {
	binary.BigEndian.PutUint32(dst[begin:], uint32(len(dst)-begin-4))
	return dst
}
