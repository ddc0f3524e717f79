package query

import (
	"io"
	"os"

	"golang.org/x/term"
)

// screen is where a table goes.
type screen struct {
	width int // 0: nothing is cut
	color bool
}

// screenOf looks at what is behind w. What is no terminal, a pipe to grep, gets
// whole cells and no colours.
func screenOf(w io.Writer, color string, noColor bool) (s screen, terminal bool) {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		terminal = true
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			s.width = width
		}
	}
	s.color = color == "always" || color == "auto" && terminal && !noColor
	return s, terminal
}
