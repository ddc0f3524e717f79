package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// PrintText writes a line a check.
func PrintText(w io.Writer, results []Result, colours bool) error {
	width := 0
	for _, r := range results {
		width = max(width, len(r.Check))
	}
	var b strings.Builder
	for _, r := range results {
		fmt.Fprintf(&b, "%s  %-*s  %s", mark(r.Status, colours), width, r.Check, r.Found)
		if r.Wanted != "" {
			b.WriteString("; want " + r.Wanted)
		}
		if r.Remedy != "" {
			b.WriteString("; mend: " + r.Remedy)
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func mark(s Status, colours bool) string {
	word := fmt.Sprintf("%-4s", s)
	if !colours {
		return word
	}
	colour := map[Status]string{OK: "32", Warn: "33", Fail: "31"}[s]
	return "\x1b[" + colour + "m" + word + "\x1b[0m"
}

// PrintJSON writes one object.
func PrintJSON(w io.Writer, results []Result) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Status Status   `json:"status"`
		Checks []Result `json:"checks"`
	}{Worst(results), results})
}
