// Package datadir owns the folder that the journal, the SQLite file and the
// quarantine live in: it creates the folder durably and keeps every other
// process out of it.
package datadir

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// lockName is the file that is locked. It is never removed: whoever removed it
// while another process opens it would leave two holders, each with a file of
// its own.
const lockName = "lock"

// Dir is a locked folder.
type Dir struct {
	path string

	mu   sync.Mutex
	lock *os.File // nil once closed
}

// InUseError says that another process holds the folder.
type InUseError struct {
	Path string
	PID  int // 0 when the holder has not written it yet
}

func (e *InUseError) Error() string {
	holder := ""
	if e.PID != 0 {
		holder = fmt.Sprintf(" (pid %d)", e.PID)
	}
	return fmt.Sprintf("data directory %q is in use by another stormdrain%s", e.Path, holder)
}

// Open creates the folder where it is missing, with mode 0750, and locks it.
// The lock ends with Close or with the process, however that dies. An
// *InUseError means that somebody else has it.
func Open(path string) (*Dir, error) {
	if err := create(path); err != nil {
		return nil, fmt.Errorf("create data directory %q: %w", path, err)
	}
	lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("lock data directory %q: %w", path, err)
	}
	if err := acquire(lock); err != nil {
		pid := readPID(lock)
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &InUseError{Path: path, PID: pid}
		}
		return nil, fmt.Errorf("lock data directory %q: %w", path, err)
	}
	if err := writePID(lock); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("write pid into %q: %w", lock.Name(), err)
	}
	return &Dir{path: path, lock: lock}, nil
}

// Path returns the folder as it was given to Open.
func (d *Dir) Path() string { return d.path }

// Close gives the folder back. Whatever writes into it must be closed first.
// It may be called twice.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lock == nil {
		return nil
	}
	err := d.lock.Close() // ends the lock: no other descriptor shares it
	d.lock = nil
	return err
}

// create makes path and its missing parents, and syncs the parent of each: a
// journal that was fsynced is still lost with a folder whose name never
// reached the disk.
func create(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return syscall.ENOTDIR
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	parent := filepath.Dir(filepath.Clean(path))
	if parent != path {
		if err := create(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o750); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return syncDir(parent)
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if errors.Is(err, os.ErrPermission) {
		return nil // a parent that we may pass through and not read
	}
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) { // a file system that knows no such sync
		return err
	}
	return nil
}

func acquire(lock *os.File) error {
	for {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func readPID(lock *os.File) int {
	b, err := io.ReadAll(io.LimitReader(lock, 32))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return pid
}

func writePID(lock *os.File) error {
	if err := lock.Truncate(0); err != nil {
		return err
	}
	_, err := lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}
