//go:build !linux

package vfs

// Sync is a full fsync where there is no fdatasync.
func (f osFile) Sync() error { return f.File.Sync() }
