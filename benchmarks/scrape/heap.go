package scrape

import (
	"context"
	"errors"
	"io"
)

// Heap is what the server's Go heap holds.
type Heap struct {
	Live  int64 // bytes that the last collection found in use
	InUse int64 // bytes of spans that hold objects, garbage included
}

// Collect makes the server collect its garbage. It needs --debug.pprof. The profile that
// comes with it is not read, and not asked for as text: that grows with every place that
// is found to allocate, for as long as the server runs, and is in memory there while it is sent.
func (s *Scraper) Collect(ctx context.Context) error {
	return s.get(ctx, "/debug/pprof/heap?gc=1", func(body io.Reader) error {
		_, err := io.Copy(io.Discard, body)
		return err
	})
}

// Heap returns what the metrics say of it; that they say nothing is an error.
func (m Metrics) Heap() (Heap, error) {
	h := Heap{
		Live:  m.Sum("go_gc_heap_live_bytes"),
		InUse: m.Sum("go_memory_classes_heap_objects_bytes") + m.Sum("go_memory_classes_heap_unused_bytes"),
	}
	if h.Live == 0 || h.InUse == 0 {
		return Heap{}, errors.New("the metrics have no go_gc_heap_live_bytes or no go_memory_classes_heap_objects_bytes")
	}
	return h, nil
}
