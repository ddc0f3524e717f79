package storage

import "context"

// shelf holds rows that the events of a page refer to, so that each is loaded
// once and not once per event. It is emptied when it holds more than budget, so
// its memory is bounded by that and one group of events.
type shelf[K comparable, V any] struct {
	load   func(context.Context, []K) (map[K]V, error)
	size   func(V) int // bytes, roughly
	budget int

	held    map[K]V
	bytes   int
	missing map[K]struct{} // scratch of need
}

func newShelf[K comparable, V any](load func(context.Context, []K) (map[K]V, error), size func(V) int, budget int) *shelf[K, V] {
	return &shelf[K, V]{load: load, size: size, budget: budget, held: map[K]V{}, missing: map[K]struct{}{}}
}

// need makes get find the rows of all keys, and returns how many bytes it
// loaded for that. What get found before may be gone.
func (s *shelf[K, V]) need(ctx context.Context, keys []K) (loaded int, err error) {
	if s.bytes > s.budget {
		clear(s.held)
		s.bytes = 0
	}
	clear(s.missing)
	for _, k := range keys {
		if _, ok := s.held[k]; !ok {
			s.missing[k] = struct{}{}
		}
	}
	if len(s.missing) == 0 {
		return 0, nil
	}
	ask := make([]K, 0, len(s.missing))
	for k := range s.missing {
		ask = append(ask, k)
	}
	rows, err := s.load(ctx, ask)
	if err != nil {
		return 0, err
	}
	before := s.bytes
	for k, v := range rows {
		s.put(k, v)
	}
	return s.bytes - before, nil
}

// put adds a row that the caller has loaded.
func (s *shelf[K, V]) put(k K, v V) {
	s.held[k] = v
	s.bytes += s.size(v)
}

func (s *shelf[K, V]) get(k K) (V, bool) {
	v, ok := s.held[k]
	return v, ok
}
