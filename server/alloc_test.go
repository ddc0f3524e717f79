//go:build !race

package server

import (
	"bytes"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"stormdrain/internal/alert"
)

// allocationsPerRequest measures the whole way of a request over loopback, all
// goroutines of the process included. The client's side allocates nothing.
func allocationsPerRequest(t *testing.T, path, headers, body string) float64 {
	t.Helper()
	f := &fake{ingest: func(r alert.Request) (int, error) { return len(r.Body), nil }}
	s := start(t, testConfig(), f)
	c, _ := dial(t, s)
	request := []byte(post(path, headers, body))
	answer := make([]byte, 4096)
	once := func() {
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		// The answer to a webhook is one write of less than a packet.
		n, err := c.Read(answer)
		if err != nil || !bytes.HasSuffix(answer[:n], []byte("}")) {
			t.Fatalf("answer %q, %v", answer[:n], err)
		}
	}
	for range 100 {
		once()
	}
	return testing.AllocsPerRun(2000, once)
}

// The one is fasthttp's, when it looks whether anything of the body is left. A
// decoder costs another.
func TestAllocations(t *testing.T) {
	f := func(most float64, path, headers, body string) {
		t.Helper()
		if n := allocationsPerRequest(t, path, headers, body); n > most {
			t.Errorf("%s with %d bytes: %v allocations, at most %v wanted", path, len(body), n, most)
		}
	}
	f(1, "/webhook", "", strings.Repeat("x", 1000))
	f(1, "/webhook", "", strings.Repeat("x", 9400))
	f(1, "/webhook", "", strings.Repeat("x", 200_000))
	f(1, "/webhook/", "", strings.Repeat("x", 1000))
	f(1, "/api/v2/alerts", "", strings.Repeat("x", 1000))
	f(1, "/webhook/eu-1", "", strings.Repeat("x", 1000))
	f(1, "/webhook/eu%2F1", "", strings.Repeat("x", 1000))
	f(1, "/api/v1/recorder", "", strings.Repeat("x", 1000))
	f(2, "/webhook", "Content-Encoding: gzip\r\n", gzipped(strings.Repeat("x", 1000)))
	f(2, "/webhook", "Content-Encoding: zstd\r\n", zstded(strings.Repeat("x", 1000)))
}

// 10 000 idle connections are to stay below 150 MiB, which is 15 700 bytes each:
// they have to rest. This counts both ends, with a thousand bytes for the
// client's.
func TestIdleConnectionsAreCheap(t *testing.T) {
	f := &fake{ingest: func(r alert.Request) (int, error) { return len(r.Body), nil }}
	cfg := testConfig()
	cfg.restAfter = 50 * time.Millisecond
	s := start(t, cfg, f)
	request := []byte(post("/webhook/eu", "User-Agent: Alertmanager/0.34.2\r\nContent-Type: application/json\r\n", strings.Repeat("x", 20_000)))
	answer := make([]byte, 4096)
	idle := func(n int) int {
		for range n {
			c, err := net.Dial("tcp", s.address())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			if _, err := c.Write(request); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAtLeast(c, answer, 1); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "all rest", func() bool {
			s.conns.mu.Lock()
			defer s.conns.mu.Unlock()
			for c := range s.conns.open {
				if !c.atRest.Load() {
					return false
				}
			}
			return true
		})
		return inUse()
	}
	before := idle(400) // with what is there once, however many there are
	const n = 400
	each := (idle(n) - before) / n
	t.Logf("%d bytes for an idle connection", each)
	if each > 6_000 {
		t.Error("too much")
	}
}

// inUse returns the memory in heap and stacks, in bytes.
func inUse() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}
