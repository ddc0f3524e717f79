package quarantine

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"

	"stormdrain/internal/alert"
)

// Delivery says which delivery rejected alerts belong to.
type Delivery struct {
	Journal    alert.ID
	Position   uint64
	ReceivedAt int64 // microseconds since 1970
	Source     string
	RequestID  string
	Recorder   bool // its elements are events of a recorder, not alerts
}

// Rejected is one element of a delivery that cannot be stored.
type Rejected struct {
	Index  int32  // in the array that was sent; -1 for the delivery as a whole
	Reason string // one line
	Raw    []byte // as it was sent; lent
}

type rejectedLine struct {
	Journal    string          `json:"journal"`
	Position   uint64          `json:"position"`
	Index      int32           `json:"index"`
	Reason     string          `json:"reason"`
	ReceivedAt string          `json:"receivedAt"`
	Source     string          `json:"source"`
	RequestID  string          `json:"requestId"`
	Alert      json.RawMessage `json:"alert,omitempty"`
	Base64     string          `json:"alertBase64,omitempty"`
	Event      json.RawMessage `json:"event,omitempty"`
	Event64    string          `json:"eventBase64,omitempty"`
}

// Alerts keeps the rejected elements of one delivery. When it returns nil they
// are on the disk, fsynced, and the position may pass them. It may be called
// again for the same delivery, as happens after a crash: an element that the
// file has already is not written twice, others are added.
func (q *Quarantine) Alerts(d Delivery, rejected []Rejected) error {
	q.alertsMu.Lock()
	defer q.alertsMu.Unlock()
	path := filepath.Join(q.alerts, fmt.Sprintf("%s-%020d.ndjson", hex.EncodeToString(d.Journal[:]), d.Position))
	content, seen, err := readAlerts(path)
	if err != nil {
		return fmt.Errorf("read quarantine of position %d: %w", d.Position, err)
	}
	before := len(content)
	for i := range rejected {
		if seen[rejected[i].Index] {
			continue
		}
		seen[rejected[i].Index] = true
		if content, err = appendLine(content, d, &rejected[i]); err != nil {
			return fmt.Errorf("describe element %d of position %d: %w", rejected[i].Index, d.Position, err)
		}
	}
	if len(content) > before {
		if err := writeFile(path, content); err != nil {
			return fmt.Errorf("quarantine %d alerts of position %d: %w", len(rejected), d.Position, err)
		}
	}
	// Also when there was nothing to add: the file may be from a call that
	// was killed between the rename and this.
	if err := syncDir(q.alerts); err != nil {
		return fmt.Errorf("quarantine %d alerts of position %d: %w", len(rejected), d.Position, err)
	}
	return nil
}

// readAlerts returns what the file holds and which indexes that is. A line that
// is no line of ours is kept as it is.
func readAlerts(path string) ([]byte, map[int32]bool, error) {
	seen := make(map[int32]bool)
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, seen, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if n := len(content); n > 0 && content[n-1] != '\n' {
		content = append(content, '\n')
	}
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, len(content)+1)
	for lines.Scan() {
		var line struct {
			Index *int32 `json:"index"`
		}
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Index != nil {
			seen[*line.Index] = true
		}
	}
	return content, seen, lines.Err()
}

func appendLine(dst []byte, d Delivery, r *Rejected) ([]byte, error) {
	line := rejectedLine{
		Journal: hex.EncodeToString(d.Journal[:]), Position: d.Position, Index: r.Index, Reason: r.Reason,
		ReceivedAt: time.UnixMicro(d.ReceivedAt).UTC().Format(time.RFC3339Nano),
		Source:     d.Source, RequestID: d.RequestID,
	}
	switch valid := utf8.Valid(r.Raw) && json.Valid(r.Raw); {
	case valid && d.Recorder:
		line.Event = r.Raw
	case valid:
		line.Alert = r.Raw
	case d.Recorder:
		line.Event64 = base64.StdEncoding.EncodeToString(r.Raw)
	default:
		line.Base64 = base64.StdEncoding.EncodeToString(r.Raw)
	}
	b := bytes.NewBuffer(dst)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false) // people read this
	err := enc.Encode(&line)
	return b.Bytes(), err
}
