package postgres

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// kinds is in the order in which every process writes them.
var kinds = [...]alert.EntryKind{alert.KindLabelSet, alert.KindDetails, alert.KindEnvelope}

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

var errUnknownKind = errors.New("unknown kind of dictionary entry")

// entryRows encodes entries of one kind for a COPY into its table, or one like
// it, each with the number that it has in numbers. Content is read when its row's
// turn comes, so little of it is in memory at a time.
func entryRows(entries []alert.Entry, which []int32, numbers []int64) *tuples {
	return newTuples(len(which), func(dst []byte, i int) ([]byte, error) {
		e := entries[which[i]]
		content, err := e.Content()
		if err != nil {
			return dst, fmt.Errorf("content of %s %x: %w", e.Kind(), e.ID(), err)
		}
		dst, err = appendEntry(dst, e, numbers[which[i]], content)
		if err != nil {
			// The journal holds it as it is: it will not get better.
			return dst, &refusedError{fmt.Errorf("content of %s %x: %w", e.Kind(), e.ID(), err)}
		}
		return dst, nil
	})
}

// appendEntry appends a row with its columns in the order of the table.
func appendEntry(dst []byte, e alert.Entry, number int64, content []byte) ([]byte, error) {
	head := func(columns uint16) {
		id := e.ID()
		dst = binary.BigEndian.AppendUint16(dst, columns)
		dst = appendInt8(dst, number)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(id)))
		dst = append(dst, id[:]...)
	}
	switch e.Kind() {
	case alert.KindLabelSet:
		s, err := alert.DecodeLabelSet(content)
		if err != nil {
			return dst, err
		}
		head(7)
		dst = appendInt8(dst, int64(s.Fingerprint))
		dst = appendText(dst, alert.Value(s.Labels, "alertname"))
		dst = appendText(dst, alert.Value(s.Labels, "severity"))
		dst = appendPairs(dst, s.Labels)
		dst = appendArrayHead(dst, oidInt8, 8, len(s.Labels)+1)
		for i := range s.Labels {
			dst = appendInt8(dst, keyOf(&s.Labels[i]))
		}
		return appendInt8(dst, int64(s.Fingerprint)), nil
	case alert.KindDetails:
		d, err := alert.DecodeDetails(content)
		if err != nil {
			return dst, err
		}
		head(5)
		dst = appendPairs(dst, d.Annotations)
		dst = appendText(dst, d.GeneratorURL)
		return appendJSON(dst, d.Extra), nil
	case alert.KindEnvelope:
		v, err := alert.DecodeEnvelope(content)
		if err != nil {
			return dst, err
		}
		head(7)
		dst = appendText(dst, v.Receiver)
		dst = appendText(dst, v.GroupKey)
		dst = appendPairs(dst, v.GroupLabels)
		dst = appendText(dst, v.ExternalURL)
		return appendJSON(dst, v.Extra), nil
	}
	return dst, errUnknownKind
}

// keyOf is how a label is found by its index: 64 bits of SHA-256 over the name's
// length, the name and the value. Two labels with the same key cost a row that is
// looked at in vain.
func keyOf(p *alert.Pair) int64 {
	buf := make([]byte, 0, 256)
	buf = binary.AppendUvarint(buf, uint64(len(p.Name)))
	buf = append(append(buf, p.Name...), p.Value...)
	sum := sha256.Sum256(buf)
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// appendPairs appends a JSON object as text.
func appendPairs(dst []byte, pairs []alert.Pair) []byte {
	begin := len(dst)
	dst = storage.AppendPairs(append(dst, 0, 0, 0, 0), pairs)
	binary.BigEndian.PutUint32(dst[begin:], uint32(len(dst)-begin-4))
	return dst
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
