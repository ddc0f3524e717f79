package subject

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

// Counts is what a server says about itself.
type Counts struct {
	OK         int64 // webhooks answered with 200
	Others     int64 // with anything else
	Goroutines int64
}

// Sub returns what was answered since, with the goroutines of now.
func (c Counts) Sub(before Counts) Counts {
	return Counts{OK: c.OK - before.OK, Others: c.Others - before.Others, Goroutines: c.Goroutines}
}

const countsLimit = 10 * time.Second

// ReadCounts asks the server at base, "http://127.0.0.1:9567".
func ReadCounts(ctx context.Context, base string) (Counts, error) {
	ctx, cancel := context.WithTimeout(ctx, countsLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/metrics", nil)
	if err != nil {
		return Counts{}, err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return Counts{}, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return Counts{}, fmt.Errorf("GET %s/metrics: %s", base, answer.Status)
	}
	return parseCounts(answer.Body)
}

// parseCounts reads the three series from Prometheus' text format.
func parseCounts(r io.Reader) (c Counts, err error) {
	found := false
	for in := bufio.NewScanner(r); ; {
		if !in.Scan() {
			if err = in.Err(); err == nil && !found {
				err = fmt.Errorf("metrics without stormdrain_http_requests_total of the webhook: is it stormdrain?")
			}
			return c, err
		}
		series, value, _ := strings.Cut(in.Text(), " ")
		webhooks := strings.HasPrefix(series, "stormdrain_http_requests_total{") && strings.Contains(series, `handler="webhook"`)
		if !webhooks && series != "go_goroutines" {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return c, fmt.Errorf("metrics: %s: %w", series, err)
		}
		switch {
		case !webhooks:
			c.Goroutines = int64(v)
			continue
		case strings.Contains(series, `code="200"`):
			c.OK += int64(v)
		default:
			c.Others += int64(v)
		}
		found = true
	}
}
