package journal

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"stormdrain/storage/journal/crashfs"
)

// TestEveryOperationFailsInTurn lets each I/O operation of a run fail once, in
// each of the ways a disk has, and then cuts the power.
func TestEveryOperationFailsInTurn(t *testing.T) {
	operations := faultyRun(t, 0, nil)
	if operations < 400 {
		t.Fatalf("only %d operations: the run does not do what it should", operations)
	}
	step := 1
	if raceEnabled || testing.Short() {
		step = 7
	}
	for _, err := range []error{syscall.EIO, syscall.ENOSPC, crashfs.ErrShort} {
		for n := 1; n <= operations; n += step {
			if faultyRun(t, n, err); t.Failed() {
				t.Fatalf("operation %d of %d: %v", n, operations, err)
			}
		}
	}
}

func faultConfig(disk *crashfs.FS) Config {
	cfg := DefaultConfig()
	cfg.Dir, cfg.FS, cfg.SegmentBytes = "/data/journal", disk, 2000
	cfg.ahead = 600
	return cfg
}

// faultyRun makes 200 deliveries, each tried until it is accepted as a sender
// does, while operation n fails, and returns the number of operations.
func faultyRun(t *testing.T, n int, fault error) (operations int) {
	synctest.Test(t, func(t *testing.T) {
		disk := crashfs.New(uint64(n))
		if n > 0 {
			disk.FailAt(n, fault)
		}
		j, err := Open(faultConfig(disk))
		if err != nil && n > 0 { // the directory could not be used: the owner starts it again
			j, err = Open(faultConfig(disk))
		}
		if err != nil {
			t.Fatal(err)
		}
		refused := 0
		var want []string
		seen := &dictionary{}
		for i := range 200 {
			f := &text{word: fmt.Sprint("w", i%5), rest: fmt.Sprint("r", i), seen: seen}
			seq, err := j.Append(f, true)
			for ; err != nil && refused < 10; refused++ {
				time.Sleep(2 * minRetry)
				seq, err = j.Append(f, true)
			}
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, fmt.Sprintf("%d %s %s", seq, f.word, f.rest))
			if i == 100 {
				j.Stored(50)
			}
		}
		if refused > 2 {
			t.Errorf("%d appends were refused for one fault", refused)
		}
		if err := j.Ready(); err != nil {
			t.Errorf("not ready after the fault: %v", err)
		}
		compare(t, "live", readPatiently(t, j, 50), want[50:])
		mustClose(t, j)
		operations = disk.Ops()

		after := disk.Crash()
		j, err = Open(faultConfig(after))
		if err != nil {
			t.Fatal(err)
		}
		compare(t, "after the crash", readPatiently(t, j, 50), want[50:])
		mustClose(t, j)
	})
	return operations
}

func compare(t *testing.T, when string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("%s: %d frames, want %d; the first difference is at %d", when, len(got), len(want), i)
			return
		}
	}
}

// readPatiently is readAll for a disk on which a read may fail.
func readPatiently(t *testing.T, j *Journal, after uint64) (out []string) {
	t.Helper()
	h := &history{t: t}
	frames, err := h.collect(j, after, nil)
	for tries := 0; err != nil && tries < 2; tries++ {
		frames, err = h.collect(j, after, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		out = append(out, fmt.Sprintf("%d %s", f.seq, f.what))
	}
	return out
}

// A disk that refuses everything for a while must neither be hammered nor given up.
func TestDiskThatRefusesEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := crashfs.New(1)
		failures := 0
		cfg := faultConfig(disk)
		cfg.Observer.Failed = func(*SegmentError) { failures++ }
		j := mustOpen(t, cfg)
		seen := &dictionary{}
		f := &text{word: "w", rest: "r", seen: seen}
		if _, err := j.Append(f, true); err != nil {
			t.Fatal(err)
		}
		disk.FailWith(1, syscall.ENOSPC)
		for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(time.Millisecond) {
			_, err := j.Append(f, true)
			var failed *SegmentError
			if !errors.As(err, &failed) || !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("append on a full disk: %v", err)
			}
		}
		if err := j.Ready(); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("ready on a full disk: %v", err)
		}
		if failures > 80 {
			t.Errorf("%d attempts in a minute", failures)
		}
		disk.FailWith(0)
		time.Sleep(2 * maxRetry)
		if err := j.Ready(); err != nil { // although nobody has tried to append
			t.Fatalf("not ready once there is room: %v", err)
		}
		if seq, err := j.Append(f, true); err != nil || seq != 2 {
			t.Fatal(seq, err)
		}
		if n := len(disk.Files("/data/journal")); n > 4 {
			t.Errorf("%d files are left: %v", n, disk.Files("/data/journal"))
		}
	})
}

// Reads that fail for good cost the bytes that cannot be read, and no more.
func TestUnreadableSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := crashfs.New(1)
		j := mustOpen(t, faultConfig(disk))
		seen := &dictionary{}
		for i := range 20 {
			if _, err := j.Append(&text{word: "w", rest: fmt.Sprint(i), seen: seen}, true); err != nil {
				t.Fatal(err)
			}
		}
		r, err := j.Reader(0)
		if err != nil {
			t.Fatal(err)
		}
		disk.FailWith(1, syscall.EIO)
		for i := range patience {
			if _, _, err := r.TryNext(); !errors.Is(err, syscall.EIO) {
				t.Fatalf("read %d: %v", i, err)
			}
		}
		rec, ok, err := r.TryNext()
		if err != nil || !ok || rec.Kind != KindLost || rec.Bytes == 0 {
			t.Fatalf("%+v %v %v", rec, ok, err)
		}
		disk.FailWith(0)
		for err == nil && ok {
			rec, ok, err = r.TryNext()
		}
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	})
}

// An Append that the disk holds up fails in time, and its frame may come later.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := crashfs.New(1)
		j := mustOpen(t, faultConfig(disk))
		seen := &dictionary{}
		if _, err := j.Append(&text{word: "w", rest: "1", seen: seen}, true); err != nil {
			t.Fatal(err)
		}
		release := disk.HoldSyncs()
		begun := time.Now()
		if _, err := j.Append(&text{word: "w", rest: "2", seen: seen}, true); !errors.Is(err, ErrTimeout) {
			t.Fatal(err)
		}
		if took := time.Since(begun); took < 7*time.Second || took > 8*time.Second {
			t.Errorf("timeout after %v", took)
		}
		if quiet := time.Since(j.Heartbeat()); quiet < 6*time.Second {
			t.Errorf("heartbeat %v ago while the disk hangs", quiet)
		}
		release()
		synctest.Wait()
		if j.Durable() != 2 {
			t.Errorf("durable %d", j.Durable())
		}
		time.Sleep(time.Minute)
		if quiet := time.Since(j.Heartbeat()); quiet > time.Second {
			t.Errorf("heartbeat %v ago while there is nothing to do", quiet)
		}
	})
}
