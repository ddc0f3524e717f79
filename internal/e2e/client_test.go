package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// client talks HTTP to one program. It follows no redirect, so that one shows.
type client struct {
	t    testing.TB
	base string
	http *http.Client
}

// answer is a whole response.
type answer struct {
	code   int
	header http.Header
	body   string
}

func (p *program) client() *client {
	transport := &http.Transport{MaxIdleConnsPerHost: 8, DisableCompression: true}
	p.t.Cleanup(transport.CloseIdleConnections)
	return &client{t: p.t, base: p.url(), http: &http.Client{
		Timeout:       time.Minute,
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// do sends one request. header is name, value, name, value.
func (c *client) do(method, path string, body []byte, header ...string) answer {
	c.t.Helper()
	req, err := http.NewRequest(method, c.base+path, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

// deliver posts a body that must be taken, with n alerts.
func (c *client) deliver(path, requestID string, body []byte, n int, header ...string) {
	c.t.Helper()
	got := c.do(http.MethodPost, path, body, append([]string{"X-Request-ID", requestID}, header...)...)
	var said struct {
		Status string `json:"status"`
		Alerts int    `json:"alerts"`
	}
	if err := json.Unmarshal([]byte(got.body), &said); err != nil || got.code != 200 || said.Status != "success" || said.Alerts != n {
		c.t.Errorf("%s to %s: answer %d %q, want 200 and %d alerts", requestID, path, got.code, got.body, n)
	}
	if id := got.header.Get("X-Request-ID"); id != requestID {
		c.t.Errorf("%s to %s: X-Request-ID of the answer is %q", requestID, path, id)
	}
}

// stream calls yield for each event of an NDJSON answer, newest first.
func (c *client) stream(query string, yield func(*event)) {
	c.t.Helper()
	resp, err := c.http.Get(c.base + "/api/v1/events?format=ndjson&" + query)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		text, _ := io.ReadAll(resp.Body)
		c.t.Fatalf("events as NDJSON: %s %s", resp.Status, text)
	}
	dec := json.NewDecoder(bufio.NewReaderSize(resp.Body, 1<<16))
	dec.UseNumber()
	for {
		e := new(event)
		err := dec.Decode(e)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			c.t.Fatalf("events as NDJSON: %v", err)
		}
		yield(e)
	}
}

// events collects what stream yields.
func (c *client) events(query string) (all []*event) {
	c.t.Helper()
	c.stream(query, func(e *event) { all = append(all, e) })
	return all
}

// metrics sums each metric over its labels. Names are without the prefix.
func (c *client) metrics() map[string]float64 {
	c.t.Helper()
	resp, err := c.http.Get(c.base + "/metrics")
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	sums, err := sumMetrics(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		c.t.Fatalf("metrics: %s, %v", resp.Status, err)
	}
	return sums
}

// sumMetrics reads the Prometheus text format.
func sumMetrics(r io.Reader) (map[string]float64, error) {
	sums := make(map[string]float64)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		name := line[:strings.IndexAny(line, "{ ")]
		v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		sums[strings.TrimPrefix(name, "stormdrain_")] += v
	}
	return sums, lines.Err()
}

// waitAtRest waits until all that was acknowledged is stored or quarantined.
func (c *client) waitAtRest() {
	c.t.Helper()
	eventually(c.t, 2*time.Minute, func() string {
		m := c.metrics()
		owed := m["alerts_received_total"] + m["alerts_replayed_total"] - m["alerts_stored_total"] - m["alerts_quarantined_total"]
		if owed == 0 && m["journal_backlog_deliveries"] == 0 {
			return ""
		}
		return fmt.Sprintf("not at rest: received %v + replayed %v - stored %v - quarantined %v = %v, backlog %v deliveries",
			m["alerts_received_total"], m["alerts_replayed_total"], m["alerts_stored_total"], m["alerts_quarantined_total"], owed, m["journal_backlog_deliveries"])
	})
}
