package sqlite

import (
	"sync"
	"testing"

	"stormdrain/storage"
	"stormdrain/storage/storagetest"
)

func TestStore(t *testing.T) {
	t.Run("tail", func(t *testing.T) { t.Parallel(); exercise(t, defaultIndexEvery) })
	t.Run("runs", func(t *testing.T) { t.Parallel(); exercise(t, 100) })
}

func TestEpisodes(t *testing.T) {
	open := reopening(defaultIndexEvery)
	storagetest.ExerciseEpisodes(t, func(t *testing.T) storagetest.EpisodeStore { t.Helper(); return open(t) })
}

func exercise(t *testing.T, indexEvery int64) {
	open := reopening(indexEvery)
	storagetest.Exercise(t, func(t *testing.T) storage.Store { t.Helper(); return open(t) })
}

// reopening opens the same database again for the same test.
func reopening(indexEvery int64) func(t *testing.T) *Store {
	var mu sync.Mutex
	paths := map[*testing.T]string{}
	return func(t *testing.T) *Store {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if paths[t] == "" {
			paths[t] = temporary(t)
		}
		s, err := New(Config{Path: paths[t]})
		if err != nil {
			t.Fatal(err)
		}
		s.indexEvery = indexEvery
		return s
	}
}
