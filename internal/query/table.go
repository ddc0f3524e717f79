package query

import (
	"bufio"
	"strings"
)

// column of a table.
type column struct {
	title    string
	right    bool // numbers
	optional bool // left out when the first screenful has nothing in it
	usual    int  // width to begin with, where what comes first tells little
	least    int  // columns of the terminal to which it may be narrowed; 0: not at all
	keep     int  // where there is no room for all, the lowest go first
}

// cell is a text that is fit for a terminal, and how it is shown.
type cell struct{ text, color string }

// Colours, as terminals take them.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	bold   = "1"
	faint  = "2"
)

// measured is how many rows decide about the widths of the columns; what comes
// after them is written as it comes, so that a million rows take no memory.
const measured = 100

// tableWriter writes rows below each other.
type tableWriter struct {
	out    *bufio.Writer
	screen screen
	shape  []column

	first  [][]cell // not yet written, while the widths are unknown
	widths []int    // of each column, -1 for one that is left out; nil: unknown
	rows   int
}

// add takes one row.
func (t *tableWriter) add(row []cell) error {
	t.rows++
	if t.widths != nil {
		return t.write(row, "")
	}
	if t.first = append(t.first, row); len(t.first) < measured {
		return nil
	}
	return t.begin()
}

// begin measures what has come so far and writes it.
func (t *tableWriter) begin() error {
	if t.widths != nil || len(t.first) == 0 {
		return nil
	}
	t.measure()
	title := make([]cell, len(t.shape))
	for i := range t.shape {
		title[i] = cell{text: t.shape[i].title}
	}
	if err := t.write(title, bold); err != nil {
		return err
	}
	for _, row := range t.first {
		if err := t.write(row, ""); err != nil {
			return err
		}
	}
	t.first = nil
	return nil
}

const gap = 2 // between columns

func (t *tableWriter) measure() {
	t.widths = make([]int, len(t.shape))
	for i, c := range t.shape {
		widest := 0
		for _, row := range t.first {
			widest = max(widest, columns(row[i].text))
		}
		t.widths[i] = max(widest, columns(c.title), c.usual)
		if c.optional && widest == 0 {
			t.widths[i] = -1
		}
	}
	if t.screen.width > 0 {
		t.fit()
	}
}

// fit narrows the widest of the columns that may be narrowed until all fit, and
// where that is not enough leaves out those that matter least.
func (t *tableWriter) fit() {
	for t.total() > t.screen.width {
		widest := -1
		for i, c := range t.shape {
			if c.least > 0 && t.widths[i] > c.least && (widest < 0 || t.widths[i] > t.widths[widest]) {
				widest = i
			}
		}
		if widest >= 0 {
			t.widths[widest]--
			continue
		}
		least, left := -1, 0
		for i, c := range t.shape {
			if t.widths[i] >= 0 {
				left++
				if least < 0 || c.keep < t.shape[least].keep {
					least = i
				}
			}
		}
		if left == 1 {
			return
		}
		t.widths[least] = -1
		t.widen()
	}
}

// widen gives the place that a column has left back to the others.
func (t *tableWriter) widen() {
	for i, c := range t.shape {
		if c.least == 0 || t.widths[i] < 0 {
			continue
		}
		natural := max(columns(c.title), c.usual)
		for _, row := range t.first {
			natural = max(natural, columns(row[i].text))
		}
		t.widths[i] = min(natural, t.widths[i]+max(0, t.screen.width-t.total()))
	}
}

func (t *tableWriter) total() (n int) {
	for _, width := range t.widths {
		if width >= 0 {
			n += width + gap
		}
	}
	return n - gap
}

func (t *tableWriter) write(row []cell, color string) error {
	var b strings.Builder
	used, blanks := 0, 0
	for i, c := range t.shape {
		width := t.widths[i]
		if width < 0 {
			continue
		}
		text := row[i].text
		if t.screen.width > 0 {
			text = cut(text, min(width, max(0, t.screen.width-used-blanks)))
		}
		pad := max(0, width-columns(text))
		if c.right {
			blanks += pad
			pad = 0
		}
		if text != "" {
			b.WriteString(strings.Repeat(" ", blanks))
			used += blanks + columns(text)
			blanks = 0
			t.paint(&b, text, color+row[i].color)
		}
		blanks += pad + gap
	}
	b.WriteByte('\n')
	_, err := t.out.WriteString(b.String())
	return err
}

func (t *tableWriter) paint(b *strings.Builder, text, color string) {
	if !t.screen.color || color == "" {
		b.WriteString(text)
		return
	}
	b.WriteString("\x1b[" + color + "m" + text + "\x1b[0m")
}
