package sqlite

import (
	"testing"

	"stormdrain/storage"
	"stormdrain/storage/storagetest"
)

func TestStore(t *testing.T) {
	t.Run("tail", func(t *testing.T) { t.Parallel(); exercise(t, defaultIndexEvery) })
	t.Run("runs", func(t *testing.T) { t.Parallel(); exercise(t, 100) })
}

func exercise(t *testing.T, indexEvery int64) {
	paths := map[*testing.T]string{} // the same test opens the same database again
	storagetest.Exercise(t, func(t *testing.T) storage.Store {
		t.Helper()
		if paths[t] == "" {
			paths[t] = temporary(t)
		}
		s, err := New(Config{Path: paths[t]})
		if err != nil {
			t.Fatal(err)
		}
		s.indexEvery = indexEvery
		return s
	})
}
