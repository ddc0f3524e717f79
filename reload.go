package main

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"stormdrain/internal/config"
	"stormdrain/internal/obs"
	"stormdrain/internal/systemd"
)

// applier puts a part of a new configuration into effect while the program runs.
type applier struct {
	name string
	// keys are those that it looks after; with a dot at the end, a whole group.
	// What no applier looks after needs a restart.
	keys []string
	// always: call it also when none of its keys has changed, because they name
	// files whose content may have.
	always bool
	apply  func(*config.Config) error
}

func (a *applier) looksAfter(key string) bool {
	for _, k := range a.keys {
		if key == k || strings.HasSuffix(k, ".") && strings.HasPrefix(key, k) {
			return true
		}
	}
	return false
}

// reloader reads the configuration again, at a SIGHUP and at POST /-/reload.
type reloader struct {
	read     func() (config.Config, error)
	appliers []applier
	manager  *systemd.Manager
	log      zerolog.Logger

	mu      sync.Mutex // one reload at a time
	running config.Config
	ok      bool      // the last one worked
	at      time.Time // when one worked last; the start is the first
}

func newReloader(running *config.Config, read func() (config.Config, error), manager *systemd.Manager, log zerolog.Logger) *reloader {
	return &reloader{read: read, running: *running, manager: manager, log: log, ok: true, at: time.Now()}
}

// add registers an applier. They are called in this order, and none behind one that
// fails: first what may fail, last what cannot be taken back.
func (r *reloader) add(a applier) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.appliers = append(r.appliers, a)
}

// invalidError is a configuration that cannot be; nothing of it is in effect.
type invalidError struct{ error }

func (invalidError) Invalid() bool   { return true }
func (e invalidError) Unwrap() error { return e.error }

// Reload reads everything again, puts into effect what can be, and says in the
// log which keys have changed: in effect, or, which it returns, not before a restart.
func (r *reloader) Reload() (restart []string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.manager.Reloading()()
	restart, err = r.reload()
	r.ok = err == nil
	if err != nil {
		r.log.Error().Err(err).Msg("reload: the configuration stays as it was")
		return nil, err
	}
	r.at = time.Now()
	return restart, nil
}

func (r *reloader) reload() (restart []string, err error) {
	next, err := r.read()
	if err != nil {
		return nil, invalidError{err}
	}
	restart = config.Changed(&r.running, &next)
	var applied []string
	for i := range r.appliers {
		a := &r.appliers[i]
		var mine, rest []string
		for _, key := range restart {
			if a.looksAfter(key) {
				mine = append(mine, key)
			} else {
				rest = append(rest, key)
			}
		}
		restart = rest
		if len(mine) == 0 && !a.always {
			continue
		}
		if err := a.apply(&next); err != nil {
			return nil, errors.New(config.OneLine(fmt.Sprintf("%s: %v", a.name, err))) // the next reload finds the same changes, and tries again
		}
		for _, key := range mine {
			config.Copy(&r.running, &next, key)
		}
		applied = append(applied, mine...)
	}
	r.report(applied, restart)
	return restart, nil
}

func (r *reloader) report(applied, restart []string) {
	if len(applied)+len(restart) == 0 {
		r.log.Info().Msg("reload: no setting has changed; what the files that they name say is in effect")
		return
	}
	if len(applied) > 0 {
		r.log.Info().Strs("keys", applied).Msg("reload: changed, and in effect")
	}
	if len(restart) > 0 {
		r.log.Warn().Strs("keys", restart).Msg("reload: changed, but in effect only after a restart")
	}
}

// registerReload adds what is known of the last reload to the metrics.
func registerReload(m *obs.Metrics, r *reloader) {
	m.Gauge("config_last_reload_successful", "1 when the configuration could be read the last time that it was, else 0.", nil, func() float64 {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.ok {
			return 1
		}
		return 0
	})
	m.Gauge("config_last_reload_success_timestamp_seconds", "When the configuration was read successfully for the last time.", nil, func() float64 {
		r.mu.Lock()
		defer r.mu.Unlock()
		return float64(r.at.UnixMilli()) / 1000
	})
}
