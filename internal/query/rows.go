package query

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"stormdrain/internal/config"
)

// firing is what an episode and an event of the API have in common: the part that
// a table shows.
type firing struct {
	ID          string            `json:"id"`
	Source      string            `json:"source"`
	Receiver    string            `json:"receiver"`  // of an event
	Receivers   []string          `json:"receivers"` // of an episode
	Status      string            `json:"status"`
	Fingerprint string            `json:"fingerprint"`
	ReceivedAt  time.Time         `json:"receivedAt"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      *time.Time        `json:"endsAt"`
	Superseded  *time.Time        `json:"supersededAt"`
	Receipts    int64             `json:"receipts"`
	Unfired     bool              `json:"resolvedOnly"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// table is how one kind of answer is shown: its columns, and the cells of a line.
type table struct {
	columns []column
	row     func(line []byte) ([]cell, error)
}

// writing is how times and texts of a table are written.
type writing struct {
	now  time.Time
	zone *time.Location
	wide bool
}

func tableOf(cfg *config.Query, w writing) table {
	kind, _ := cfg.Kind()
	switch {
	case kind == config.QueryStats:
		return w.stats(cfg.By)
	case kind == config.QueryEvents || cfg.Follow:
		return w.events()
	}
	return w.episodes()
}

func (w writing) events() table {
	t := table{columns: []column{
		{title: "RECEIVED", keep: 4}, {title: "STATUS", keep: 5}, {title: "SEVERITY", keep: 2, optional: true},
		{title: "ALERT", keep: 5, least: 12}, {title: "SOURCE", keep: 1, optional: true, least: 6}, {title: "LABELS", keep: 3, least: 10},
	}}
	if w.wide {
		t.columns = append(t.columns, column{title: "SUMMARY"}, column{title: "STARTED"}, column{title: "ENDED"},
			column{title: "RECEIVER"}, column{title: "FINGERPRINT"})
	}
	t.row = func(line []byte) ([]cell, error) {
		f, err := parseFiring(line)
		if err != nil {
			return nil, err
		}
		cells := []cell{plain(w.time(&f.ReceivedAt)), statusCell(f.Status), severityCell(f), nameCell(f), plain(f.Source), plain(labels(f.Labels))}
		if w.wide {
			cells = append(cells, plain(summary(f)), plain(w.time(&f.StartsAt)), plain(w.time(f.EndsAt)), plain(f.Receiver), plain(f.Fingerprint))
		}
		return cells, nil
	}
	return t
}

func (w writing) episodes() table {
	t := table{columns: []column{
		{title: "STARTED", keep: 4}, {title: "STATUS", keep: 5}, {title: "LASTED", keep: 3, right: true}, {title: "SEVERITY", keep: 2, optional: true},
		{title: "ALERT", keep: 5, least: 12}, {title: "SOURCE", keep: 1, optional: true, least: 6}, {title: "LABELS", keep: 3, least: 10},
	}}
	if w.wide {
		t.columns = append(t.columns, column{title: "SUMMARY"}, column{title: "ENDED"}, column{title: "RECEIPTS", right: true},
			column{title: "RECEIVERS"}, column{title: "FINGERPRINT"})
	}
	t.row = func(line []byte) ([]cell, error) {
		f, err := parseFiring(line)
		if err != nil {
			return nil, err
		}
		status, until := f.Status, f.EndsAt
		if status == "firing" {
			until = nil // what endsAt says is of an earlier resolve
			if f.Superseded != nil {
				// It began anew without a resolve, so nobody knows when it ended.
				status, until = "unknown", f.Superseded
			}
		}
		lasted := w.lasted(f.StartsAt, until)
		if status == "unknown" {
			lasted = "<" + lasted
		}
		if f.Unfired {
			lasted = "?" // its firing never came
		}
		cells := []cell{plain(w.time(&f.StartsAt)), statusCell(status), plain(lasted), severityCell(f), nameCell(f), plain(f.Source), plain(labels(f.Labels))}
		if w.wide {
			cells = append(cells, plain(summary(f)), plain(w.time(until)), plain(strconv.FormatInt(f.Receipts, 10)),
				plain(strings.Join(f.Receivers, ",")), plain(f.Fingerprint))
		}
		return cells, nil
	}
	return t
}

func parseFiring(line []byte) (*firing, error) {
	var f firing
	if err := json.Unmarshal(line, &f); err != nil {
		return nil, fmt.Errorf("a line of the answer cannot be understood: %w", err)
	}
	return &f, nil
}

// statistic is one element of /api/v1/stats.
type statistic struct {
	Value      string   `json:"value"`
	Receipts   int64    `json:"receipts"`
	Episodes   int64    `json:"episodes"`
	Alerts     int64    `json:"alerts"`
	Flaps      int64    `json:"flaps"`
	Open       int64    `json:"open"`
	Unresolved int64    `json:"unresolved"`
	Mean       *float64 `json:"meanSecondsToResolve"`
	P95        *float64 `json:"p95SecondsToResolve"`
}

func (w writing) stats(by string) table {
	title := strings.ToUpper(visible(by))
	return table{
		columns: []column{
			{title: title, keep: 9, least: 12}, {title: "EPISODES", keep: 8, right: true}, {title: "ALERTS", keep: 3, right: true},
			{title: "FLAPS", keep: 4, right: true}, {title: "OPEN", keep: 7, right: true}, {title: "UNRESOLVED", keep: 1, right: true},
			{title: "MEAN", keep: 6, right: true}, {title: "P95", keep: 5, right: true}, {title: "RECEIPTS", keep: 2, right: true},
		},
		row: func(line []byte) ([]cell, error) {
			var s statistic
			if err := json.Unmarshal(line, &s); err != nil {
				return nil, fmt.Errorf("a line of the answer cannot be understood: %w", err)
			}
			return s.cells(plain(s.Value)), nil
		},
	}
}

func (s *statistic) cells(first cell) []cell {
	cells := []cell{first}
	for _, n := range []int64{s.Episodes, s.Alerts, s.Flaps, s.Open, s.Unresolved} {
		cells = append(cells, plain(strconv.FormatInt(n, 10)))
	}
	for _, seconds := range []*float64{s.Mean, s.P95} {
		text := "-"
		if seconds != nil {
			text = span(time.Duration(*seconds * float64(time.Second)))
		}
		cells = append(cells, plain(text))
	}
	return append(cells, plain(strconv.FormatInt(s.Receipts, 10)))
}

// time writes an instant to the second, and the year where it is another one.
func (w writing) time(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	local := t.In(w.zone)
	if !w.wide && local.Year() == w.now.In(w.zone).Year() {
		return local.Format("Jan 02 15:04:05")
	}
	return local.Format("2006-01-02 15:04:05")
}

func (w writing) lasted(from time.Time, until *time.Time) string {
	end := w.now
	if until != nil {
		end = *until
	}
	return span(max(0, end.Sub(from)))
}

// span writes a duration in its two largest units.
func span(d time.Duration) string {
	day := 24 * time.Hour
	switch {
	case d >= day:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

func plain(text string) cell { return cell{text: visible(text)} }

func statusCell(status string) cell {
	return cell{text: visible(status), color: map[string]string{"firing": red, "resolved": green, "unknown": yellow}[status]}
}

func severityCell(f *firing) cell {
	severity := f.Labels["severity"]
	color := ""
	switch strings.ToLower(severity) {
	case "critical", "page", "emergency":
		color = red
	case "warning", "error":
		color = yellow
	}
	return cell{text: visible(severity), color: color}
}

func nameCell(f *firing) cell {
	c := plain(f.Labels["alertname"])
	c.color = bold
	return c
}

func summary(f *firing) string {
	for _, name := range []string{"summary", "message", "description"} {
		if text := f.Annotations[name]; text != "" {
			return text
		}
	}
	return ""
}

// labels writes those that have no column of their own, by name. A value that
// could be taken for more than one word is quoted.
func labels(all map[string]string) string {
	names := make([]string, 0, len(all))
	for name := range all {
		if name != "alertname" && name != "severity" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word(name) + "=" + word(all[name]))
	}
	return b.String()
}

func word(s string) string {
	if s == "" || strings.ContainsAny(s, " =\"',{}\\") {
		return strconv.QuoteToGraphic(s)
	}
	return s
}
