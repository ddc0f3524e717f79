// Package crashfs is a disk in memory for tests: it forgets, tears and
// reorders what was not synced when the power goes, and refuses on request. All
// of it follows from a seed and from the order of the operations.
package crashfs

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"stormdrain/storage/journal/vfs"
)

// ErrCrashed is returned by every operation once the power is gone.
var ErrCrashed = errors.New("crashfs: power is off")

// ErrShort, given to FailAt or FailWith, makes a write stop half way without an error.
var ErrShort = errors.New("crashfs: short write")

// FS is one disk and the page cache over it. It implements vfs.FS.
type FS struct {
	mu   sync.Mutex
	rng  *rand.Rand
	live map[string]*inode // the name space as processes see it
	disk map[string]*inode // as it is after a crash, but for the log
	log  []change          // of names, not synced yet
	dirs map[string]bool

	ops     int // so far
	crashAt int // the operation at which the power goes, 0 for never
	crashed bool
	failAt  map[int]error
	failP   float64
	failErr []error
	held    chan struct{} // syncs wait for it; nil: they do not
}

// change is one change of names. A rename is one change: it happens or not.
type change struct {
	dir, remove, add string
	node             *inode
}

// New returns an empty disk.
func New(seed uint64) *FS {
	return &FS{
		rng:  rand.New(rand.NewPCG(seed, 0x5eed)),
		live: map[string]*inode{}, disk: map[string]*inode{}, dirs: map[string]bool{}, failAt: map[int]error{},
	}
}

// Ops returns how many operations there were.
func (f *FS) Ops() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ops
}

// CrashAt lets the power go during the n-th operation from now, from 1; 0 for never.
func (f *FS) CrashAt(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.crashAt = 0
	if n > 0 {
		f.crashAt = f.ops + n
	}
}

// Crashed reports whether the power is gone.
func (f *FS) Crashed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.crashed
}

// FailAt makes the n-th operation from now, from 1, fail with err.
func (f *FS) FailAt(n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failAt[f.ops+n] = err
}

// FailWith makes each operation fail with probability p and one of errs. 0 ends it.
func (f *FS) FailWith(p float64, errs ...error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failP, f.failErr = p, errs
}

// HoldSyncs makes every Sync of a file wait until release is called.
func (f *FS) HoldSyncs() (release func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	held := make(chan struct{})
	f.held = held
	return sync.OnceFunc(func() {
		f.mu.Lock()
		f.held = nil
		f.mu.Unlock()
		close(held)
	})
}

// Crash cuts the power and returns the disk as the next start finds it. Every
// operation on f fails from now on.
func (f *FS) Crash() *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.crashed = true
	names := map[string]*inode{}
	for name, n := range f.disk {
		names[name] = n
	}
	for _, c := range f.log {
		if f.rng.IntN(2) == 0 {
			c.apply(names)
		}
	}
	next := f.successor()
	for _, name := range slices.Sorted(maps.Keys(names)) { // so that the seed alone decides
		after := names[name].afterCrash(f.rng)
		next.live[name], next.disk[name] = after, after
	}
	return next
}

// Kill ends the process but not the machine: f fails from now on, and the FS
// that it returns has everything, but as little of it on the disk as before.
func (f *FS) Kill() *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.crashed = true
	next := f.successor()
	next.live, next.disk, next.log = f.live, f.disk, f.log
	return next
}

func (f *FS) successor() *FS {
	next := New(f.rng.Uint64())
	for d := range f.dirs {
		next.dirs[d] = true
	}
	return next
}

// Files returns the names of all files under dir, sorted.
func (f *FS) Files(dir string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for name := range f.live {
		if strings.HasPrefix(name, filepath.Clean(dir)+"/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Bytes returns a copy of a file's content, nil when there is none. Not an operation.
func (f *FS) Bytes(name string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.live[filepath.Clean(name)]
	if n == nil {
		return nil
	}
	return slices.Clone(n.live)
}

// SetBytes replaces or makes a file, durably: how a test damages what is there.
func (f *FS) SetBytes(name string, b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := &inode{live: slices.Clone(b), disk: slices.Clone(b)}
	f.live[filepath.Clean(name)], f.disk[filepath.Clean(name)] = n, n
}

// begin counts an operation and says what is to become of it.
func (f *FS) begin() error {
	if f.crashed {
		return ErrCrashed
	}
	f.ops++
	if f.ops == f.crashAt {
		f.crashed = true
		return ErrCrashed
	}
	if err := f.failAt[f.ops]; err != nil {
		delete(f.failAt, f.ops)
		return err
	}
	if f.failP > 0 && f.rng.Float64() < f.failP {
		return f.failErr[f.rng.IntN(len(f.failErr))]
	}
	return nil
}

// op runs one operation that cannot be done by halves. ErrShort makes no sense
// for it and is an I/O error.
func (f *FS) op(what, name string, do func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.begin()
	if err == nil {
		err = do()
	}
	if err != nil {
		return &fs.PathError{Op: what, Path: name, Err: err}
	}
	return nil
}

// change notes a change of names, which SyncDir makes durable.
func (f *FS) change(c change) {
	c.apply(f.live)
	f.log = append(f.log, c)
}

func (c change) apply(names map[string]*inode) {
	if c.remove != "" {
		delete(names, c.remove)
	}
	if c.add != "" {
		names[c.add] = c.node
	}
}

// Create implements vfs.FS.
func (f *FS) Create(name string) (file vfs.File, err error) {
	name = filepath.Clean(name)
	err = f.op("create", name, func() error {
		if f.live[name] != nil {
			return fs.ErrExist
		}
		if !f.dirs[filepath.Dir(name)] {
			return fs.ErrNotExist
		}
		n := &inode{}
		f.change(change{dir: filepath.Dir(name), add: name, node: n})
		file = &handle{fs: f, node: n, name: name}
		return nil
	})
	return file, err
}

// Open implements vfs.FS.
func (f *FS) Open(name string) (file vfs.File, err error) {
	name = filepath.Clean(name)
	err = f.op("open", name, func() error {
		n := f.live[name]
		if n == nil {
			return fs.ErrNotExist
		}
		file = &handle{fs: f, node: n, name: name}
		return nil
	})
	return file, err
}

// Rename implements vfs.FS.
func (f *FS) Rename(from, to string) error {
	from, to = filepath.Clean(from), filepath.Clean(to)
	return f.op("rename", from, func() error {
		n := f.live[from]
		if n == nil {
			return fs.ErrNotExist
		}
		f.change(change{dir: filepath.Dir(from), remove: from, add: to, node: n})
		return nil
	})
}

// Remove implements vfs.FS.
func (f *FS) Remove(name string) error {
	name = filepath.Clean(name)
	return f.op("remove", name, func() error {
		if f.live[name] == nil {
			return fs.ErrNotExist
		}
		f.change(change{dir: filepath.Dir(name), remove: name})
		return nil
	})
}

// List implements vfs.FS.
func (f *FS) List(dir string) (names []string, err error) {
	dir = filepath.Clean(dir)
	err = f.op("list", dir, func() error {
		if !f.dirs[dir] {
			return fs.ErrNotExist
		}
		for name := range f.live {
			if filepath.Dir(name) == dir {
				names = append(names, filepath.Base(name))
			}
		}
		slices.Sort(names)
		return nil
	})
	return names, err
}

// MkdirAll implements vfs.FS. Folders are durable at once.
func (f *FS) MkdirAll(dir string) error {
	dir = filepath.Clean(dir)
	return f.op("mkdir", dir, func() error {
		for d := dir; !f.dirs[d]; d = filepath.Dir(d) {
			f.dirs[d] = true
		}
		return nil
	})
}

// SyncDir implements vfs.FS.
func (f *FS) SyncDir(dir string) error {
	dir = filepath.Clean(dir)
	return f.op("syncdir", dir, func() error {
		f.log = slices.DeleteFunc(f.log, func(c change) bool {
			if c.dir != dir {
				return false
			}
			c.apply(f.disk)
			return true
		})
		return nil
	})
}
