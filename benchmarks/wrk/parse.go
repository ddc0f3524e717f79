package wrk

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Result is what wrk says about a run. Latencies are those of a closed loop:
// from when a request was sent, which was when the one before it had been
// answered.
type Result struct {
	Requests  int           `json:"requests"` // answered in full, whatever the status
	Elapsed   time.Duration `json:"elapsed_ns"`
	PerSecond float64       `json:"requests_per_second"`

	P50 time.Duration `json:"p50_ns"`
	P90 time.Duration `json:"p90_ns"`
	P99 time.Duration `json:"p99_ns"`

	NotOK    int `json:"non_2xx_or_3xx"`
	Connect  int `json:"connect_errors"`
	Read     int `json:"read_errors"`
	Write    int `json:"write_errors"`
	Timeouts int `json:"timeouts"`

	CPU time.Duration `json:"wrk_cpu_ns"` // of wrk itself; Parse cannot know it
}

// Failures says what went wrong, "" for nothing. wrk takes 3xx for success, so
// the caller compares with the server's own count of 2xx.
func (r *Result) Failures() string {
	if r.NotOK+r.Connect+r.Read+r.Write+r.Timeouts == 0 {
		return ""
	}
	return fmt.Sprintf("%d answers that are neither 2xx nor 3xx; socket errors: connect %d, read %d, write %d, timeout %d",
		r.NotOK, r.Connect, r.Read, r.Write, r.Timeouts)
}

// Parse reads what wrk --latency prints. It insists on every line that it needs,
// as half an output is no measurement; the two lines about errors are there only
// when there were some.
func Parse(out string) (Result, error) {
	p := parser{seen: map[string]bool{}}
	for line := range strings.Lines(out) {
		if err := p.line(strings.TrimSpace(line)); err != nil {
			return Result{}, fmt.Errorf("line %q of wrk: %w", strings.TrimSpace(line), err)
		}
	}
	for _, need := range []string{"requests", "rate", "50%", "90%", "99%"} {
		if !p.seen[need] {
			return Result{}, fmt.Errorf("wrk did not print its %s:\n%s", need, out)
		}
	}
	return p.result, nil
}

type parser struct {
	result Result
	seen   map[string]bool
}

func (p *parser) line(line string) (err error) {
	f := strings.Fields(line)
	r := &p.result
	switch {
	case len(f) >= 4 && f[1] == "requests" && f[2] == "in":
		p.seen["requests"] = true
		if r.Requests, err = strconv.Atoi(f[0]); err == nil {
			r.Elapsed, err = time.ParseDuration(strings.TrimSuffix(f[3], ","))
		}
	case len(f) == 2 && f[0] == "Requests/sec:":
		p.seen["rate"] = true
		r.PerSecond, err = strconv.ParseFloat(f[1], 64)
	case len(f) == 2 && strings.HasSuffix(f[0], "%"):
		err = p.percentile(f[0], f[1])
	case strings.HasPrefix(line, "Socket errors:"):
		_, err = fmt.Sscanf(line, "Socket errors: connect %d, read %d, write %d, timeout %d", &r.Connect, &r.Read, &r.Write, &r.Timeouts)
	case strings.HasPrefix(line, "Non-2xx or 3xx responses:"):
		_, err = fmt.Sscanf(line, "Non-2xx or 3xx responses: %d", &r.NotOK)
	}
	return err
}

func (p *parser) percentile(name, value string) error {
	// wrk's units are us, ms, s, m and h, as Go's are.
	d, err := time.ParseDuration(value)
	if err != nil {
		return err
	}
	p.seen[name] = true
	switch name {
	case "50%":
		p.result.P50 = d
	case "90%":
		p.result.P90 = d
	case "99%":
		p.result.P99 = d
	}
	return nil
}
