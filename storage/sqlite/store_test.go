package sqlite

import (
	"testing"

	"stormdrain/storage"
	"stormdrain/storage/storagetest"
)

func TestStore(t *testing.T) {
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
		return s
	})
}
