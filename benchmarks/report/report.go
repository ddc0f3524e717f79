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

// Targets that have a part in how the report is worked out.
const (
	Ceiling       = "ceiling"            // all others are compared with it
	DiskCeiling   = "ceiling, fdatasync" // of what is durable when it is answered
	Before        = "reference, before"
	After         = "reference, after"
	Durable       = "fsync, Postgres"
	DurableSQLite = "fsync, SQLite"
	Alone         = "fsync, Postgres, events alone" // no episodes: what they cost is the difference
	AloneSQLite   = "fsync, SQLite, events alone"
)

// IsReference reports that a target is not stormdrain but what it is compared
// with: a run of it that goes wrong says something about it, not about us.
func IsReference(target string) bool { return target == Before || target == After }

// isCeiling reports that a target keeps no alerts: it has nothing to store, and
// no metrics to say what it costs.
func isCeiling(target string) bool { return target == Ceiling || target == DiskCeiling }

// Modes of the load, see wrk/storm.lua.
const (
	Storm = "storm"
	Hard  = "hard"
	Mix   = "mix"
)

// Case is a kind of load.
type Case struct {
	Mode   string `json:"mode"`
	Alerts int    `json:"alerts,omitempty"` // in a request; 0: they differ
}

func (c Case) String() string {
	switch c.Alerts {
	case 0:
		return c.Mode
	case 1:
		return c.Mode + ", 1 alert a request"
	}
	return fmt.Sprintf("%s, %s alerts a request", c.Mode, thousands(float64(c.Alerts)))
}

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

	Disk   []Disk   `json:"disk"`
	Closed []Closed `json:"closed_loop"`
	Steady []Steady `json:"constant_rate"`
	Rows   []Rows   `json:"rows"`
}

// Settings is how much was measured.
type Settings struct {
	Whole       bool          `json:"whole"` // nothing of the default was left out
	Rounds      int           `json:"rounds"`
	Duration    time.Duration `json:"duration_ns"`
	Warmup      time.Duration `json:"warmup_ns"`
	Connections int           `json:"connections"`
	Rate        int           `json:"rate_per_second"`
	Steady      time.Duration `json:"constant_rate_duration_ns"`
	Step        time.Duration `json:"other_rates_duration_ns"`
}

// Load is what the requests were, as a server saw them.
type Load struct {
	Case
	Requests       int     `json:"requests_looked_at"`
	Bytes          int     `json:"bytes_per_request"`
	Alerts         float64 `json:"alerts_per_request"` // the mean
	LabelSets      int     `json:"label_sets"`         // in the requests looked at
	AnnotationSets int     `json:"annotation_sets"`
}

// Disk is how long the disk took for an fdatasync of 4 KiB that overwrite zeros.
type Disk struct {
	Round int `json:"round"`
	machine.Sync
}

// Closed is one run of wrk against one target.
type Closed struct {
	Round       int    `json:"round"`
	Target      string `json:"target"`
	Case               // of the load
	Connections int    `json:"connections"`

	Wrk     wrk.Result `json:"wrk"`
	Server  Server     `json:"server"`
	Invalid string     `json:"invalid,omitempty"` // why it does not count
}

// AllIn is how many alerts were acknowledged and stored a second, from the first
// request until nothing was left behind.
func (c *Closed) AllIn() float64 {
	all := c.Wrk.Elapsed + c.Server.Drain
	if all <= 0 {
		return 0
	}
	return float64(c.Server.Received) / all.Seconds()
}

// Steady is one run at a constant rate.
type Steady struct {
	Round   int         `json:"round"`
	Target  string      `json:"target"`
	Rate    int         `json:"rate"`
	Load    load.Result `json:"load"`
	Server  Server      `json:"server"`
	Invalid string      `json:"invalid,omitempty"`
}

// Held reports that the server kept up: all was sent, and the last answer came
// soon after the last request was due. Who does not keep up falls behind ever
// further: by a hundredth of the run, when a hundredth of the rate is too much.
func (s *Steady) Held() bool {
	if s.Rate < 1 || s.Load.Failures() != "" {
		return false
	}
	planned := time.Duration(float64(s.Load.Due) / float64(s.Rate) * float64(time.Second))
	return s.Load.Elapsed-planned <= max(planned/100, 100*time.Millisecond)
}

// Rows is what one benchmark of a store said.
type Rows struct {
	Round     int     `json:"round"`
	Store     string  `json:"store"`
	Name      string  `json:"name"` // "entries=known" and the like
	PerSecond float64 `json:"rows_per_second"`
}

// Server is what the target used. What only a server that stores can tell is
// zero for the ceiling.
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

	JournalBytes int64 `json:"journal_bytes,omitempty"`       // written to the journal
	Rows         int64 `json:"rows_in_store,omitempty"`       // those of the warm-up, too
	StoreBytes   int64 `json:"store_bytes_on_disk,omitempty"` // by which all tables and indexes grew

	PostgresCPU time.Duration `json:"postgres_cpu_until_stored_ns,omitempty"`
	LogBytes    int64         `json:"postgres_log_bytes,omitempty"` // written to its write-ahead log

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
func (s *Server) AllocsPerRequest() float64 { return per(s.Mallocs, s.Requests) }

// JournalBytesPerAlert includes what each new segment repeats.
func (s *Server) JournalBytesPerAlert() float64 { return per(s.JournalBytes, s.Received) }

// StoreBytesPerEvent includes indexes and what all other tables grew by; not what
// was there after the warm-up, which is the same for few events and for many.
func (s *Server) StoreBytesPerEvent() float64 { return per(s.StoreBytes, s.Stored) }

// LogBytesPerAlert includes whole pages, which follow a checkpoint.
func (s *Server) LogBytesPerAlert() float64 { return per(s.LogBytes, s.Stored) }

func per(sum, n int64) float64 {
	if n == 0 {
		return 0
	}
	return float64(sum) / float64(n)
}

// Invalid lists the runs that went wrong. With one of them, the report is none.
func (r *Report) Invalid() []string { return r.wrong(false) }

// Excluded lists the runs of the reference that went wrong. They are left out.
func (r *Report) Excluded() []string { return r.wrong(true) }

func (r *Report) wrong(reference bool) (reasons []string) {
	for i := range r.Closed {
		if c := &r.Closed[i]; c.Invalid != "" && IsReference(c.Target) == reference {
			reasons = append(reasons, fmt.Sprintf("%s, %v, round %d: %s", c.Target, c.Case, c.Round, c.Invalid))
		}
	}
	for i := range r.Steady {
		if s := &r.Steady[i]; s.Invalid != "" && IsReference(s.Target) == reference {
			reasons = append(reasons, fmt.Sprintf("%s at %s requests/s, round %d: %s", s.Target, thousands(float64(s.Rate)), s.Round, s.Invalid))
		}
	}
	return reasons
}
