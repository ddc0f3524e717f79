package alert

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// Canonical encoding of dictionary entries. It is what the journal holds and
// what the content identity is computed from, so it must never change for the
// same content: fixed order, uvarint lengths, no padding.
//
//	LabelSet  fingerprint (8 bytes, big endian), pairs
//	Details   pairs, generatorURL, extra
//	Envelope  receiver, groupKey, pairs, externalURL, extra
//	pairs     uvarint count, then name and value of each
//	string    uvarint length, then the bytes

// EntryKind says which of the three an entry is.
type EntryKind uint8

// The dictionaries.
const (
	KindLabelSet EntryKind = iota + 1
	KindDetails
	KindEnvelope
)

func (k EntryKind) String() string {
	switch k {
	case KindLabelSet:
		return "labels"
	case KindDetails:
		return "details"
	case KindEnvelope:
		return "envelope"
	}
	return "unknown"
}

var errTruncated = errors.New("dictionary entry ends too early")

// Identity is the content identity of a canonical encoding: the first 128
// bits of SHA-256 over the kind and the bytes.
func Identity(kind EntryKind, canonical []byte) ID {
	h := sha256.New()
	h.Write([]byte{byte(kind)})
	h.Write(canonical)
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return ID(sum[:16])
}

// Append appends the canonical encoding of s.
func (s *LabelSet) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, s.Fingerprint)
	return appendPairs(dst, s.Labels)
}

// Append appends the canonical encoding of d.
func (d *Details) Append(dst []byte) []byte {
	dst = appendPairs(dst, d.Annotations)
	dst = appendString(dst, d.GeneratorURL)
	return appendString(dst, string(d.Extra))
}

// Append appends the canonical encoding of e.
func (e *Envelope) Append(dst []byte) []byte {
	dst = appendString(dst, e.Receiver)
	dst = appendString(dst, e.GroupKey)
	dst = appendPairs(dst, e.GroupLabels)
	dst = appendString(dst, e.ExternalURL)
	return appendString(dst, string(e.Extra))
}

// DecodeLabelSet is the inverse of Append. The strings are copies.
func DecodeLabelSet(b []byte) (s LabelSet, err error) {
	f := FieldsOf(string(b))
	s.Fingerprint = f.Uint64()
	s.Labels = pairsOf(&f)
	return s, f.Err()
}

// DecodeDetails is the inverse of Append. The strings are copies.
func DecodeDetails(b []byte) (d Details, err error) {
	f := FieldsOf(string(b))
	d.Annotations = pairsOf(&f)
	d.GeneratorURL = f.Next()
	d.Extra = bytesOf(&f)
	return d, f.Err()
}

// DecodeEnvelope is the inverse of Append. The strings are copies.
func DecodeEnvelope(b []byte) (e Envelope, err error) {
	f := FieldsOf(string(b))
	e.Receiver = f.Next()
	e.GroupKey = f.Next()
	e.GroupLabels = pairsOf(&f)
	e.ExternalURL = f.Next()
	e.Extra = bytesOf(&f)
	return e, f.Err()
}

func appendPairs(dst []byte, pairs []Pair) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(pairs)))
	for i := range pairs {
		dst = appendString(dst, pairs[i].Name)
		dst = appendString(dst, pairs[i].Value)
	}
	return dst
}

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// Fields cuts values off the front of a canonical encoding and copies none of
// it: of one string, so that a set costs one copy and not one per label, or of
// bytes that are lent. It stays at the first mistake, behind which every value
// is empty.
type Fields[T string | []byte] struct {
	rest T
	bad  bool
}

// FieldsOf begins to read an encoding.
func FieldsOf[T string | []byte](canonical T) Fields[T] { return Fields[T]{rest: canonical} }

// Uint64 reads a fingerprint.
func (f *Fields[T]) Uint64() (v uint64) {
	if len(f.rest) < 8 {
		f.bad, f.rest = true, f.rest[:0]
		return 0
	}
	for i := range 8 {
		v = v<<8 | uint64(f.rest[i])
	}
	f.rest = f.rest[8:]
	return v
}

func (f *Fields[T]) uvarint() uint64 {
	var v uint64
	for i := 0; i < len(f.rest) && i < binary.MaxVarintLen64; i++ {
		c := f.rest[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			f.rest = f.rest[i+1:]
			return v
		}
	}
	f.bad = true
	return 0
}

// Next reads a string.
func (f *Fields[T]) Next() (value T) {
	n := f.uvarint()
	if f.bad || n > uint64(len(f.rest)) {
		f.bad = true
		return value
	}
	value, f.rest = f.rest[:n], f.rest[n:]
	return value
}

// Pairs reads how many pairs follow, of two strings each.
func (f *Fields[T]) Pairs() int {
	n := f.uvarint()
	if f.bad || n > uint64(len(f.rest)/2) { // a pair takes two bytes at least
		f.bad = true
		return 0
	}
	return int(n)
}

// Err tells of a mistake, and of anything that is left.
func (f *Fields[T]) Err() error {
	if f.bad || len(f.rest) != 0 {
		return errTruncated
	}
	return nil
}

func bytesOf(f *Fields[string]) []byte {
	if s := f.Next(); s != "" {
		return []byte(s)
	}
	return nil
}

func pairsOf(f *Fields[string]) []Pair {
	n := f.Pairs()
	if f.bad {
		return nil
	}
	pairs := make([]Pair, n)
	for i := range pairs {
		pairs[i] = Pair{Name: f.Next(), Value: f.Next()}
	}
	return pairs
}
