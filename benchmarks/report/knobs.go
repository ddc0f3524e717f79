package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"stormdrain/benchmarks/machine"
)

// Knob is a setting that was tried with several values, everything else being
// at its default.
type Knob struct {
	Setting string   `json:"setting"` // as in the configuration file; Postgres' own have "postgres: " before them
	About   string   `json:"about"`   // what it weighs against what
	Values  []string `json:"values"`
	Default string   `json:"default"` // one of Values
}

// Knobs is one run of that benchmark. It names no host and no path.
type Knobs struct {
	Time        time.Time         `json:"time"`
	Commit      string            `json:"commit"`
	Quick       bool              `json:"quick"` // a smoke run, whose figures mean nothing
	Whole       bool              `json:"whole"` // nothing of the default was left out
	Machine     machine.Machine   `json:"machine"`
	Versions    map[string]string `json:"versions"`
	Postgres    map[string]string `json:"postgres_settings"`
	Rounds      int               `json:"rounds"`
	Connections int               `json:"connections"`
	Duration    time.Duration     `json:"duration_ns"`
	Warmup      time.Duration     `json:"warmup_ns"`
	Loads       []Load            `json:"loads"`

	Knobs  []Knob       `json:"knobs"`
	Closed []KnobClosed `json:"closed_loop"`
	Steady []KnobSteady `json:"constant_rate"`
	Rows   []KnobRows   `json:"rows"`
}

// Turn is whose run it was.
type Turn struct {
	Setting string `json:"setting"`
	Value   string `json:"value"`
}

// KnobClosed is a run as fast as it goes.
type KnobClosed struct {
	Turn
	Closed
}

// KnobSteady is a run at a constant rate.
type KnobSteady struct {
	Turn
	Steady
}

// KnobRows is a run of a store's benchmark.
type KnobRows struct {
	Turn
	Rows
}

// Invalid lists the runs that went wrong. With one of them, the report is none.
func (k *Knobs) Invalid() (reasons []string) {
	for i := range k.Closed {
		if c := &k.Closed[i]; c.Invalid != "" {
			reasons = append(reasons, fmt.Sprintf("%s %s, %s, %v, round %d: %s", c.Setting, c.Value, c.Target, c.Case, c.Round, c.Invalid))
		}
	}
	for i := range k.Steady {
		if s := &k.Steady[i]; s.Invalid != "" {
			reasons = append(reasons, fmt.Sprintf("%s %s, %s at %s requests/s, round %d: %s",
				s.Setting, s.Value, s.Target, thousands(float64(s.Rate)), s.Round, s.Invalid))
		}
	}
	return reasons
}

func (c *KnobClosed) at() (t Turn, round int, counts bool) { return c.Turn, c.Round, c.Invalid == "" }
func (s *KnobSteady) at() (t Turn, round int, counts bool) { return s.Turn, s.Round, s.Invalid == "" }
func (r *KnobRows) at() (t Turn, round int, counts bool)   { return r.Turn, r.Round, true }

// Write writes the raw samples and the tables into dir, which it creates. What is
// less than the whole does not take the place of a whole run.
func (k *Knobs) Write(dir string) (names []string, err error) {
	raw, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	base := "knobs"
	if !k.Whole {
		base += "-part"
	}
	for _, f := range []file{{base + ".json", append(raw, '\n')}, {base + ".md", []byte(k.Markdown())}} {
		if err := os.WriteFile(filepath.Join(dir, f.name), f.content, 0o644); err != nil {
			return names, err
		}
		names = append(names, f.name)
	}
	return names, nil
}
