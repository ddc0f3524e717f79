package sqlite

import (
	"testing"

	"stormdrain/storage"
	"stormdrain/storage/storagetest"
)

func TestStore(t *testing.T) {
	storagetest.Exercise(t, func(t *testing.T) storage.Store { return open(t, temporary(t)) })
}
