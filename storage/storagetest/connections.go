package storagetest

import (
	"testing"

	"stormdrain/storage"
)

// testConnections looks at what the metrics show: a connection that was used is
// there for the next one, and none is left when the store is closed.
func testConnections(t *testing.T, open func(*testing.T) storage.Store) {
	s := setup(t, open)
	if err := s.store.Ping(s.ctx); err != nil {
		t.Fatal(err)
	}
	if c := s.store.Connections(); c.Busy != 0 || c.Idle < 1 || c.Most < c.Idle {
		t.Errorf("after use: %+v, want none busy and at least one idle", c)
	}
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	if c := s.store.Connections(); c.Busy != 0 || c.Idle != 0 {
		t.Errorf("after Close: %+v", c)
	}
}
