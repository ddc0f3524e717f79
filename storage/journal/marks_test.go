package journal

import (
	"errors"
	"testing"
	"time"
)

func TestBacklogIsMeasured(t *testing.T) {
	cfg := testConfig(t)
	now := time.UnixMicro(0)
	cfg.Now = func() time.Time { now = now.Add(time.Second); return now }
	j := mustOpen(t, cfg)
	for range 100 {
		if _, err := j.Append(raw(make([]byte, 68)), true); err != nil {
			t.Fatal(err)
		}
	}
	check := func(s Stats, frames uint64, bytes int64, oldest time.Time) {
		t.Helper()
		if s.BacklogFrames != frames || s.BacklogBytes != bytes || !s.OldestReceivedAt.Equal(oldest) {
			t.Errorf("%d frames, %d bytes, oldest %v", s.BacklogFrames, s.BacklogBytes, s.OldestReceivedAt)
		}
	}
	check(j.Stats(), 100, 10_000, time.Unix(1, 0))
	j.Stored(40)
	check(j.Stats(), 60, 6000, time.Unix(41, 0))
	j.Stored(1000) // more than there is
	check(j.Stats(), 0, 0, time.Time{})
}

// What an earlier process left behind has an age, also when it is all in the
// first segment that there ever was.
func TestBacklogOfAnEarlierProcessIsMeasured(t *testing.T) {
	cfg := testConfig(t)
	begun := time.Now()
	j := mustOpen(t, cfg)
	if _, err := j.Append(raw("x"), true); err != nil {
		t.Fatal(err)
	}
	mustClose(t, j)
	oldest := mustOpen(t, cfg).Stats().OldestReceivedAt
	if oldest.Before(begun.Truncate(time.Microsecond)) || oldest.After(time.Now()) {
		t.Errorf("the oldest was received at %v, which was after %v", oldest, begun)
	}
}

// A delivery that no journal of this size can take says so: waiting would not help.
func TestDeliveryLargerThanTheJournal(t *testing.T) {
	cfg := testConfig(t)
	cfg.MaxBytes = 64 << 10
	j := mustOpen(t, cfg)
	if _, err := j.Append(raw(make([]byte, 65<<10)), true); !errors.Is(err, ErrNeverFits) {
		t.Error(err)
	}
	if _, err := j.Append(raw("x"), true); err != nil {
		t.Errorf("and the next one: %v", err)
	}
}

func TestMarksStayFew(t *testing.T) {
	var m marks
	const n = 100_000
	for i := range int64(n) {
		m.add(uint64(i+1), 10, i)
	}
	if len(m.list) > maxMarks {
		t.Fatalf("%d marks", len(m.list))
	}
	for seq := uint64(1); seq <= n; seq += 997 {
		bytes, at := m.backlog(seq)
		exact := int64(n-seq+1) * 10
		if bytes < exact || bytes > exact+exact/10+n/100*10 || at > int64(seq) {
			t.Fatalf("from %d: %d bytes instead of %d, received at %d", seq, bytes, exact, at)
		}
	}
	m.dropBefore(n)
	if bytes, _ := m.backlog(n + 1); len(m.list) != 1 || bytes > n {
		t.Fatalf("%d marks, %d bytes", len(m.list), bytes)
	}
}
