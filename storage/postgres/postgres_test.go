package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"testing"

	"stormdrain/internal/pgtest"
	"stormdrain/storage"
	"stormdrain/storage/storagetest"
)

// databases gives each test a database of its own on one cluster.
type databases struct {
	cluster *pgtest.Cluster

	mu   sync.Mutex
	urls map[string]string // by the name of the test
}

func newDatabases(t *testing.T) *databases {
	return &databases{cluster: pgtest.Start(t, pgtest.NoFsync), urls: map[string]string{}}
}

func (d *databases) url(t *testing.T) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	url, ok := d.urls[t.Name()]
	if !ok {
		sum := sha256.Sum256([]byte(t.Name()))
		url = d.cluster.CreateDatabase("t" + hex.EncodeToString(sum[:8]))
		d.urls[t.Name()] = url
	}
	return url
}

func (d *databases) config(t *testing.T) Config {
	t.Helper()
	cfg := DefaultConfig()
	cfg.URL = d.url(t)
	return cfg
}

func (d *databases) open(t *testing.T) *Store {
	t.Helper()
	return mustOpen(t, d.config(t))
}

func TestContract(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	storagetest.Exercise(t, func(t *testing.T) storage.Store { return d.open(t) })
}

// TestContractThroughTheIndex leaves all but the newest two rows of a window to
// the index by label set, and has the index over labels in tiny runs that are merged
// all the time.
func TestContractThroughTheIndex(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	storagetest.Exercise(t, func(t *testing.T) storage.Store {
		s := d.open(t)
		s.probeParts = 2
		s.merger.sizes = tinyRuns
		s.OnMergeFailure(func(err error) { t.Error(err) })
		return s
	})
}

func TestEpisodes(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	storagetest.ExerciseEpisodes(t, func(t *testing.T) storagetest.EpisodeStore { return d.open(t) })
}
