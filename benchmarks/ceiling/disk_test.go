package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"stormdrain/storage/journal/vfs"
)

// slowDisk is a file whose syncs wait to be let through.
type slowDisk struct {
	vfs.FS
	vfs.File
	syncing chan struct{} // one each, before
	syncs   chan error    // nil: the file's own
}

func (d *slowDisk) Create(name string) (f vfs.File, err error) {
	d.File, err = d.FS.Create(name)
	return d, err
}

func (d *slowDisk) Sync() error {
	if d.syncs != nil {
		d.syncing <- struct{}{}
		return <-d.syncs
	}
	return d.File.Sync()
}

func TestDisk(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "disk")
	d, err := openDisk(vfs.OS{}, name, 10)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, "", d) // five requests
	if err := d.close(); err != nil {
		t.Error(err)
	}
	b, err := os.ReadFile(name)
	if n := bytes.Count(b, []byte{1}); err != nil || n != 5*10*bytesPerAlert || len(b) != diskFile {
		t.Errorf("%d bytes of records in a file of %d, %v", n, len(b), err)
	}
	if _, err := openDisk(vfs.OS{}, name, 10); !errors.Is(err, os.ErrExist) {
		t.Errorf("a file that there is already: %v", err)
	}
}

// Nobody is answered before his record is durable, and what comes during an
// fdatasync shares the next one.
func TestDiskWaits(t *testing.T) {
	t.Parallel()
	slow := &slowDisk{FS: vfs.OS{}}
	d, err := openDisk(slow, filepath.Join(t.TempDir(), "disk"), 1)
	if err != nil {
		t.Fatal(err)
	}
	slow.syncing, slow.syncs = make(chan struct{}), make(chan error)
	first := make(chan error, 1)
	go func() { first <- d.append() }()
	<-slow.syncing
	var others sync.WaitGroup
	full := errors.New("no space left on device")
	for range 20 {
		others.Go(func() {
			if err := d.append(); !errors.Is(err, full) {
				t.Error(err)
			}
		})
	}
	for waiting := 0; waiting < 20; runtime.Gosched() {
		d.mu.Lock()
		waiting = d.pending
		d.mu.Unlock()
	}
	if len(first) > 0 {
		t.Error("answered before the fdatasync")
	}
	slow.syncs <- nil
	if err := <-first; err != nil {
		t.Error(err)
	}
	<-slow.syncing
	slow.syncs <- full // one for all twenty
	others.Wait()
	if err := d.close(); err != nil {
		t.Error(err)
	}
}
