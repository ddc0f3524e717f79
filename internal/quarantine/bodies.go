package quarantine

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"stormdrain/internal/alert"
)

// keptBody is one refused body with its metadata.
type keptBody struct {
	name string // without the ending
	size int64  // see occupied
}

type bodyMeta struct {
	ReceivedAt string `json:"receivedAt"`
	Kind       string `json:"kind"`
	Source     string `json:"source"`
	RequestID  string `json:"requestId"`
	Reason     string `json:"reason"`
	Detail     string `json:"detail"`
	Bytes      int    `json:"bytes"`
}

// Body keeps a refused body. When it returns nil the body is on the disk,
// fsynced. Older bodies are removed where it needs their room; one that is
// larger than all the room there is comes back as an error. r is lent.
func (q *Quarantine) Body(r alert.Request, reason, detail string) error {
	if q.maxBytes <= 0 {
		return nil
	}
	now := time.Now().UTC()
	meta, err := json.Marshal(bodyMeta{
		ReceivedAt: now.Format(time.RFC3339Nano), Kind: kindName(r.Kind),
		Source: string(r.Source), RequestID: string(r.RequestID), Reason: reason, Detail: detail, Bytes: len(r.Body),
	})
	if err != nil {
		return fmt.Errorf("describe refused body: %w", err)
	}
	size := occupied(int64(len(r.Body))) + occupied(int64(len(meta)+1))
	// Held over the fsyncs: a body that is still being written must not be
	// chosen for eviction, or it would end up on the disk and not in the count.
	q.mu.Lock()
	defer q.mu.Unlock()
	name, err := q.reserveLocked(now, size)
	if err != nil {
		return err
	}
	path := filepath.Join(q.bodies, name)
	// The body first: metadata without a body would say that there is one.
	if err := writeFile(path+".body", r.Body); err != nil {
		return fmt.Errorf("keep refused body: %w", err)
	}
	if err := writeFile(path+".json", meta, []byte("\n")); err != nil {
		return fmt.Errorf("describe refused body: %w", err)
	}
	if err := syncDir(q.bodies); err != nil {
		return fmt.Errorf("keep refused body: %w", err)
	}
	return nil
}

func kindName(k alert.Kind) string {
	switch k {
	case alert.Webhook:
		return "webhook"
	case alert.Posted:
		return "alerts"
	case alert.Recorder:
		return "recorder"
	}
	return fmt.Sprintf("kind %d", k)
}

// reserveLocked makes room for size bytes and returns a name that nobody else
// has. A body that then cannot be written keeps its room until it is evicted like the
// others: it is an estimate that is never too low.
func (q *Quarantine) reserveLocked(now time.Time, size int64) (string, error) {
	if size > q.maxBytes {
		return "", fmt.Errorf("refused body needs %d bytes, quarantine.max_bytes is %d", size, q.maxBytes)
	}
	for len(q.kept) > 0 && q.used+size > q.maxBytes {
		if err := q.evictOldestLocked(); err != nil {
			return "", err
		}
	}
	q.serial++
	// Fixed width, so that names sort by time, and so by age after a restart.
	name := fmt.Sprintf("%s-%06d", now.Format("20060102T150405.000000Z"), q.serial)
	q.kept = append(q.kept, keptBody{name: name, size: size})
	q.used += size
	return name, nil
}

func (q *Quarantine) evictOldestLocked() error {
	oldest := q.kept[0]
	for _, ending := range []string{".json", ".body"} {
		err := os.Remove(filepath.Join(q.bodies, oldest.name+ending))
		if err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("make room for a refused body: %w", err)
		}
	}
	q.kept = q.kept[1:]
	q.used -= oldest.size
	return nil
}

// countBodies fills kept and used from the disk, and evicts what a smaller
// bound than last time has no room for.
func (q *Quarantine) countBodies() error {
	entries, err := os.ReadDir(q.bodies) // sorted by name, so by age
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, ending, ok := cutEnding(e.Name())
		if !ok {
			continue // a stranger's file: neither counted nor touched
		}
		info, err := e.Info()
		if err != nil {
			return fmt.Errorf("look at %s%s: %w", name, ending, err)
		}
		size := occupied(info.Size())
		if n := len(q.kept); n > 0 && q.kept[n-1].name == name {
			q.kept[n-1].size += size
		} else {
			q.kept = append(q.kept, keptBody{name: name, size: size})
		}
		q.used += size
	}
	for len(q.kept) > 0 && q.used > q.maxBytes {
		if err := q.evictOldestLocked(); err != nil {
			return err
		}
	}
	return nil
}

func cutEnding(file string) (name, ending string, ok bool) {
	for _, ending := range []string{".body", ".json"} {
		if name, ok := strings.CutSuffix(file, ending); ok {
			return name, ending, true
		}
	}
	return "", "", false
}

// occupied is what a file of n bytes takes on the disk. Counting blocks and
// not bytes bounds the number of files as well: a million empty bodies would
// otherwise weigh nothing.
func occupied(n int64) int64 {
	const block = 4096
	return max((n+block-1)/block*block, block)
}
