package journal

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"stormdrain/storage/journal/crashfs"
)

// The zeros that are written ahead are no damage: neither to the process that
// comes after a kill -9 nor, where they could not be cut, to any other.
func TestZerosAheadAreTheEnd(t *testing.T) {
	disk := crashfs.New(1)
	cfg := faultConfig(disk)
	cfg.SegmentBytes, cfg.ahead = 64<<10, 4000
	complain := func(what string) { t.Helper(); t.Errorf("%s, and nothing was wrong", what) }
	cfg.Observer.TornTail = func(uint64, int64) { complain("a torn tail was cut") }
	cfg.Observer.Damaged = func(uint64, string, error) { complain("damage was reported") }

	j := mustOpen(t, cfg)
	seen := &dictionary{}
	mustAppend(t, j, seen, "1")
	mustAppend(t, j, seen, "2")
	segment := lastSegment(t, cfg, disk)
	if b := disk.Bytes(segment); len(b) < 4000 || !bytes.HasSuffix(b, make([]byte, 3000)) {
		t.Fatalf("the segment has %d bytes; zeros were to be written ahead", len(b))
	}

	disk = disk.Kill()
	cfg.FS = disk
	j = mustOpen(t, cfg)
	if b := disk.Bytes(segment); len(b) >= 4000 {
		t.Errorf("%d bytes after the start; the zeros were to be cut", len(b))
	}
	mustAppend(t, j, &dictionary{}, "3")
	disk.SetBytes(segment, append(disk.Bytes(segment), make([]byte, 5000)...)) // as if they were still there
	mustClose(t, j)

	j = mustOpen(t, cfg)
	if got := strings.Join(readAll(t, j, 0), ","); got != "1 w 1,2 w 2,3 w 3" {
		t.Errorf("read %q", got)
	}
}

// A crash in the middle of a write leaves torn bytes and the zeros behind them:
// only the bytes are torn.
func TestTornBytesBeforeZeros(t *testing.T) {
	disk := crashfs.New(1)
	cfg := faultConfig(disk)
	cfg.SegmentBytes, cfg.ahead = 64<<10, 4000
	j := mustOpen(t, cfg)
	mustAppend(t, j, &dictionary{}, "1")
	end := lastSegmentEnd(j)
	segment := lastSegment(t, cfg, disk)
	disk = disk.Kill()
	b := disk.Bytes(segment)
	copy(b[end:], "torn")
	disk.SetBytes(segment, b)

	var torn int64
	cfg.FS = disk
	cfg.Observer.TornTail = func(_ uint64, n int64) { torn += n }
	j = mustOpen(t, cfg)
	if torn != 4 {
		t.Errorf("%d bytes were torn, want 4", torn)
	}
	if got := strings.Join(readAll(t, j, 0), ","); got != "1 w 1" {
		t.Errorf("read %q", got)
	}
}

func lastSegment(t *testing.T, cfg Config, disk *crashfs.FS) string {
	t.Helper()
	name := ""
	for _, file := range disk.Files(cfg.Dir) {
		if strings.HasSuffix(file, suffix) {
			name = file
		}
	}
	if name == "" {
		t.Fatal("no segment")
	}
	if filepath.Dir(name) == "." {
		name = filepath.Join(cfg.Dir, name)
	}
	return name
}

func lastSegmentEnd(j *Journal) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.segs[len(j.segs)-1].end
}
