package compress

import (
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// AcceptsGzip reads the value of an Accept-Encoding header.
func AcceptsGzip(value string) bool {
	accepts := false
	for part := range strings.SplitSeq(value, ",") {
		coding, parameters, _ := strings.Cut(part, ";")
		coding = strings.ToLower(strings.TrimSpace(coding))
		named := coding == "gzip" || coding == "x-gzip"
		if named || coding == "*" {
			accepts = quality(parameters) > 0
		}
		if named {
			break // it goes before the star, wherever that stands
		}
	}
	return accepts
}

func quality(parameters string) float64 {
	name, value, _ := strings.Cut(parameters, "=")
	if !strings.EqualFold(strings.TrimSpace(name), "q") {
		return 1
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil {
		return 0
	}
	return q
}

// Encoders lends writers. It is safe for concurrent use; the zero value is
// ready.
type Encoders struct{ gzip sync.Pool }

// Writer compresses. Close ends the stream and gives it back; it must not be
// used after that. One that is not closed is left to the collector.
type Writer struct {
	z    *gzip.Writer
	home *sync.Pool
}

// Gzip returns a writer to w.
func (e *Encoders) Gzip(w io.Writer) *Writer {
	z, _ := e.gzip.Get().(*Writer)
	if z == nil {
		// JSON of alerts shrinks to a tenth at any level; this one is the fastest.
		fastest, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails for unknown levels only
		z = &Writer{z: fastest, home: &e.gzip}
	}
	z.z.Reset(w)
	return z
}

func (w *Writer) Write(p []byte) (int, error) { return w.z.Write(p) }

// Flush sends what was written so far in a form that can be decompressed.
func (w *Writer) Flush() error { return w.z.Flush() }

// Close ends the stream.
func (w *Writer) Close() error {
	err := w.z.Close()
	w.z.Reset(io.Discard) // holds on to nothing
	w.home.Put(w)
	return err
}
