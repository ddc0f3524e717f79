package sqlite

import (
	"cmp"
	"slices"

	"stormdrain/internal/alert"
	"stormdrain/storage"
)

// run is a sequence of events, newest first, of which some are in memory.
type run struct {
	rows []storage.EventRow

	// for fill; unused for a run that is wholly in memory
	set   int64
	below alert.Cursor // what is not in memory is below
	next  int          // how many to read next; 0: there are no more
}

// runHeap is a heap.Interface over runs that are not empty: the one with the
// newest event is on top.
type runHeap []*run

func (h runHeap) Len() int           { return len(h) }
func (h runHeap) Less(i, j int) bool { return newestFirst(h[i].rows[0], h[j].rows[0]) < 0 }
func (h runHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *runHeap) Push(x any)        { *h = append(*h, x.(*run)) }

func (h *runHeap) Pop() any {
	last := len(*h) - 1
	r := (*h)[last]
	*h = (*h)[:last]
	return r
}

// newestFirst is the order of storage.Search.
func newestFirst(a, b storage.EventRow) int {
	return cmp.Or(
		cmp.Compare(b.ReceivedAt, a.ReceivedAt),
		cmp.Compare(b.Delivery, a.Delivery),
		cmp.Compare(b.Index, a.Index),
	)
}

func sortNewestFirst(rows []storage.EventRow) { slices.SortFunc(rows, newestFirst) }
