// Package vfs is the little of a file system that the journal needs, so that a
// test can put a disk behind it that forgets, tears and refuses.
package vfs

import "io"

// FS is a file system. Errors are those of package os: errors.Is with
// fs.ErrNotExist and fs.ErrExist works. Safe for concurrent use.
type FS interface {
	// Create makes a new file for reading and writing; fs.ErrExist if there is one.
	Create(name string) (File, error)
	// Open opens an existing file for reading and writing.
	Open(name string) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	// List returns the names in dir, without the folder, sorted.
	List(dir string) ([]string, error)
	MkdirAll(dir string) error
	// SyncDir makes every Create, Rename and Remove in dir durable.
	SyncDir(dir string) error
}

// File is an open file. ReadAt and WriteAt lend their slices.
type File interface {
	io.ReaderAt
	io.WriterAt
	// Sync is fdatasync: nil means that content and length are on the disk.
	Sync() error
	Truncate(size int64) error
	Size() (int64, error)
	Close() error
}
