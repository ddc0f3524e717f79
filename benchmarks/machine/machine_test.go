package machine

import (
	"testing"
	"time"
)

func TestFileSystemOf(t *testing.T) {
	t.Parallel()
	const mounts = `25 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 25 0:25 / /tmp rw shared:1 - tmpfs tmpfs rw
31 25 0:26 / /tmporary rw - xfs /dev/vdb rw
32 30 0:27 / /tmp/in rw - btrfs /dev/vdc rw
33 32 0:28 / /tmp/in rw - f2fs /dev/vdd rw
`
	f := func(path, want string) {
		t.Helper()
		if got := fileSystemOf(mounts, path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	f("/", "ext4")
	f("/home/a", "ext4")
	f("/tmp", "tmpfs")
	f("/tmp/a", "tmpfs")
	f("/tmpor", "ext4")
	f("/tmporary/a", "xfs")
	f("/tmp/in/a", "f2fs")
	if got := fileSystemOf("", "/"); got != "unknown" {
		t.Errorf("without mounts: %s", got)
	}
}

func TestParseLoad(t *testing.T) {
	t.Parallel()
	l, err := parseLoad("cpu  100 10 50 9000 800 5 5 30 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n")
	if want := (Load{Busy: 1700 * time.Millisecond, Stolen: 300 * time.Millisecond}); err != nil || l != want {
		t.Errorf("got %+v, %v; want %+v", l, err, want)
	}
	if _, err := parseLoad("cpu 1 2\n"); err == nil {
		t.Error("half a line was taken")
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	m := Describe(t.TempDir())
	if m.Cores < 1 || m.MemoryBytes < 1<<20 || m.Kernel == "unknown" || m.FileSystem == "unknown" {
		t.Errorf("%+v", m)
	}
}
