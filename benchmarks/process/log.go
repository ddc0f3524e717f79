package process

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
)

// keptLines is how much of a log is kept for the message of a failure.
const keptLines = 20

// log reads what a server writes to standard error, one JSON object a line.
type log struct {
	address chan string // gets the first address that is listened on; room for one

	mu    sync.Mutex
	found bool
	part  []byte // of a line that has not ended
	lines []string
}

func newLog() *log { return &log{address: make(chan string, 1)} }

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.part = append(l.part, b...)
	for {
		line, rest, whole := bytes.Cut(l.part, []byte{'\n'})
		if !whole {
			return len(b), nil
		}
		l.take(string(line))
		l.part = append(l.part[:0], rest...)
	}
}

func (l *log) take(line string) {
	if len(l.lines) == keptLines {
		l.lines = append(l.lines[:0], l.lines[1:]...)
	}
	l.lines = append(l.lines, line)
	var said struct{ Message, Address string }
	// What is no JSON, the trace of a panic, says no address.
	if l.found || json.Unmarshal([]byte(line), &said) != nil || said.Message != "listening" {
		return
	}
	l.found = true
	l.address <- said.Address
}

func (l *log) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n") + string(l.part)
}
