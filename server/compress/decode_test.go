package compress

import (
	"bytes"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func gzipped(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return b.Bytes()
}

func zstded(text string) []byte {
	w, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	defer w.Close()
	return w.EncodeAll([]byte(text), nil)
}

func TestParseEncoding(t *testing.T) {
	f := func(value string, want Encoding, ok bool) {
		t.Helper()
		if got, gotOK := ParseEncoding(value); got != want || gotOK != ok {
			t.Errorf("%q: %v %v", value, got, gotOK)
		}
	}
	f("", Identity, true)
	f("identity", Identity, true)
	f(" GZip ", Gzip, true)
	f("x-gzip", Gzip, true)
	f("zstd", Zstd, true)
	f("br", 0, false)
	f("gzip, gzip", 0, false)
	f("gzip, identity", 0, false)
}

func TestDecode(t *testing.T) {
	var d Decoders
	before := runtime.NumGoroutine()
	f := func(e Encoding, compressed []byte, want string) {
		t.Helper()
		r, err := d.Get(e, compressed)
		if err != nil {
			t.Error(err)
			return
		}
		defer r.Close()
		if got, err := io.ReadAll(r); err != nil || string(got) != want {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
	}
	long := strings.Repeat("alert ", 100_000)
	for range 3 { // the second time out of the pool
		f(Gzip, gzipped("x"), "x")
		f(Gzip, append(gzipped("x"), gzipped("y")...), "xy")
		f(Gzip, gzipped(long), long)
		f(Zstd, zstded("x"), "x")
		f(Zstd, append(zstded("x"), zstded("y")...), "xy")
		f(Zstd, zstded(long), long)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

func TestBrokenInputIsAnError(t *testing.T) {
	var d Decoders
	f := func(e Encoding, compressed []byte) {
		t.Helper()
		r, err := d.Get(e, compressed)
		if err != nil {
			return
		}
		defer r.Close()
		if got, err := io.ReadAll(r); err == nil {
			t.Errorf("no error, %d bytes", len(got))
		}
	}
	for range 2 {
		f(Gzip, nil)
		f(Gzip, []byte("{}"))
		f(Zstd, []byte("{}"))
		for cut := 1; cut < 12; cut++ {
			f(Gzip, gzipped("hello")[:cut])
			f(Zstd, zstded("hello")[:cut])
		}
		f(Gzip, append(gzipped("x"), "trailing"...))
		f(Zstd, append(zstded("x"), "trailing"...))
		// A frame that wants 1 GiB of history.
		f(Zstd, []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0, 0x01, 0x00, 0x00})
	}
}
