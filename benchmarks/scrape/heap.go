package scrape

import (
	"context"
	"io"
)

// Collect makes the server collect its garbage. It needs --debug.pprof. The profile that
// comes with it is not read, and not asked for as text: that grows with every place that
// is found to allocate, for as long as the server runs, and is in memory there while it is sent.
func (s *Scraper) Collect(ctx context.Context) error {
	return s.get(ctx, "/debug/pprof/heap?gc=1", func(body io.Reader) error {
		_, err := io.Copy(io.Discard, body)
		return err
	})
}

// HeapLive returns the bytes that the last collection found in use.
func (m Metrics) HeapLive() int64 { return m.Sum("go_gc_heap_live_bytes") }

// HeapInUse returns the bytes of the spans that hold objects, garbage included.
func (m Metrics) HeapInUse() int64 {
	return m.Sum("go_memory_classes_heap_objects_bytes") + m.Sum("go_memory_classes_heap_unused_bytes")
}
