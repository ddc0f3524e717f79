package machine

import (
	"os"
	"testing"
	"time"
)

func TestMeasureSync(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := MeasureSync(dir, 20*time.Millisecond)
	if err != nil || s.Times < 1 || s.P50 <= 0 || s.P99 < s.P50 {
		t.Errorf("%+v, %v", s, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := MeasureSync(dir+"/none", time.Millisecond); err == nil {
		t.Error("a folder that does not exist was taken")
	}
}

func TestSyncOf(t *testing.T) {
	t.Parallel()
	var took []time.Duration
	for i := range 200 {
		took = append(took, time.Duration(200-i))
	}
	if got := syncOf(took); got != (Sync{Times: 200, P50: 101, P99: 199}) {
		t.Errorf("%+v", got)
	}
	if got := syncOf(nil); got != (Sync{}) {
		t.Errorf("%+v", got)
	}
}
