package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stormdrain/benchmarks/machine"
	"stormdrain/benchmarks/plot"
	"stormdrain/benchmarks/trend"
)

// result is one soak. It names no host and no path.
type result struct {
	Time     time.Time         `json:"time"`
	Commit   string            `json:"commit"`
	Store    string            `json:"store"`
	Machine  machine.Machine   `json:"machine"`
	Versions map[string]string `json:"versions"`
	Rate     int               `json:"webhooks_per_second"`
	Duration time.Duration     `json:"duration_ns"`

	Idle  level `json:"idle_before"`
	Quiet level `json:"idle_after"`

	Requests     map[string]int64 `json:"requests"` // by their answers
	Acknowledged int64            `json:"alerts_acknowledged"`
	Quarantined  int64            `json:"alerts_quarantined"`
	Rows         int64            `json:"rows"`

	Failures []string  `json:"failures"`
	Seconds  []float64 `json:"seconds"` // of each sample, since the load began
	Series   []series  `json:"series"`
}

// level is what an idle server has.
type level struct {
	Goroutines  int64 `json:"goroutines"`
	Descriptors int   `json:"descriptors"`
}

func levelOf(s *sample) level { return level{s.metrics.Sum("go_goroutines"), s.files} }

// series is one measure over time, and the verdict on its second half.
type series struct {
	Name    string        `json:"name"`
	Unit    string        `json:"unit,omitempty"`
	Verdict trend.Verdict `json:"second_half"`
	Values  []float64     `json:"values"`
}

func (r *result) fail(format string, args ...any) {
	r.Failures = append(r.Failures, fmt.Sprintf(format, args...))
}

func (r *result) flat() bool { return len(r.Failures) == 0 }

// judge looks for a trend in the second half of each measure: the first is for
// tables that fill and for a heap that finds its size.
func (r *result) judge(samples []*sample) error {
	for _, s := range samples {
		r.Seconds = append(r.Seconds, s.at.Seconds())
	}
	half := len(samples) / 2
	for _, m := range measures() {
		s := series{Name: m.Name, Unit: m.Unit}
		for _, one := range samples {
			s.Values = append(s.Values, m.of(one))
		}
		var err error
		if s.Verdict, err = trend.Judge(r.Seconds[half:], s.Values[half:], m.Tolerance); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		if s.Verdict.Grows {
			r.fail("%s grows: %s\n  %s", m.Name, s.describe(), s.thinned(half))
		}
		r.Series = append(r.Series, s)
	}
	return nil
}

func (s *series) describe() string {
	v := &s.Verdict
	unit := ""
	if s.Unit != "" {
		unit = " " + s.Unit
	}
	return fmt.Sprintf("median %.4g%s, drift %+.3g%s over the second half, allowed %.3g%s, z %.1f", v.Median, unit, v.Drift, unit, v.Allowed, unit, v.Z)
}

// thinned writes the values from one on, in no more columns than a person reads.
func (s *series) thinned(from int) string {
	const most = 40
	var b strings.Builder
	for _, v := range thin(s.Values[from:], most) {
		fmt.Fprintf(&b, "%.4g ", v)
	}
	return strings.TrimSpace(b.String())
}

// thin returns medians of neighbours, most of them at most.
func thin(values []float64, most int) (medians []float64) {
	each := max(1, (len(values)+most-1)/most)
	for part := range slices.Chunk(values, each) {
		sorted := slices.Sorted(slices.Values(part))
		medians = append(medians, sorted[len(sorted)/2])
	}
	return medians
}

// text is the summary for a terminal.
func (r *result) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %v, %d webhooks/s, %d samples; %d alerts acknowledged, %d rows, %d in quarantine\n",
		r.Store, r.Duration, r.Rate, len(r.Seconds), r.Acknowledged, r.Rows, r.Quarantined)
	for i := range r.Series {
		fmt.Fprintf(&b, "  %-18s %s\n", r.Series[i].Name, r.Series[i].describe())
	}
	fmt.Fprintf(&b, "  idle before: %d goroutines, %d descriptors; after: %d, %d\n",
		r.Idle.Goroutines, r.Idle.Descriptors, r.Quiet.Goroutines, r.Quiet.Descriptors)
	for _, f := range r.Failures {
		fmt.Fprintf(&b, "FAILED %s: %s\n", r.Store, f)
	}
	return b.String()
}

// plots returns the pictures by the end of their names.
func (r *result) plots() map[string]*plot.Plot {
	const most = 240 // points of a line; all samples are in the JSON
	about := fmt.Sprintf("%s, %v at %d webhooks/s (%s)", r.Store, r.Duration, r.Rate, r.Commit)
	memory := &plot.Plot{Title: "Memory over a soak: " + about, XLabel: "seconds", YLabel: "MiB"}
	counts := &plot.Plot{Title: "Counts over a soak: " + about, XLabel: "seconds", YLabel: "number", LogY: true}
	for i := range r.Series {
		s := &r.Series[i]
		p := counts
		if s.Unit != "" {
			p = memory
		}
		p.Series = append(p.Series, plot.Series{Name: s.Name, X: thin(r.Seconds, most), Y: thin(s.Values, most)})
	}
	return map[string]*plot.Plot{"memory": memory, "counts": counts}
}

// write writes the samples and the plots; a failed soak's too.
func (r *result) write(dir string, stdout io.Writer) error {
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
	base := "soak-" + r.Store
	files := map[string][]byte{base + ".json": append(raw, '\n')}
	for name, p := range r.plots() {
		files[base+"-"+name+".svg"] = p.SVG()
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
		fmt.Fprintln(stdout, "written:", name)
	}
	return nil
}
