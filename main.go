// Command stormdrain receives alerts from Alertmanager and keeps every one of
// them. README.md says how it is used, docs/design.md how it works.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	bench "stormdrain/benchmarks/command"
	"stormdrain/internal/config"
	"stormdrain/internal/datadir"
	"stormdrain/internal/health"
	"stormdrain/internal/obs"
	"stormdrain/internal/quarantine"
	"stormdrain/internal/query"
	"stormdrain/pipeline"
	"stormdrain/retention"
	"stormdrain/server"
	"stormdrain/tuning"
	"stormdrain/tuning/doctor"
)

func main() {
	cfg, command, code := config.Parse(os.Args[1:], os.Environ(), os.Stdout, os.Stderr, checkStore)
	if command == "" {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	var err error
	switch command {
	case config.CommandBench:
		err = bench.Run(ctx, &cfg.Bench, os.Stdout)
	case config.CommandHealth:
		err = health.Run(ctx, &cfg.Health, os.Stdout)
	case config.CommandQuery:
		err = query.Run(ctx, &cfg.Query, os.Stdout, os.Stderr)
	case config.CommandDoctor:
		err = examine(ctx, &cfg, doctor.Here{}, os.Stdout)
	case config.CommandRebuild:
		err = rebuildEpisodes(ctx, &cfg, os.Stdout)
	default:
		hangup := make(chan os.Signal, 1)
		signal.Notify(hangup, syscall.SIGHUP) // for good: it must not end the program, whatever it is doing
		read := func() (config.Config, error) { return config.Reread(os.Args[1:], os.Environ(), checkStore) }
		err = run(ctx, &cfg, read, hangup, os.Stderr)
	}
	if err != nil {
		config.Complain(os.Stderr, err)
		os.Exit(config.ExitFailed)
	}
}

// run opens the parts back to front, waits, and closes them front to back. read
// reads the configuration again.
func run(ctx context.Context, cfg *config.Config, read func() (config.Config, error), hangup <-chan os.Signal, stderr io.Writer) (err error) {
	log, level, err := newLogger(cfg, stderr)
	if err != nil {
		return err
	}
	tuned := tuning.Apply(tuningConfig(cfg))
	down := newTeardown(cfg.Shutdown.Timeout)
	defer func() {
		switch derr := down.close(); {
		case err != nil:
		case derr != nil:
			// Nothing is lost by it: what was not stored is in the journal.
			log.Warn().Err(derr).Msg("stopped, but not all had ended within shutdown.timeout")
		default:
			log.Info().Msg("stopped")
		}
	}()

	dir, err := datadir.Open(cfg.Data.Dir)
	if err != nil {
		return err
	}
	down.add("data directory", func(context.Context) error { return dir.Close() })
	listeners, shared, err := listen(cfg, log)
	if err != nil {
		return err
	}
	down.add("listeners", func(context.Context) error { return closeListeners(listeners) })
	kept, err := quarantine.Open(filepath.Join(cfg.Data.Dir, "quarantine"), cfg.Quarantine.MaxBytes)
	if err != nil {
		return fmt.Errorf("open quarantine: %w", err)
	}
	store, kind, err := openStore(cfg)
	if err != nil {
		return fmt.Errorf("storage.url: %w", err)
	}
	down.add("store", func(context.Context) error { return store.Close() })
	listenToStore(store, log)
	logStart(log, cfg, tuned)
	build := config.ThisBuild()
	metrics := obs.NewMetrics(obs.Build{Version: build.Version, Revision: build.Commit})
	wal, err := openJournal(cfg, metrics, log)
	if err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	down.add("journal", wal.Close)
	pipe, err := pipeline.Open(pipelineConfig(cfg), newJournalFor(wal), store, kept, newObserver(metrics, kind), log)
	if err != nil {
		return fmt.Errorf("open pipeline: %w", err)
	}
	down.add("pipeline", pipe.Close)
	janitor := retention.Start(store, cfg.Storage.Retention, log)
	down.add("retention", janitor.Close)
	manager := watch(wal, pipe)
	down.add("service manager", manager.Close)
	registerGauges(metrics, cfg, wal, pipe, store)
	registerRetention(metrics, janitor)
	reload := newReloader(cfg, read, manager, log)
	registerReload(metrics, reload)
	srv, err := server.OpenOn(serverConfig(cfg, shared), server.Parts{
		Ingester: pipe, Reader: store, Episodes: store, Timeline: store, State: newState(kind, wal, pipe), Streamer: pipe.Live(),
		Readiness: pipe, Quarantine: kept, Reloader: reload, Metrics: metrics, Log: log,
		Build: obs.Build{Version: build.Version, Revision: build.Commit},
	}, listeners...)
	if err != nil {
		return err
	}
	down.add("server", func(ctx context.Context) error { return closeServer(ctx, srv, cfg.Shutdown.Timeout) })
	reload.add(guards(srv, shared))
	reload.add(applier{name: "log", keys: []string{"log.level"}, apply: func(c *config.Config) error { return level.Set(c.Log.Level) }})
	reload.add(applier{name: "retention", keys: []string{"storage.retention"}, apply: func(c *config.Config) error { janitor.Set(c.Storage.Retention); return nil }})
	manager.Serving()
	log.Info().Str("store", kind).Str("data", cfg.Data.Dir).Str("ack", cfg.Journal.Ack).Msg("ready to take alerts")

	return wait(ctx, hangup, reload, manager, srv.Failed(), log)
}
