package main

import (
	"bytes"
	"sync"

	"stormdrain/storage/journal/vfs"
)

const (
	// bytesPerAlert is what stormdrain's journal takes for a known alert; see
	// "bytes in the journal per known alert" in benchmarks/results/latest.md.
	bytesPerAlert = 19
	diskFile      = 8 << 20 // written over and over
)

// disk makes a record of each request durable before it is answered: all that
// wait share the next fdatasync. It is the least that a server does which loses
// nothing, and so the ceiling for one.
type disk struct {
	file   vfs.File
	record []byte
	kick   chan struct{}
	ended  chan struct{}

	mu      sync.Mutex
	pending int // records
	batch   *batch
}

// batch is what one fdatasync makes durable. err is set before done is closed.
type batch struct {
	done chan struct{}
	err  error
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }

// openDisk fills the file first, so that later writes change its content alone,
// as those of stormdrain's journal do (docs/adr/0009).
func openDisk(fs vfs.FS, name string, alerts int) (*disk, error) {
	f, err := fs.Create(name)
	if err != nil {
		return nil, err
	}
	if _, err = f.WriteAt(make([]byte, diskFile), 0); err == nil {
		err = f.Sync()
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	d := &disk{
		file: f, record: bytes.Repeat([]byte{1}, max(alerts, 1)*bytesPerAlert),
		kick: make(chan struct{}, 1), ended: make(chan struct{}), batch: newBatch(),
	}
	go d.run()
	return d, nil
}

// append returns when a record is on the disk.
func (d *disk) append() error {
	d.mu.Lock()
	d.pending++
	b := d.batch
	d.mu.Unlock()
	select {
	case d.kick <- struct{}{}:
	default:
	}
	<-b.done
	return b.err
}

// close ends after the last append has.
func (d *disk) close() error {
	close(d.kick)
	<-d.ended
	return d.file.Close()
}

// take returns how many records wait, and whom to tell.
func (d *disk) take() (n int, b *batch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n = d.pending; n > 0 {
		b, d.pending, d.batch = d.batch, 0, newBatch()
	}
	return n, b
}

func (d *disk) run() {
	defer close(d.ended)
	at := int64(0)
	var buf []byte
	for range d.kick {
		n, b := d.take()
		if n == 0 {
			continue // taken already, together with those before
		}
		buf = buf[:0]
		for range n {
			buf = append(buf, d.record...)
		}
		if at+int64(len(buf)) > diskFile {
			at = 0
		}
		if _, b.err = d.file.WriteAt(buf, at); b.err == nil {
			b.err = d.file.Sync()
		}
		at += int64(len(buf))
		close(b.done)
	}
}
