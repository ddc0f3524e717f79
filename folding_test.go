package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stormdrain/internal/alert"
	"stormdrain/internal/config"
	"stormdrain/storage"
)

// episodes reads what is folded, and how often each alert was received.
func (p *parts) episodes() map[string]int64 {
	p.t.Helper()
	store, _, err := openStore(&p.cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	defer store.Close()
	receipts := map[string]int64{}
	q := &alert.EpisodeQuery{From: math.MinInt64, To: math.MaxInt64}
	err = store.(storage.EpisodeReader).Episodes(context.Background(), q, func(e *alert.Episode) error {
		receipts[alert.Value(e.Labels.Labels, "n")] += e.Receipts
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return receipts
}

// wantFolded wants send(0, n) in episodes, each event once.
func (p *parts) wantFolded(n int) {
	p.t.Helper()
	got := p.episodes()
	if len(got) != n+1 || got["same"] != int64(n) {
		p.t.Errorf("%d alerts have episodes, the same one was received %d times; want %d and %d", len(got), got["same"], n+1, n)
	}
}

// What was stored is folded when the program has ended, whenever the last fold was due.
func TestAllIsFoldedAtTheEnd(t *testing.T) {
	t.Parallel()
	p := openParts(t, t.TempDir(), nil)
	p.send(0, 40)
	p.close()
	p.wantFolded(40)
	if folded := p.counts.foldedSoFar(); folded != 80 {
		t.Errorf("the observer has counted %d events, want 80", folded)
	}
}

// Folds that fail do not keep events from being stored, and are made up for, also by
// the next process.
func TestStoringGoesOnWhileFoldingFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := openParts(t, dir, func(_ *config.Config, s *troubledStore) { s.unfolded.Store(true) })
	p.send(0, 40)
	p.close()
	p.wantStored(40)
	if got := p.episodes(); len(got) != 0 {
		t.Fatalf("%d alerts are folded, though every fold has failed", len(got))
	}

	p = openParts(t, dir, func(_ *config.Config, s *troubledStore) { s.beforeFold = every(2) })
	p.counts.waitFolded(t, 80)
	p.send(40, 50)
	p.counts.waitFolded(t, 100)
	p.close()
	p.wantFolded(50)
}

// Where so much is new that a fold is due at once, storing does not wait for it.
func TestStoringGoesOnBesideAFold(t *testing.T) {
	t.Parallel()
	began, stored, hold := make(chan struct{}, 1), make(chan struct{}, 10), make(chan struct{})
	p := openParts(t, t.TempDir(), func(_ *config.Config, s *troubledStore) {
		s.beforeFold = func() error {
			if s.full.Load() {
				began <- struct{}{}
				<-hold
			}
			return nil
		}
		s.after = func() error { stored <- struct{}{}; return nil }
	})
	wait := func(c chan struct{}, what string) {
		t.Helper()
		select {
		case <-c:
		case <-t.Context().Done():
			t.Fatal(what)
		}
	}
	p.send(0, 1)
	wait(stored, "nothing is stored")
	p.counts.waitFolded(t, 2)
	p.store.full.Store(true)
	p.send(1, 2)
	wait(stored, "nothing more is stored")
	wait(began, "no fold has begun")
	p.send(2, 3)
	wait(stored, "storing waits for the fold")
	p.store.full.Store(false)
	close(hold)
	p.close()
	p.wantStored(3)
	p.wantFolded(3)
}

func TestRebuildEpisodes(t *testing.T) {
	t.Parallel()
	p := openParts(t, t.TempDir(), nil)
	p.send(0, 30)
	p.close()
	var out strings.Builder
	if err := rebuildEpisodes(t.Context(), &p.cfg, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "sqlite: 60 events folded into episodes anew in ") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("it says %q", out.String())
	}
	p.wantFolded(30)
}

// A folder that stormdrain has not stored in is named, and left as it was.
func TestRebuildOfNothing(t *testing.T) {
	t.Parallel()
	var cfg config.Config
	cfg.Data.Dir = filepath.Join(t.TempDir(), "wrong")
	err := rebuildEpisodes(t.Context(), &cfg, io.Discard)
	if err == nil || !strings.Contains(err.Error(), cfg.Data.Dir) || !strings.Contains(err.Error(), "data.dir") {
		t.Errorf("a data directory without a store: %v", err)
	}
	if _, err := os.Stat(cfg.Data.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is there now: %v", err)
	}
	cfg.Storage.URL = "sqlite:" + filepath.Join(t.TempDir(), "none.db")
	if err := rebuildEpisodes(t.Context(), &cfg, io.Discard); err == nil || !strings.Contains(err.Error(), "none.db") {
		t.Errorf("a file that is not there: %v", err)
	}
}
