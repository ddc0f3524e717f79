package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Sync is how long fdatasyncs took that had one block to write.
type Sync struct {
	Times int           `json:"fdatasyncs"`
	P50   time.Duration `json:"p50_ns"`
	P99   time.Duration `json:"p99_ns"`
}

const (
	syncBlock = 4 << 10
	syncFile  = 256 * syncBlock
)

// MeasureSync writes and syncs blocks of 4 KiB one after the other for as long
// as it is told, over zeros that are on the disk already: a journal that has
// made room ahead does nothing else. The file is below dir and goes away again.
func MeasureSync(dir string, long time.Duration) (Sync, error) {
	f, err := os.Create(filepath.Join(dir, "fdatasync.probe"))
	if err != nil {
		return Sync{}, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(make([]byte, syncFile)); err != nil {
		return Sync{}, err
	}
	if err := f.Sync(); err != nil {
		return Sync{}, err
	}
	block := make([]byte, syncBlock)
	for i := range block {
		block[i] = byte(i)
	}
	var took []time.Duration
	for begin := time.Now(); time.Since(begin) < long; {
		at := time.Now()
		if _, err := f.WriteAt(block, int64(len(took))*syncBlock%syncFile); err != nil {
			return Sync{}, err
		}
		if err := dataSync(f); err != nil {
			return Sync{}, fmt.Errorf("fdatasync: %w", err)
		}
		took = append(took, time.Since(at))
	}
	return syncOf(took), nil
}

func syncOf(took []time.Duration) Sync {
	if len(took) == 0 {
		return Sync{}
	}
	slices.Sort(took)
	return Sync{Times: len(took), P50: took[len(took)/2], P99: took[len(took)*99/100]}
}
