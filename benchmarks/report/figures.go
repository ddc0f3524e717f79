package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

type table struct {
	b       *strings.Builder
	columns int
}

func newTable(b *strings.Builder, title string, columns ...string) *table {
	fmt.Fprintf(b, "\n## %s\n", title)
	return bareTable(b, columns...)
}

// bareTable has no heading of its own.
func bareTable(b *strings.Builder, columns ...string) *table {
	b.WriteByte('\n')
	t := &table{b, len(columns)}
	t.row(columns...)
	b.WriteString(strings.Repeat("| --- ", len(columns)) + "|\n")
	return t
}

func (t *table) row(cells ...string) {
	if len(cells) != t.columns {
		panic(fmt.Sprintf("BUG: %d cells in a table of %d columns", len(cells), t.columns))
	}
	t.b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func pairs(m map[string]string, sep string) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		all = append(all, k+sep+m[k])
	}
	return strings.Join(all, ", ")
}

// thousands writes a number without a fraction, in groups of three.
func thousands(f float64) string {
	s := strconv.FormatInt(int64(f+.5), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

func mebibytes(f float64) string { return fmt.Sprintf("%.1f", f/(1<<20)) }

func percent(f float64) string { return fmt.Sprintf("%.0f %%", 100*f) }

// short writes nanoseconds with three digits or so.
func short(nanoseconds float64) string {
	d := time.Duration(nanoseconds)
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	default:
		return d.Round(100 * time.Nanosecond).String()
	}
}
