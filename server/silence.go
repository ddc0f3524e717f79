package server

import (
	"context"
	"math"
	"sync"
	"time"

	"stormdrain/internal/alert"
	"stormdrain/server/history"
)

const (
	silenceEvery    = 10 * time.Second       // the store is asked at most
	silencePatience = 500 * time.Millisecond // a scrape waits for the store at most

	// goneAfter is when a source that is silent is no longer waited for: it was
	// taken away, or somebody has been told for a day.
	goneAfter = 24 * time.Hour
)

// silence counts the sources that are silent, for who scrapes the metrics.
type silence struct {
	overview Overview

	mu    sync.Mutex
	asked time.Time
	count float64
}

// silent returns how many sources are silent, and have been for less than a day.
// NaN when the store does not say: no alert rests on that.
func (s *silence) silent() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); s.asked.IsZero() || now.Sub(s.asked) >= silenceEvery {
		s.count = s.ask(now)
		s.asked = now
	}
	return s.count
}

func (s *silence) ask(now time.Time) (n float64) {
	ctx, cancel := context.WithTimeout(context.Background(), silencePatience)
	defer cancel()
	sources, err := s.overview.Sources(ctx)
	if err != nil {
		return math.NaN()
	}
	for i := range sources {
		if isMissed(&sources[i], now) {
			n++
		}
	}
	return n
}

func isMissed(source *alert.Source, now time.Time) bool {
	return history.Silent(source, now.UnixMicro()) && now.Sub(time.UnixMicro(source.LastAt)) < goneAfter
}
