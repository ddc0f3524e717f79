package storage

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"stormdrain/internal/alert"
)

// RecordedBackend is what a store offers to SearchRecorded: a small read of its
// tables, finished when it returns.
type RecordedBackend interface {
	// RecordedBefore returns what has a key, newest first, by (At, Number)
	// descending. Fewer than w.Limit: there is no more.
	RecordedBefore(ctx context.Context, w RecordedWindow) ([]*alert.StoredRecorded, error)
}

// RecordedWindow asks for recorded events through the index on (key, At, Number).
type RecordedWindow struct {
	Key    int64
	From   int64                // At at or after
	Before alert.RecordedCursor // (At, Number) below

	// What else must hold; the key is a hash and decides nothing.
	Kinds    []string // empty: any
	Instance *string  // nil: any
	Silence  *string
	Limit    int
}

// recordedKey is 64 bits of a hash of what an event can be found by: senders
// choose all of it, so none of it is in a btree as it is.
func recordedKey(what byte, value string) int64 {
	h := sha256.New()
	h.Write([]byte{what})
	h.Write([]byte(value))
	var sum [sha256.Size]byte
	return int64(binary.BigEndian.Uint64(h.Sum(sum[:0])))
}

// everything is the key of every recorded event.
var everything = recordedKey('*', "")

func fingerprintKey(v uint64) int64 {
	return recordedKey('f', string(binary.BigEndian.AppendUint64(nil, v)))
}

// AppendRecordedKeys appends the keys that r is found by, ascending, each once.
func AppendRecordedKeys(dst []int64, r *alert.Recorded) []int64 {
	start := len(dst)
	dst = append(dst, everything, recordedKey('k', r.Kind), recordedKey('i', r.Instance))
	if r.Silence != "" {
		dst = append(dst, recordedKey('s', r.Silence))
	}
	for _, v := range r.Fingerprints {
		dst = append(dst, fingerprintKey(v))
	}
	slices.Sort(dst[start:])
	return dst[:start+len(slices.Compact(dst[start:]))]
}

// recordedWindows returns where to look: in one place, by what tells most, or in
// one for each kind.
func recordedWindows(q *alert.RecordedQuery) []RecordedWindow {
	w := RecordedWindow{
		Key: everything, From: storable(q.From), Before: alert.RecordedCursor{At: storable(q.To)},
		Kinds: q.Kinds, Instance: q.Instance, Silence: q.Silence,
	}
	if a := q.After; a != nil && storable(a.At) == a.At && a.At < w.Before.At {
		w.Before = *a
	} else if a != nil && a.At < FirstTime {
		w.Before.At = FirstTime // nothing comes after that
	}
	switch {
	case q.Fingerprint != nil:
		w.Key = fingerprintKey(*q.Fingerprint)
	case q.Silence != nil && *q.Silence != "":
		w.Key = recordedKey('s', *q.Silence)
	case len(q.Kinds) > 0:
		var all []RecordedWindow
		for _, kind := range slices.Compact(slices.Sorted(slices.Values(q.Kinds))) {
			w.Key, w.Kinds = recordedKey('k', kind), []string{kind}
			all = append(all, w)
		}
		return all
	case q.Instance != nil:
		w.Key = recordedKey('i', *q.Instance)
	}
	return []RecordedWindow{w}
}

// storable cuts a bound to what a store can be asked for.
func storable(micros int64) int64 { return min(max(micros, FirstTime), LastTime+1) }

// SearchRecorded is Recorder.Recorded for a store that is a RecordedBackend.
func SearchRecorded(ctx context.Context, b RecordedBackend, q *alert.RecordedQuery, yield func(*alert.StoredRecorded) error) error {
	m := recordedMerge{backend: b, limit: recordedPage}
	if q.Limit > 0 {
		m.limit = min(m.limit, q.Limit)
	}
	for _, w := range recordedWindows(q) {
		m.streams = append(m.streams, &recordedStream{window: w})
	}
	for given := 0; q.Limit == 0 || given < q.Limit; {
		r, err := m.next(ctx)
		if err != nil || r == nil {
			return err
		}
		if q.Fingerprint != nil && !slices.Contains(r.Fingerprints, *q.Fingerprint) {
			continue
		}
		if err := yield(r); err != nil {
			return err
		}
		given++
	}
	return nil
}

// The size of a page. A notification of ten thousand alerts is megabytes, so the
// number of rows follows from what the page before weighed.
const (
	recordedPage      = 128
	recordedPageMost  = 1000
	recordedPageBytes = 4 << 20
)

// recordedMerge makes one sequence of several windows.
type recordedMerge struct {
	backend RecordedBackend
	streams []*recordedStream
	limit   int // of the next page
}

type recordedStream struct {
	window RecordedWindow
	page   []*alert.StoredRecorded // not given out yet
	ended  bool
}

// next returns the newest event that is left; nil at the end.
func (m *recordedMerge) next(ctx context.Context) (*alert.StoredRecorded, error) {
	var newest *recordedStream
	for _, s := range m.streams {
		if err := m.fill(ctx, s); err != nil {
			return nil, err
		}
		if len(s.page) > 0 && (newest == nil || compareRecorded(s.page[0], newest.page[0]) > 0) {
			newest = s
		}
	}
	if newest == nil {
		return nil, nil
	}
	r := newest.page[0]
	newest.page = newest.page[1:]
	return r, nil
}

func compareRecorded(a, b *alert.StoredRecorded) int {
	return cmp.Or(cmp.Compare(a.At.Micros, b.At.Micros), cmp.Compare(a.Number, b.Number))
}

// fill reads the next page of a stream that has run dry.
func (m *recordedMerge) fill(ctx context.Context, s *recordedStream) (err error) {
	if len(s.page) > 0 || s.ended {
		return nil
	}
	s.window.Limit = m.limit
	if s.page, err = m.backend.RecordedBefore(ctx, s.window); err != nil {
		return err
	}
	s.ended = len(s.page) < m.limit
	bytes := 0
	for _, r := range s.page {
		bytes += len(r.Body)
		s.window.Before = r.Cursor()
	}
	if bytes > recordedPageBytes {
		m.limit = max(1, m.limit/2)
	} else {
		m.limit = min(2*m.limit, recordedPageMost)
	}
	return nil
}

// RecordedInOrder returns the events of a batch that a store is to insert: sorted by
// time and identity, which two stores that insert the same events at once need so
// as not to wait for each other, and each once.
func RecordedInOrder(events []alert.Recorded) []*alert.Recorded {
	sorted := make([]*alert.Recorded, len(events))
	for i := range events {
		sorted[i] = &events[i]
	}
	slices.SortStableFunc(sorted, func(a, b *alert.Recorded) int {
		return cmp.Or(cmp.Compare(a.At.Micros, b.At.Micros), cmp.Compare(a.At.Nanos, b.At.Nanos), slices.Compare(a.ID[:], b.ID[:]))
	})
	return slices.CompactFunc(sorted, func(a, b *alert.Recorded) bool { return a.At == b.At && a.ID == b.ID })
}

// AppendFingerprints appends fingerprints as the stores hold them, eight bytes each.
func AppendFingerprints(dst []byte, fingerprints []uint64) []byte {
	for _, v := range fingerprints {
		dst = binary.BigEndian.AppendUint64(dst, v)
	}
	return dst
}

// ReadFingerprints is the inverse of AppendFingerprints.
func ReadFingerprints(b []byte) (fingerprints []uint64) {
	for ; len(b) >= 8; b = b[8:] {
		fingerprints = append(fingerprints, binary.BigEndian.Uint64(b))
	}
	return fingerprints
}
