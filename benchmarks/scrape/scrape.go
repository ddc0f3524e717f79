// Package scrape reads what a running stormdrain says of itself.
package scrape

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// limit is how long one answer may take.
const limit = 30 * time.Second

// Scraper asks one server, over a connection of its own.
type Scraper struct {
	base   string
	client http.Client
}

// New makes a scraper for a host:port. Close it.
func New(address string) *Scraper {
	return &Scraper{base: "http://" + address, client: http.Client{Timeout: limit, Transport: &http.Transport{}}}
}

// Close closes the connection.
func (s *Scraper) Close() { s.client.CloseIdleConnections() }

// Metrics asks for /metrics.
func (s *Scraper) Metrics(ctx context.Context) (m Metrics, err error) {
	err = s.get(ctx, "/metrics", func(body io.Reader) error {
		m, err = Parse(body)
		return err
	})
	return m, err
}

// Ready returns nil when the server can promise a 2xx.
func (s *Scraper) Ready(ctx context.Context) error {
	return s.get(ctx, "/-/ready", func(io.Reader) error { return nil })
}

// Heap is what the server's Go heap holds just after a collection.
type Heap struct {
	Live  int64 // of objects that are reachable
	InUse int64 // of spans that hold at least one of them
}

// Collect makes the server collect its garbage and asks what is left. It needs
// --debug.pprof.
func (s *Scraper) Collect(ctx context.Context) (h Heap, err error) {
	err = s.get(ctx, "/debug/pprof/heap?gc=1&debug=1", func(body io.Reader) error {
		h, err = parseHeap(body)
		return err
	})
	return h, err
}

func (s *Scraper) get(ctx context.Context, path string, read func(io.Reader) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+path, nil)
	if err != nil {
		return err
	}
	answer, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, answer.Status)
	}
	err = read(answer.Body)
	// Only a body that was read to its end gives the connection back.
	_, rest := io.Copy(io.Discard, answer.Body)
	if err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	return rest
}

// Metrics is one answer of /metrics: series, as they are spelled, and values.
type Metrics map[string]float64

// Parse reads the Prometheus text format: a series, a blank, a value.
func Parse(r io.Reader) (Metrics, error) {
	m := Metrics{}
	in := bufio.NewScanner(r)
	for in.Scan() {
		line := in.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		end := strings.LastIndexByte(line, ' ')
		if end < 0 {
			return nil, fmt.Errorf("line %q has no value", line)
		}
		v, err := strconv.ParseFloat(line[end+1:], 64)
		if err != nil {
			return nil, err
		}
		m[line[:end]] = v
	}
	return m, in.Err()
}

// Sum adds up the series of a name that have all the labels, each label="value".
func (m Metrics) Sum(name string, labels ...string) (sum int64) {
series:
	for series, v := range m {
		rest, ok := strings.CutPrefix(series, name)
		if !ok || rest != "" && rest[0] != '{' {
			continue
		}
		for _, l := range labels {
			if !strings.Contains(rest, l) {
				continue series
			}
		}
		sum += int64(v)
	}
	return sum
}

// Received counts alerts that this process has acknowledged.
func (m Metrics) Received() int64 { return m.Sum("stormdrain_alerts_received_total") }

// Stored counts alerts that are committed in the store.
func (m Metrics) Stored() int64 { return m.Sum("stormdrain_alerts_stored_total") }

// Quarantined counts alerts, not bodies.
func (m Metrics) Quarantined() int64 { return m.Sum("stormdrain_alerts_quarantined_total") }

// Owed is how many alerts are acknowledged and neither stored nor in quarantine.
// What an earlier process has left counts when it is stored.
func (m Metrics) Owed() int64 {
	return m.Received() + m.Sum("stormdrain_alerts_replayed_total") - m.Stored() - m.Quarantined()
}

// Backlog is what the journal holds and the store does not.
func (m Metrics) Backlog() (deliveries, bytes int64) {
	return m.Sum("stormdrain_journal_backlog_deliveries"), m.Sum("stormdrain_journal_backlog_bytes")
}

// AtRest reports that nothing acknowledged is on its way to the store.
func (m Metrics) AtRest() bool {
	deliveries, _ := m.Backlog()
	return m.Owed() == 0 && deliveries == 0
}

// parseHeap reads the end of a heap profile in text: "# HeapAlloc = 1".
func parseHeap(r io.Reader) (h Heap, err error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		name, value, _ := strings.Cut(strings.TrimPrefix(in.Text(), "# "), " = ")
		switch name {
		case "HeapAlloc":
			h.Live, err = strconv.ParseInt(value, 10, 64)
		case "HeapInuse":
			h.InUse, err = strconv.ParseInt(value, 10, 64)
		}
		if err != nil {
			return Heap{}, err
		}
	}
	if in.Err() == nil && (h.Live == 0 || h.InUse == 0) {
		return Heap{}, fmt.Errorf("no HeapAlloc or no HeapInuse in the profile")
	}
	return h, in.Err()
}
