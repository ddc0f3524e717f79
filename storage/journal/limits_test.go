package journal

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stormdrain/storage/journal/crashfs"
)

// raw is a frame of one payload and no entries.
type raw []byte

func (r raw) Encode(w *Writer) { w.EndFrame(append(w.BeginFrame(), r...)) }

func (j *Journal) diskBytes(disk *crashfs.FS) (total int64) {
	for _, name := range disk.Files(j.cfg.Dir) {
		if strings.HasSuffix(name, suffix) {
			total += int64(len(disk.Bytes(name)))
		}
	}
	return total
}

func TestFull(t *testing.T) {
	for _, size := range []int{10, 300, 3000, 9000} {
		t.Run(fmt.Sprint("size=", size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := crashfs.New(1)
				cfg := faultConfig(disk)
				cfg.SegmentBytes, cfg.MaxBytes, cfg.ahead = 4000, 10_000, -1
				j := mustOpen(t, cfg)
				for round := range 5 {
					accepted := fill(t, j, raw(make([]byte, size)))
					if n := j.diskBytes(disk); n > cfg.MaxBytes || n != j.Stats().TotalBytes {
						t.Errorf("round %d: %d bytes on the disk, counted %d", round, n, j.Stats().TotalBytes)
					}
					if accepted == 0 || !errors.Is(j.Ready(), ErrFull) {
						t.Fatalf("round %d: %d accepted, ready: %v", round, accepted, j.Ready())
					}
					j.Stored(j.Durable())
					synctest.Wait()
					if err := j.Ready(); err != nil {
						t.Fatalf("round %d: all is stored, and %v", round, err)
					}
				}
				if s := j.Stats(); s.BacklogFrames != 0 || s.BacklogBytes != 0 || !s.OldestReceivedAt.IsZero() {
					t.Errorf("all is stored: %+v", s)
				}
			})
		})
	}
}

func fill(t *testing.T, j *Journal, f Frame) (accepted int) {
	t.Helper()
	for {
		_, err := j.Append(f, true)
		if errors.Is(err, ErrFull) {
			synctest.Wait() // the janitor may be giving back a segment that is stored
			if j.Ready() == nil {
				continue
			}
			return accepted
		}
		if err != nil {
			t.Fatal(err)
		}
		accepted++
	}
}

// Dictionary entries of a refused frame are gone, and its owner is told.
func TestRefusedFrameEndsTheGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := faultConfig(crashfs.New(1))
		cfg.MaxBytes = 2000
		j := mustOpen(t, cfg)
		seen := &dictionary{}
		if _, err := j.Append(&text{word: "one", rest: "r", seen: seen}, true); err != nil {
			t.Fatal(err)
		}
		if _, err := j.Append(&text{word: "two", rest: strings.Repeat("r", 1850), seen: seen}, true); !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
		func() {
			defer func() { _ = recover() }()
			_, _ = j.Append(panicking{}, true)
		}()
		for _, w := range []string{"two", "one"} {
			if _, err := j.Append(&text{word: w, rest: "r", seen: seen}, true); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := fmt.Sprint(readAll(t, j, 0)), "[1 one r 2 two r 3 one r]"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

type panicking struct{}

func (panicking) Encode(w *Writer) {
	w.Entry([]byte("gone"))
	w.BeginFrame()
	panic("a bug of somebody else")
}

// What a caller can hold in memory is bounded although nobody waits for the disk.
func TestPendingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := crashfs.New(1)
		cfg := faultConfig(disk)
		cfg.SegmentBytes = 64 << 20
		j := mustOpen(t, cfg)
		release := disk.HoldSyncs()
		var err error
		n := 0
		for ; err == nil; n++ {
			_, err = j.Append(raw(make([]byte, 1<<20)), false)
		}
		if !errors.Is(err, ErrTimeout) || n < maxPending>>20 || n > 3*(maxPending>>20) {
			t.Errorf("%v after %d MiB", err, n)
		}
		release()
		synctest.Wait()
		if j.Durable() != uint64(n-1) {
			t.Errorf("%d of %d are durable", j.Durable(), n-1)
		}
	})
}

// The clock of the machine may jump; the journal's does not go back.
func TestReceivedAtNeverDecreases(t *testing.T) {
	cfg := testConfig(t)
	now := time.UnixMicro(1_000_000)
	cfg.Now = func() time.Time { return now }
	seen := &dictionary{}
	last := int64(0)
	for life := range 3 {
		j := mustOpen(t, cfg)
		for i := range 3 {
			f := &text{word: "w", rest: "r", seen: seen}
			if _, err := j.Append(f, true); err != nil {
				t.Fatal(err)
			}
			if f.at < last || f.at < now.UnixMicro() {
				t.Fatalf("life %d, frame %d: %d after %d", life, i, f.at, last)
			}
			last = f.at
			now = now.Add(time.Duration(3-2*i) * time.Second)
		}
		now = now.Add(-time.Hour)
		mustClose(t, j)
	}
}

func TestNewIdentity(t *testing.T) {
	cfg := testConfig(t)
	seen := &dictionary{}
	j := mustOpen(t, cfg)
	for range 3 {
		mustAppend(t, j, seen, "old")
	}
	mustClose(t, j)
	j = mustOpen(t, cfg)
	mustAppend(t, j, seen, "new")
	was := j.ID()
	id, err := j.NewIdentity()
	if err != nil || id == was || id != j.ID() {
		t.Fatal(err, id, was)
	}
	if got := fmt.Sprint(readAll(t, j, 0)); got != "[4 w new]" {
		t.Errorf("under the new identity: %s", got)
	}
	mustClose(t, j)
	j = mustOpen(t, cfg)
	if got := fmt.Sprint(readAll(t, j, 0)); got != "[4 w new]" || j.ID() != id {
		t.Errorf("after a restart: %s", got)
	}
}

func mustAppend(t *testing.T, j *Journal, seen *dictionary, rest string) {
	t.Helper()
	if _, err := j.Append(&text{word: "w", rest: rest, seen: seen}, true); err != nil {
		t.Fatal(err)
	}
}

// A store that comes back with an older position gets what it has not got, or is
// told which positions are gone.
func TestRewind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := faultConfig(crashfs.New(1))
		cfg.SegmentBytes = 256
		j := mustOpen(t, cfg)
		for range 20 {
			mustAppend(t, j, &dictionary{}, "r")
		}
		j.Stored(12)
		synctest.Wait()
		if got := readAll(t, j, 13); len(got) != 7 || got[0] != "14 w r" {
			t.Errorf("after 13: %v", got)
		}
		got := readAll(t, j, 2)
		if !strings.HasPrefix(got[0], "lost segments are missing 3-") || got[len(got)-1] != "20 w r" {
			t.Errorf("after 2: %v", got)
		}
		if _, err := j.Reader(21); err == nil {
			t.Error("a reader after the end of the journal")
		}
	})
}

// TestTogether runs everything at once: many writers, a reader that waits, and
// the deletion behind it. Then nothing may be left of it but the files.
func TestTogether(t *testing.T) {
	before := runtime.NumGoroutine()
	cfg := testConfig(t)
	cfg.SegmentBytes = 20_000
	j, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	const writers, each = 16, 200
	r, err := j.Reader(0)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	seen := &dictionary{}
	for w := range writers {
		all.Go(func() {
			for i := range each {
				if _, err := j.Append(&text{word: fmt.Sprint("w", i%20), rest: fmt.Sprint(w, "-", i), seen: seen}, true); err != nil {
					t.Error(err)
					return
				}
				_ = j.Stats()
			}
		})
	}
	words := map[[2]uint64]string{}
	got := map[string]bool{}
	for next := uint64(1); next <= writers*each; {
		rec, err := r.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if rec.Kind == KindEntry {
			words[[2]uint64{rec.Segment, uint64(rec.Number)}] = string(rec.Payload)
			continue
		}
		what := spell(words, &rec)
		if rec.Kind != KindFrame || rec.Seq != next || what == "" || got[what] {
			t.Fatalf("%+v %q, expected %d", rec, what, next)
		}
		got[what] = true
		next++
		if rec.Seq%50 == 0 {
			j.Stored(rec.Seq)
		}
	}
	all.Wait()
	r.Close()
	mustClose(t, j)
	mustClose(t, j)
	if _, err := j.Append(raw("late"), true); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := r.Next(context.Background()); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
	}
}
