// Package scrape asks the servers under test for their metrics.
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

// Metrics is one answer of /metrics: series, as they are spelled but for the
// program's name at their beginning, and values.
type Metrics map[string]float64

// programs are the prefixes that are cut off: the reference counts as stormdrain
// does, so that one reader does for all.
var programs = []string{"stormdrain_", "reference_"}

// limit is how long one answer may take.
const limit = 30 * time.Second

// Scraper asks one server and counts how often.
type Scraper struct {
	base   string
	client http.Client
	times  int64
}

// New returns a Scraper of the server at host:port. It has to be closed.
func New(address string) *Scraper {
	return &Scraper{base: "http://" + address, client: http.Client{Timeout: limit, Transport: &http.Transport{}}}
}

// Close closes the connection.
func (s *Scraper) Close() { s.client.CloseIdleConnections() }

// Times is how often Scrape has been called.
func (s *Scraper) Times() int64 { return s.times }

// Scrape asks for everything.
func (s *Scraper) Scrape(ctx context.Context) (m Metrics, err error) {
	s.times++
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
			return nil, fmt.Errorf("metrics: line %q has no value", line)
		}
		v, err := strconv.ParseFloat(line[end+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
		m[withoutProgram(line[:end])] = v
	}
	return m, in.Err()
}

func withoutProgram(series string) string {
	for _, p := range programs {
		if rest, ok := strings.CutPrefix(series, p); ok {
			return rest
		}
	}
	return series
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

// Received counts alerts that were acknowledged.
func (m Metrics) Received() int64 { return m.Sum("alerts_received_total") }

// Stored counts alerts that are in the store.
func (m Metrics) Stored() int64 { return m.Sum("alerts_stored_total") }

// Mallocs counts what the process has allocated.
func (m Metrics) Mallocs() int64 { return m.Sum("go_memstats_mallocs_total") }

// GCs counts its garbage collections.
func (m Metrics) GCs() int64 { return m.Sum("go_gc_duration_seconds_count") }

// Quarantined counts alerts and bodies.
func (m Metrics) Quarantined() int64 {
	return m.Sum("alerts_quarantined_total") + m.Sum("bodies_quarantined_total")
}

// Owed is how many alerts are acknowledged and neither stored nor in quarantine.
// What an earlier process has left counts when it is stored.
func (m Metrics) Owed() int64 {
	return m.Received() + m.Sum("alerts_replayed_total") - m.Stored() - m.Sum("alerts_quarantined_total")
}

// Backlog is what the journal holds and the store does not.
func (m Metrics) Backlog() (deliveries, bytes int64) {
	return m.Sum("journal_backlog_deliveries"), m.Sum("journal_backlog_bytes")
}

// Settled reports that nothing acknowledged is on its way to the store.
func (m Metrics) Settled() bool {
	deliveries, _ := m.Backlog()
	return m.Owed() == 0 && deliveries == 0
}

// Webhooks counts answers to webhooks; labels narrow it.
func (m Metrics) Webhooks(labels ...string) int64 {
	return m.Sum("http_requests_total", append(labels, `handler="webhook"`)...)
}

// AtRest reports that nothing is being answered, but for the question itself,
// and that nothing acknowledged is still on its way to the store.
func (m Metrics) AtRest() bool {
	return m.Sum("http_requests_in_flight") <= 1 && m.Owed() == 0
}
