// Package compress turns compressed request bodies back into what they were.
package compress

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Encoding is one that a request body may come in.
type Encoding uint8

// The encodings that are understood.
const (
	Identity Encoding = iota
	Gzip
	Zstd
)

// Accepted is what to write into an Accept-Encoding header.
const Accepted = "gzip, zstd"

// ParseEncoding reads the value of one Content-Encoding header. A list of
// several is refused: nobody sends it, and each layer multiplies a bomb.
func ParseEncoding(value string) (Encoding, bool) {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "", "identity":
		return Identity, true
	case "gzip", "x-gzip":
		return Gzip, true
	case "zstd":
		return Zstd, true
	}
	return Identity, false
}

// maxWindow is the largest history a zstd frame may ask us to keep, in bytes:
// what RFC 8878 tells every decoder to support, and what `zstd -19` uses.
const maxWindow = 8 << 20

// Memory is what one Reader of this encoding may need at most, in bytes, on top
// of its input and its output.
func (e Encoding) Memory() int64 {
	switch e {
	case Gzip:
		return 64 << 10 // 32 KiB of history and the tables
	case Zstd:
		return maxWindow + 256<<10
	}
	return 0
}

// Decoders lends readers. It is safe for concurrent use; the zero value is
// ready.
type Decoders struct{ gzip, zstd sync.Pool }

// Reader yields what was compressed. Close gives it back; it must not be used
// after that.
type Reader struct {
	io.Reader
	input bytes.Reader
	home  *sync.Pool
}

// Get returns a reader over compressed, which is lent until Close. Nothing is
// decoded ahead of Read: whoever stops reading stops a bomb.
func (d *Decoders) Get(e Encoding, compressed []byte) (*Reader, error) {
	switch e {
	case Gzip:
		return d.getGzip(compressed)
	case Zstd:
		return d.getZstd(compressed)
	}
	panic(fmt.Sprintf("BUG: decoder for encoding %d", e))
}

func (d *Decoders) getGzip(compressed []byte) (*Reader, error) {
	r, _ := d.gzip.Get().(*Reader)
	if r == nil {
		r = &Reader{Reader: new(gzip.Reader), home: &d.gzip}
	}
	r.input.Reset(compressed)
	if err := r.Reader.(*gzip.Reader).Reset(&r.input); err != nil {
		r.Close()
		if err == io.EOF { // nothing at all is no gzip member, and no end of one
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return r, nil
}

func (d *Decoders) getZstd(compressed []byte) (*Reader, error) {
	r, _ := d.zstd.Get().(*Reader)
	if r == nil {
		// Concurrency 1 decodes in the caller's goroutine: a reader that the
		// pool drops leaves nothing running behind.
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		r = &Reader{Reader: z, home: &d.zstd}
	}
	r.input.Reset(compressed)
	if err := r.Reader.(*zstd.Decoder).Reset(&r.input); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Close gives the reader back. It holds on to nothing of the input.
func (r *Reader) Close() {
	r.input.Reset(nil)
	r.home.Put(r)
}
