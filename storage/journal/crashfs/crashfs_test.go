package crashfs

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"stormdrain/storage/journal/vfs"
)

func mustCreate(t *testing.T, f *FS, name string) vfs.File {
	t.Helper()
	if err := f.MkdirAll("/d"); err != nil {
		t.Fatal(err)
	}
	file, err := f.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func mustWrite(t *testing.T, file vfs.File, b []byte, off int64) {
	t.Helper()
	if _, err := file.WriteAt(b, off); err != nil {
		t.Fatal(err)
	}
}

// What was synced is there after a crash; of what was not, over many seeds,
// anything may be.
func TestCrashForgets(t *testing.T) {
	old, young := bytes.Repeat([]byte("o"), 1500), bytes.Repeat([]byte("n"), 1500)
	outcomes := map[string]bool{}
	for seed := range uint64(300) {
		f := New(seed)
		file := mustCreate(t, f, "/d/synced")
		mustWrite(t, file, old, 0)
		if err := errors.Join(file.Sync(), f.SyncDir("/d")); err != nil {
			t.Fatal(err)
		}
		mustWrite(t, file, young, 1500)
		mustCreate(t, f, "/d/forgotten")
		after := f.Crash()
		b := after.Bytes("/d/synced")
		if !bytes.HasPrefix(b, old) {
			t.Fatalf("seed %d: synced bytes are gone", seed)
		}
		if _, err := file.WriteAt(old, 0); !errors.Is(err, ErrCrashed) {
			t.Fatalf("seed %d: a write after the crash: %v", seed, err)
		}
		outcomes[string(b)] = true
		outcomes[string(rune(len(after.Files("/d"))))] = true
	}
	if len(outcomes) < 20 || !outcomes["\x01"] || !outcomes["\x02"] || !outcomes[string(old)] || !outcomes[string(old)+string(young)] {
		t.Errorf("%d outcomes are too few", len(outcomes))
	}
}

// A Sync that failed is not made good by one that works: Linux drops the pages.
func TestFailedSyncIsNotRepeated(t *testing.T) {
	lost := 0
	for seed := range uint64(100) {
		f := New(seed)
		file := mustCreate(t, f, "/d/f")
		if err := f.SyncDir("/d"); err != nil {
			t.Fatal(err)
		}
		mustWrite(t, file, []byte("content"), 0)
		f.FailAt(1, syscall.EIO)
		if err := file.Sync(); !errors.Is(err, syscall.EIO) {
			t.Fatal(err)
		}
		if err := file.Sync(); err != nil {
			t.Fatal(err)
		}
		if string(f.Bytes("/d/f")) != "content" {
			t.Fatal("the cache forgot it too early")
		}
		if string(f.Crash().Bytes("/d/f")) != "content" {
			lost++
		}
	}
	if lost < 20 {
		t.Errorf("lost %d times in 100", lost)
	}
}

// Kill keeps what the machine has in memory, and no more of it on the disk.
func TestKillKeepsTheCache(t *testing.T) {
	lost := 0
	for seed := range uint64(100) {
		f := New(seed)
		file := mustCreate(t, f, "/d/f")
		mustWrite(t, file, []byte("content"), 0)
		f = f.Kill()
		if string(f.Bytes("/d/f")) != "content" {
			t.Fatal("gone with the process")
		}
		if string(f.Crash().Bytes("/d/f")) != "content" {
			lost++
		}
	}
	if lost == 0 {
		t.Error("never lost")
	}
}
