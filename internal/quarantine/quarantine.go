// Package quarantine keeps what cannot be stored, in files that a person can
// read. Nothing in the program ever reads them back.
//
//	bodies/20261123T220102.123456Z-000001.body   a refused body, byte for byte
//	bodies/20261123T220102.123456Z-000001.json   when, from whom, and why
//	alerts/<journal>-<position>.ndjson           what was rejected of one delivery
//
// A refused body was answered with 400, so its sender knows; bodies are bounded
// in bytes and the oldest make room for the newest. A rejected alert was part of
// a delivery that was answered with 200, so the file is all that is left of it:
// those are never evicted. Each line of an alerts file is one object:
//
//	journal, position, index   which element of which delivery; index -1 stands
//	                           for a delivery that could not be read as a whole
//	reason                     why it could not be stored
//	receivedAt, source, requestId
//	alert                      the element as it was sent, or
//	alertBase64                its bytes, where they are not valid JSON in UTF-8;
//	                           event and eventBase64 for an event of a recorder
package quarantine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Quarantine is one directory. It is safe for concurrent use.
type Quarantine struct {
	bodies string // directories
	alerts string

	maxBytes int64 // of bodies with their metadata, as they occupy the disk

	mu     sync.Mutex
	kept   []keptBody // oldest first
	used   int64      // sum over kept
	serial uint64     // of the last body kept

	alertsMu sync.Mutex // one file of alerts is put together at a time
}

// Open makes the directory where it is missing and counts what is there.
// maxBytes bounds the refused bodies; 0 keeps none.
func Open(dir string, maxBytes int64) (*Quarantine, error) {
	q := &Quarantine{
		bodies:   filepath.Join(dir, "bodies"),
		alerts:   filepath.Join(dir, "alerts"),
		maxBytes: maxBytes,
	}
	for _, d := range []string{q.bodies, q.alerts} {
		if err := os.MkdirAll(d, 0o750); err != nil {
			return nil, fmt.Errorf("make quarantine: %w", err)
		}
		if err := removeUnfinished(d); err != nil {
			return nil, fmt.Errorf("open quarantine: %w", err)
		}
	}
	// The directories themselves must outlive a power cut, or what is fsynced
	// into them does not.
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := syncDir(d); err != nil {
			return nil, fmt.Errorf("open quarantine: %w", err)
		}
	}
	if err := q.countBodies(); err != nil {
		return nil, fmt.Errorf("count quarantine: %w", err)
	}
	return q, nil
}

const unfinished = ".unfinished"

func removeUnfinished(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), unfinished) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// writeFile writes and fsyncs a file that must not be seen half-written: it
// gets its name last. The name is durable once the directory is fsynced too.
func writeFile(path string, parts ...[]byte) (err error) {
	temporary := path + unfinished
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(temporary) // best effort: the next start does it again
		}
	}()
	for _, p := range parts {
		if _, err = f.Write(p); err != nil {
			f.Close()
			return err
		}
	}
	if err = f.Sync(); err != nil {
		f.Close()
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}
