package main

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

// metrics is one answer of /metrics: series, as they are spelled, and values.
type metrics map[string]float64

// scraper asks one server for its metrics and counts how often.
type scraper struct {
	base   string
	client http.Client
	times  int64
}

func newScraper(address string) *scraper {
	return &scraper{base: "http://" + address, client: http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}}
}

func (s *scraper) close() { s.client.CloseIdleConnections() }

func (s *scraper) scrape(ctx context.Context) (m metrics, err error) {
	s.times++
	err = s.get(ctx, "/metrics", func(body io.Reader) error {
		m, err = parseMetrics(body)
		return err
	})
	return m, err
}

// ready returns nil when the server can promise a 2xx.
func (s *scraper) ready(ctx context.Context) error {
	return s.get(ctx, "/-/ready", func(io.Reader) error { return nil })
}

func (s *scraper) get(ctx context.Context, path string, read func(io.Reader) error) error {
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
	return read(answer.Body)
}

// parseMetrics reads the Prometheus text format: a series, a blank, a value.
func parseMetrics(r io.Reader) (metrics, error) {
	m := metrics{}
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
		m[line[:end]] = v
	}
	return m, in.Err()
}

// sum adds up the series of a name that have all the labels, each label="value".
func (m metrics) sum(name string, labels ...string) (sum int64) {
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

func (m metrics) received() int64 { return m.sum("stormdrain_alerts_received_total") }
func (m metrics) stored() int64   { return m.sum("stormdrain_alerts_stored_total") }
func (m metrics) mallocs() int64  { return m.sum("go_memstats_mallocs_total") }

func (m metrics) quarantined() int64 {
	return m.sum("stormdrain_alerts_quarantined_total") + m.sum("stormdrain_bodies_quarantined_total")
}

// webhooks counts answers to webhooks; labels narrow it.
func (m metrics) webhooks(labels ...string) int64 {
	return m.sum("stormdrain_http_requests_total", append(labels, `handler="webhook"`)...)
}

// atRest reports that nothing acknowledged is still on its way to the store.
func (m metrics) atRest() bool {
	return m.received()+m.sum("stormdrain_alerts_replayed_total")-m.stored()-m.sum("stormdrain_alerts_quarantined_total") == 0
}
