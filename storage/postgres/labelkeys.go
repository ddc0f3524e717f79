package postgres

import (
	"stormdrain/internal/alert"
	"stormdrain/storage"
	"stormdrain/storage/postgres/runs"
)

// How label sets are found by what is in them: the fingerprint and each label of a
// set is a key of it in the index, which consists of runs. A transaction that
// writes label sets writes a run for them, so that a set that is there is in the
// index; see merging.go for what becomes of the runs.

// addKeys adds a label set to the runs of a transaction.
func addKeys(b *runs.Builder, number int64, content []byte) {
	f := alert.FieldsOf(content)
	fingerprint, labels := f.Uint64(), f.Pairs()
	b.Set(number)
	b.Key(runs.KeyOf(fingerprint))
	for range labels {
		b.Key(labelKey(f.Next(), f.Next()))
	}
}

// labelKey is how a label is found: FNV-1a 64 over the name, 0xff, which UTF-8 has
// not, and the value.
func labelKey[T string | []byte](name, value T) runs.Key {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * prime
	}
	h = (h ^ 0xff) * prime
	for i := range len(value) {
		h = (h ^ uint64(value[i])) * prime
	}
	return runs.KeyOf(h)
}

// keysOf returns keys that every label set has which is not left out. None: there
// is no telling.
func keysOf(n storage.Narrowing) (keys []runs.Key) {
	if n.Fingerprint != nil {
		keys = append(keys, runs.KeyOf(*n.Fingerprint))
	}
	for i := range n.Equal {
		keys = append(keys, labelKey(n.Equal[i].Name, n.Equal[i].Value))
	}
	return keys
}
