package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"stormdrain/internal/config"
	"stormdrain/internal/datadir"
)

// rebuildEpisodes is the command rebuild-episodes. SQLite's file is one process's, so
// the data folder must be free; beside Postgres servers may run: they see that what
// they had folded is not, and fold it again, too.
func rebuildEpisodes(ctx context.Context, cfg *config.Config, stdout io.Writer) (err error) {
	if !isPostgres(cfg.Storage.URL) {
		if err := storedBefore(cfg); err != nil {
			return err
		}
		dir, err := datadir.Open(cfg.Data.Dir)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, dir.Close()) }()
	}
	store, kind, err := openStore(cfg)
	if err != nil {
		return fmt.Errorf("storage.url: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	start := time.Now()
	if err := store.ForgetEpisodes(ctx); err != nil {
		return err
	}
	for more := true; more; {
		if more, err = store.Fold(ctx); err != nil {
			return fmt.Errorf("after %d events, the rest is folded when stormdrain runs again: %w", store.Folded(), err)
		}
	}
	_, err = fmt.Fprintf(stdout, "%s: %d events folded into episodes anew in %v\n", kind, store.Folded(), time.Since(start).Round(time.Millisecond))
	return err
}

// storedBefore refuses a folder without a store: to open one would make it, and say
// that all of its events, none, are folded.
func storedBefore(cfg *config.Config) error {
	path := sqlitePath(cfg)
	_, err := os.Stat(path)
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("look for the store: %w", err)
	case strings.HasPrefix(cfg.Storage.URL, "sqlite:"):
		return fmt.Errorf("there is no store %q: name with storage.url the file that stormdrain stores in", path)
	}
	return fmt.Errorf("there is no store in data directory %q (no %s): name with data.dir the one that stormdrain runs with", cfg.Data.Dir, filepath.Base(path))
}
