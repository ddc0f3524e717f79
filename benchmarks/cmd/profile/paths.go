package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
)

// stringTable is the field of a profile (github.com/google/pprof,
// proto/profile.proto) that holds each string once; all else refers to it by
// number.
const stringTable = 6

var errProfile = errors.New("this is no profile")

// withoutPaths returns a gzipped profile in which of each absolute path only its
// last part is left: that of the binary, mostly. The compiler reads the names of
// functions and nothing of that.
func withoutPaths(gzipped []byte) ([]byte, error) {
	in, err := gzip.NewReader(bytes.NewReader(gzipped))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errProfile, err)
	}
	profile, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errProfile, err)
	}
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	for len(profile) > 0 {
		f, err := firstField(profile)
		if err != nil {
			return nil, err
		}
		raw := profile[:f.size]
		if f.number == stringTable && bytes.HasPrefix(f.value, []byte("/")) {
			base := path.Base(string(f.value))
			raw = binary.AppendUvarint([]byte{stringTable<<3 | 2}, uint64(len(base)))
			raw = append(raw, base...)
		}
		w.Write(raw) // into memory; Close would tell
		profile = profile[f.size:]
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// field is one field of a message in the wire format of protocol buffers.
type field struct {
	number uint64
	value  []byte // of one with a length
	size   int    // of all of it
}

// firstField reads the two wire types that a profile has at its top.
func firstField(b []byte) (f field, err error) {
	tag, n := binary.Uvarint(b)
	if n <= 0 {
		return f, errProfile
	}
	f.number = tag >> 3
	v, m := binary.Uvarint(b[n:])
	if m <= 0 {
		return f, errProfile
	}
	f.size = n + m
	switch tag & 7 {
	case 0: // a number
		return f, nil
	case 2: // bytes with their length
		if v > uint64(len(b)-f.size) {
			return f, errProfile
		}
		f.value = b[f.size:][:v]
		f.size += int(v)
		return f, nil
	}
	return f, fmt.Errorf("%w: wire type %d", errProfile, tag&7)
}
