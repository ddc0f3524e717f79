package main

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/rs/zerolog"

	"stormdrain/internal/config"
	"stormdrain/internal/systemd"
	"stormdrain/pipeline"
	"stormdrain/server"
	"stormdrain/storage/journal"
)

// listen takes the sockets that the service manager holds open for us, in place
// of server.listen, or else listens there. Shared: they stay open when we close
// them.
func listen(cfg *config.Config, log zerolog.Logger) (listeners []net.Listener, shared bool, err error) {
	if listeners, err = systemd.Listeners(); err != nil || len(listeners) > 0 {
		if len(listeners) > 0 {
			log.Info().Int("sockets", len(listeners)).Msg("listening on the sockets of the service manager; server.listen is not used")
		}
		return listeners, true, err
	}
	listeners, err = server.Listen(cfg.Server.Listen)
	return listeners, false, err
}

// closeListeners is for a start that fails before there is a server, which takes
// them; where it has closed them already, it does no harm. Never before that: the
// server answers on them while it closes.
func closeListeners(listeners []net.Listener) error {
	for _, l := range listeners {
		l.Close()
	}
	return nil
}

// watch begins to keep the service manager informed. What its watchdog is fed with
// is the journal's committer: while that hangs, nobody gets an answer.
func watch(j *journal.Journal, p *pipeline.Pipeline) *systemd.Manager {
	return systemd.Watch(systemd.Health{
		Ready:     p.Ready,
		Heartbeat: j.Heartbeat,
		Beat:      j.HeartbeatEvery(),
		Status:    func() string { return status(j, p) },
	})
}

// status is the line that systemctl status shows.
func status(j *journal.Journal, p *pipeline.Pipeline) string {
	state := "taking alerts"
	if err := p.Ready(); err != nil {
		state = "not taking alerts: " + config.OneLine(err.Error())
	}
	s := j.Stats()
	return fmt.Sprintf("%s; backlog: %d deliveries, %d bytes", state, s.BacklogFrames, s.BacklogBytes)
}

// wait returns when the program is to end: nil at a signal.
func wait(ctx context.Context, hangup <-chan os.Signal, reload *reloader, manager *systemd.Manager, failed <-chan error, log zerolog.Logger) error {
	for {
		select {
		case <-hangup:
			_, _ = reload.Reload() // says in the log what came of it
		case <-ctx.Done():
			manager.Stopping()
			log.Info().Msg("shutting down: no new requests, what is in flight is finished")
			return nil
		case err := <-failed:
			return fmt.Errorf("serve: %w", err)
		}
	}
}
