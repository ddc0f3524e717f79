package scrape

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Heap is what the server's Go heap holds just after a collection.
type Heap struct {
	Live  int64 // of objects that are reachable
	InUse int64 // of spans that hold at least one of them
}

// Collect makes the server collect its garbage and asks what is left. It needs
// --debug.pprof.
func (s *Scraper) Collect(ctx context.Context) (h Heap, err error) {
	err = s.get(ctx, "/debug/pprof/heap?gc=1&debug=1", func(body io.Reader) error {
		h, err = parseHeap(body)
		return err
	})
	return h, err
}

// parseHeap reads the end of a heap profile in text: "# HeapAlloc = 1".
func parseHeap(r io.Reader) (h Heap, err error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		name, value, _ := strings.Cut(strings.TrimPrefix(in.Text(), "# "), " = ")
		switch name {
		case "HeapAlloc":
			h.Live, err = strconv.ParseInt(value, 10, 64)
		case "HeapInuse":
			h.InUse, err = strconv.ParseInt(value, 10, 64)
		}
		if err != nil {
			return Heap{}, err
		}
	}
	if in.Err() == nil && (h.Live == 0 || h.InUse == 0) {
		return Heap{}, fmt.Errorf("no HeapAlloc or no HeapInuse in the profile")
	}
	return h, in.Err()
}
