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
	if len(b) < 8 {
		return s, errTruncated
	}
	s.Fingerprint = binary.BigEndian.Uint64(b)
	r := canonicalReader{rest: string(b[8:])}
	s.Labels = r.pairs()
	return s, r.err()
}

// DecodeDetails is the inverse of Append. The strings are copies.
func DecodeDetails(b []byte) (d Details, err error) {
	r := canonicalReader{rest: string(b)}
	d.Annotations = r.pairs()
	d.GeneratorURL = r.string()
	d.Extra = r.bytes()
	return d, r.err()
}

// DecodeEnvelope is the inverse of Append. The strings are copies.
func DecodeEnvelope(b []byte) (e Envelope, err error) {
	r := canonicalReader{rest: string(b)}
	e.Receiver = r.string()
	e.GroupKey = r.string()
	e.GroupLabels = r.pairs()
	e.ExternalURL = r.string()
	e.Extra = r.bytes()
	return e, r.err()
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

// canonicalReader cuts values off the front of one string, so that a set costs
// one copy and not one per label. It stays at the first mistake.
type canonicalReader struct {
	rest string
	bad  bool
}

func (r *canonicalReader) uvarint() uint64 {
	var v uint64
	for i := 0; i < len(r.rest) && i < binary.MaxVarintLen64; i++ {
		c := r.rest[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.rest = r.rest[i+1:]
			return v
		}
	}
	r.bad = true
	return 0
}

func (r *canonicalReader) string() string {
	n := r.uvarint()
	if r.bad || n > uint64(len(r.rest)) {
		r.bad = true
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *canonicalReader) bytes() []byte {
	if s := r.string(); s != "" {
		return []byte(s)
	}
	return nil
}

func (r *canonicalReader) pairs() []Pair {
	n := r.uvarint()
	if r.bad || n > uint64(len(r.rest)/2) { // a pair takes two bytes at least
		r.bad = true
		return nil
	}
	pairs := make([]Pair, n)
	for i := range pairs {
		pairs[i] = Pair{Name: r.string(), Value: r.string()}
	}
	return pairs
}

func (r *canonicalReader) err() error {
	if r.bad || r.rest != "" {
		return errTruncated
	}
	return nil
}
