package main

import (
	"time"

	"stormdrain/internal/config"
	"stormdrain/pipeline"
	"stormdrain/server"
	"stormdrain/storage/journal"
)

// state is how the parts behind the server are, for /api/v1/status.
type state struct {
	version   string
	kind      string // of the store
	startedAt time.Time
	journal   *journal.Journal
	pipe      *pipeline.Pipeline
}

func newState(kind string, j *journal.Journal, p *pipeline.Pipeline) *state {
	return &state{version: config.ThisBuild().Version, kind: kind, startedAt: time.Now(), journal: j, pipe: p}
}

// State asks nobody who might not answer.
func (s *state) State() server.State {
	backlog := s.journal.Stats()
	return server.State{
		Version: s.version, StartedAt: s.startedAt,
		Store: s.kind, StoreUp: s.pipe.StoreUp(),
		BacklogBytes: backlog.BacklogBytes, BacklogDeliveries: int64(backlog.BacklogFrames), Oldest: ageOf(backlog.OldestReceivedAt),
	}
}

// ageOf is how long ago something was; 0 for the zero time.
func ageOf(at time.Time) time.Duration {
	if at.IsZero() {
		return 0
	}
	return max(0, time.Since(at))
}
