package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"stormdrain/benchmarks/machine"
)

// report is what was measured, raw. It names no host and no path.
type report struct {
	Time     time.Time         `json:"time"`
	Commit   string            `json:"commit"`
	Quick    bool              `json:"quick"` // a smoke run, whose figures mean nothing
	Machine  machine.Machine   `json:"machine"`
	Versions map[string]string `json:"versions"`
	Settings map[string]string `json:"postgres_settings"`

	PerBody     int   `json:"alerts_per_request"`
	Connections int   `json:"connections"`
	Known       int   `json:"known_label_sets"`
	NewEvery    int64 `json:"alerts_per_new_label_set"`
	Behind      int64 `json:"most_alerts_waiting"`

	Curves  []*curve `json:"curves"`
	Backlog *backlog `json:"backlog,omitempty"`
}

// curve is one store that was filled.
type curve struct {
	Store        string    `json:"store"`
	Points       []point   `json:"points"`
	Queries      []queries `json:"queries"`
	Acknowledged int64     `json:"acknowledged"`
	Rows         int64     `json:"rows"` // of alert_events
}

// point is one step of a curve: costs are those of the step, sizes those at its
// end.
type point struct {
	Events       int64   `json:"events"` // stored, at its end
	PerSecond    float64 `json:"stored_per_second"`
	ServerCPU    float64 `json:"server_cpu_ns_per_alert"`
	PostgresCPU  float64 `json:"postgres_cpu_ns_per_alert,omitempty"`
	Resident     int64   `json:"server_resident_bytes"`
	StoreBytes   int64   `json:"store_bytes"`
	JournalBytes float64 `json:"journal_bytes_per_alert,omitempty"` // 0: nothing waited in it
}

// queries is one kind of question at one size.
type queries struct {
	Events int64           `json:"events"`
	Kind   string          `json:"kind"`
	Took   []time.Duration `json:"took_ns"`
}

// backlog is a start with a full journal.
type backlog struct {
	Alerts       int64         `json:"alerts"`
	JournalBytes int64         `json:"journal_bytes"`
	TakenIn      float64       `json:"taken_in_per_second"` // without a store
	Ready        time.Duration `json:"ready_ns"`            // from the start of the process
	Drain        time.Duration `json:"drain_ns"`            // from then, too
	Drained      float64       `json:"drained_per_second"`
	NormalBefore float64       `json:"normal_before_per_second"` // the same load without a backlog
	NormalAfter  float64       `json:"normal_after_per_second"`  // with all that in the tables
	Peak         int64         `json:"server_peak_bytes"`
	Acknowledged int64         `json:"acknowledged"`
	Rows         int64         `json:"rows"` // of alert_events
	Seconds      []float64     `json:"seconds"`
	Waiting      []int64       `json:"alerts_waiting"` // at those seconds after it was ready
}

func newReport(o *options) *report {
	return &report{
		Time: time.Now(), Quick: o.quick, Versions: map[string]string{"go": runtime.Version()},
		PerBody: o.perBody, Connections: o.connections, Known: o.known, NewEvery: o.newEvery, Behind: o.behind,
	}
}

// bytesPerEvent is of a step, so that what is there once does not count for ever.
func (c *curve) bytesPerEvent(i int) float64 {
	p := c.Points[i]
	if i == 0 {
		return float64(p.StoreBytes) / float64(p.Events)
	}
	before := c.Points[i-1]
	return float64(p.StoreBytes-before.StoreBytes) / float64(p.Events-before.Events)
}

// ends returns the median of f over the first and over the last quarter of the
// points, but for the very first, in which everything is new.
func (c *curve) ends(f func(*point) float64) (first, last float64) {
	var all []float64
	for i := range c.Points[1:] {
		all = append(all, f(&c.Points[i+1]))
	}
	n := max(1, len(all)/4)
	return median(all[:n]), median(all[len(all)-n:])
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if len(s)%2 == 0 {
		return (s[len(s)/2-1] + s[len(s)/2]) / 2
	}
	return s[len(s)/2]
}

// write writes raw figures, tables and plots.
func (r *report) write(dir string, stdout io.Writer) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	files := []file{{"growth.json", append(raw, '\n')}, {"growth.md", []byte(r.markdown())}}
	for _, f := range append(files, r.plots()...) {
		if err := os.WriteFile(filepath.Join(dir, f.name), f.content, 0o644); err != nil {
			return err
		}
		fmt.Fprintln(stdout, "written:", f.name)
	}
	return nil
}

type file struct {
	name    string
	content []byte
}
