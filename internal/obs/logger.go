package obs

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"
)

// NewLogger returns a logger that writes to w. The level is one of zerolog's
// names (trace, debug, info, warn, error); the format is "json", "console", or
// "auto": console on a terminal, else JSON. Times are UTC, in milliseconds.
func NewLogger(level, format string, w io.Writer) (zerolog.Logger, error) {
	lv, err := NewLevel(level)
	if err != nil {
		return zerolog.Nop(), err
	}
	return NewLoggerAt(lv, format, w)
}

// NewLoggerAt is NewLogger with a level that can change while it is used, also
// by the loggers that were made out of this one.
func NewLoggerAt(level *Level, format string, w io.Writer) (zerolog.Logger, error) {
	switch format {
	case "json":
	case "console":
		w = consoleWriter(w)
	case "auto", "":
		if IsTerminal(w) {
			w = consoleWriter(w)
		}
	default:
		return zerolog.Nop(), fmt.Errorf("log format %q: use json, console or auto", format)
	}
	return zerolog.New(leveled{w, level}).Level(zerolog.TraceLevel).Sample(level).Hook(clock{}), nil
}

// clock stamps each line itself, so that zerolog's package-wide time format
// stays as it is for whoever else uses it in the process.
type clock struct{}

func (clock) Run(e *zerolog.Event, _ zerolog.Level, _ string) {
	e.Str(zerolog.TimestampFieldName, time.Now().UTC().Format("2006-01-02T15:04:05.000Z07:00"))
}

func consoleWriter(w io.Writer) io.Writer {
	return zerolog.ConsoleWriter{Out: w, TimeFormat: "15:04:05.000", NoColor: !IsTerminal(w)}
}

// IsTerminal reports whether a person may be looking.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
