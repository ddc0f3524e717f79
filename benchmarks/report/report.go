// Package report holds what a benchmark measured: the raw samples, from which
// everything that is printed is worked out.
package report

import (
	"fmt"
	"time"

	"stormdrain/benchmarks/load"
	"stormdrain/benchmarks/machine"
	"stormdrain/benchmarks/wrk"
)

// Ceiling is the target that all others are compared with.
const Ceiling = "ceiling"

// Report is one run of the benchmark. It names no host and no path.
type Report struct {
	Time     time.Time         `json:"time"`
	Commit   string            `json:"commit"`
	Quick    bool              `json:"quick"` // a smoke run, whose figures mean nothing
	Machine  machine.Machine   `json:"machine"`
	Versions map[string]string `json:"versions"`
	Postgres map[string]string `json:"postgres_settings"` // those that bear on writing
	Settings Settings          `json:"settings"`
	Loads    []Load            `json:"loads"`

	Closed []Closed `json:"closed_loop"`
	Steady []Steady `json:"constant_rate"`
	Rows   []Rows   `json:"rows"`
}

// Settings is how much was measured.
type Settings struct {
	Rounds      int           `json:"rounds"`
	Duration    time.Duration `json:"duration_ns"`
	Warmup      time.Duration `json:"warmup_ns"`
	Connections int           `json:"connections"`
	Rate        int           `json:"rate_per_second"`
	Steady      time.Duration `json:"constant_rate_duration_ns"`
}

// Load is what the requests were, as a server saw them.
type Load struct {
	Mode      string `json:"mode"`
	Requests  int    `json:"requests_looked_at"`
	Bytes     int    `json:"bytes_per_request"`
	Alerts    int    `json:"alerts_per_request"`
	LabelSets int    `json:"label_sets"` // in the requests looked at
}

// Closed is one run of wrk against one target.
type Closed struct {
	Round   int        `json:"round"`
	Target  string     `json:"target"`
	Mode    string     `json:"mode"`
	Wrk     wrk.Result `json:"wrk"`
	Server  Server     `json:"server"`
	Invalid string     `json:"invalid,omitempty"` // why it does not count
}

// Steady is one run at a constant rate.
type Steady struct {
	Round   int         `json:"round"`
	Target  string      `json:"target"`
	Load    load.Result `json:"load"`
	Server  Server      `json:"server"`
	Invalid string      `json:"invalid,omitempty"`
}

// Rows is what one benchmark of a store said.
type Rows struct {
	Round     int     `json:"round"`
	Store     string  `json:"store"`
	Name      string  `json:"name"` // "entries=known" and the like
	PerSecond float64 `json:"rows_per_second"`
}

// Server is what the target used. What only stormdrain can tell is zero for the
// ceiling.
type Server struct {
	Requests int64         `json:"requests"`   // answered with 200, by its own count
	CPU      time.Duration `json:"cpu_ns"`     // until all was stored
	LoadCPU  time.Duration `json:"cpu_run_ns"` // of it, while the load ran

	ResidentMax    int64 `json:"resident_max_bytes"`    // of the samples
	ResidentMedian int64 `json:"resident_median_bytes"` // of the samples
	ResidentPeak   int64 `json:"resident_peak_bytes"`   // since its start, VmHWM

	Received int64         `json:"alerts_received,omitempty"`
	Stored   int64         `json:"alerts_stored,omitempty"`
	Backlog  int64         `json:"backlog_at_end,omitempty"` // alerts acknowledged and not stored when the load ended
	Drain    time.Duration `json:"drain_ns,omitempty"`       // from then until all was stored
	Mallocs  int64         `json:"mallocs,omitempty"`        // until all was stored, without those of being asked
	GCs      int64         `json:"gcs,omitempty"`

	Surroundings Surroundings `json:"surroundings"`
}

// Surroundings is who else used the processors while the load ran.
type Surroundings struct {
	Elapsed  time.Duration `json:"elapsed_ns"`
	Postgres time.Duration `json:"postgres_cpu_ns"`
	Client   time.Duration `json:"client_cpu_ns"`
	Others   time.Duration `json:"others_cpu_ns"` // nobody of ours: noise
	Stolen   time.Duration `json:"stolen_cpu_ns"` // by the hypervisor
}

// CPUPerRequest is zero when nothing was answered.
func (s *Server) CPUPerRequest() time.Duration {
	if s.Requests == 0 {
		return 0
	}
	return s.CPU / time.Duration(s.Requests)
}

// AllocsPerRequest counts those of the whole process, the storing side's too.
func (s *Server) AllocsPerRequest() float64 {
	if s.Requests == 0 {
		return 0
	}
	return float64(s.Mallocs) / float64(s.Requests)
}

// Invalid lists the runs that went wrong. With one of them, the report is none.
func (r *Report) Invalid() (reasons []string) {
	for _, c := range r.Closed {
		if c.Invalid != "" {
			reasons = append(reasons, fmt.Sprintf("%s, %s, round %d: %s", c.Target, c.Mode, c.Round, c.Invalid))
		}
	}
	for _, s := range r.Steady {
		if s.Invalid != "" {
			reasons = append(reasons, fmt.Sprintf("%s at a constant rate, round %d: %s", s.Target, s.Round, s.Invalid))
		}
	}
	return reasons
}
