package obs

import (
	"fmt"
	"io"
	"sync/atomic"

	"github.com/rs/zerolog"
)

// Level is the least important level that is written. It may be set at any time,
// from any goroutine. (zerolog's own is fixed when a logger is made, or one for
// the whole process.)
type Level struct{ least atomic.Int32 }

// NewLevel takes one of zerolog's names: trace, debug, info, warn, error.
func NewLevel(name string) (*Level, error) {
	l := new(Level)
	return l, l.Set(name)
}

// Set changes the level; after an error it is what it was.
func (l *Level) Set(name string) error {
	lv, err := zerolog.ParseLevel(name)
	if err != nil || lv == zerolog.NoLevel {
		return fmt.Errorf("log level %q: use trace, debug, info, warn or error", name)
	}
	l.least.Store(int32(lv))
	return nil
}

// Sample spares lines that would not be written the work of building them.
func (l *Level) Sample(lv zerolog.Level) bool { return int32(lv) >= l.least.Load() }

// leveled drops what is below the level: a logger with a sampler of its own has
// lost ours.
type leveled struct {
	io.Writer
	level *Level
}

func (w leveled) WriteLevel(lv zerolog.Level, line []byte) (int, error) {
	if !w.level.Sample(lv) {
		return len(line), nil
	}
	return w.Write(line)
}
