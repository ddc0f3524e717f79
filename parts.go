package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"stormdrain/internal/config"
	"stormdrain/internal/obs"
	"stormdrain/pipeline"
	"stormdrain/retention"
	"stormdrain/server"
	"stormdrain/storage"
	"stormdrain/storage/journal"
	"stormdrain/storage/postgres"
	"stormdrain/storage/sqlite"
	"stormdrain/tuning"
)

// newLogger returns the level apart, which a reload may change.
func newLogger(cfg *config.Config, w io.Writer) (zerolog.Logger, *obs.Level, error) {
	level, err := obs.NewLevel(cfg.Log.Level)
	if err != nil {
		return zerolog.Nop(), nil, err
	}
	log, err := obs.NewLoggerAt(level, cfg.Log.Format, w)
	return log, level, err
}

// openStore opens the store that the configuration names. Neither needs to be
// reachable: what comes in meanwhile waits in the journal.
func openStore(cfg *config.Config) (s storage.Store, kind string, err error) {
	if isPostgres(cfg.Storage.URL) {
		s, err = postgres.New(postgresConfig(cfg))
		return s, "postgres", err
	}
	s, err = sqlite.New(sqlite.Config{Path: sqlitePath(cfg)})
	return s, "sqlite", err
}

// checkStore reads the URL of the store as its driver does: a mistake in it is one of
// the configuration. Nothing is connected to.
func checkStore(cfg *config.Config) error {
	if !isPostgres(cfg.Storage.URL) {
		return nil
	}
	if err := postgres.CheckURL(cfg.Storage.URL); err != nil {
		return fmt.Errorf("storage.url: %w", err)
	}
	return nil
}

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// sqlitePath returns where SQLite's file is, where that is the store.
func sqlitePath(cfg *config.Config) string {
	if path, ok := strings.CutPrefix(cfg.Storage.URL, "sqlite:"); ok {
		return path
	}
	return filepath.Join(cfg.Data.Dir, "stormdrain.db")
}

// listenToStore writes what a store does in the background, and fails at, to the log.
func listenToStore(s storage.Store, log zerolog.Logger) {
	if p, ok := s.(*postgres.Store); ok {
		p.OnMergeFailure(func(err error) { log.Warn().Err(err).Msg("the index over labels is in more pieces than it should be") })
	}
}

func postgresConfig(cfg *config.Config) postgres.Config {
	pc := postgres.DefaultConfig()
	pc.URL, pc.MaxConns, pc.MinConns = cfg.Storage.URL, cfg.Database.MaxConnections, cfg.Database.MinConnections
	pc.MaxConnLifetime, pc.MaxConnIdleTime = cfg.Database.MaxConnLifetime, cfg.Database.MaxConnIdleTime
	return pc
}

func openJournal(cfg *config.Config, m *obs.Metrics, log zerolog.Logger) (*journal.Journal, error) {
	jc := journal.DefaultConfig()
	jc.Dir = filepath.Join(cfg.Data.Dir, "journal")
	jc.SegmentBytes, jc.MaxBytes = cfg.Journal.SegmentBytes, cfg.Journal.MaxBytes
	jc.WaitTimeout = cfg.Webhook.RequestTimeout
	jc.Observer = journal.Observer{
		Synced: func(d time.Duration) { m.JournalFsync.Observe(d.Seconds()) },
		TornTail: func(segment uint64, bytes int64) {
			m.JournalTornTails.Inc()
			log.Warn().Uint64("segment", segment).Int64("bytes", bytes).
				Msg("the journal's end was torn by a crash and has been cut; nothing in it was acknowledged")
		},
		Damaged: func(segment uint64, kept string, err error) {
			m.JournalDamaged.Inc()
			log.Error().Err(err).Uint64("segment", segment).Str("copy", kept).
				Msg("a segment of the journal is damaged; reading goes on behind the bad bytes")
		},
		Failed: func(err *journal.SegmentError) {
			m.JournalFailedSegments.Inc()
			log.Error().Err(err).Msg("a segment of the journal failed and is not written again; its senders get 503")
		},
	}
	return journal.Open(jc)
}

func pipelineConfig(cfg *config.Config) pipeline.Config {
	pc := pipeline.DefaultConfig()
	pc.Ack = pipeline.Ack(cfg.Journal.Ack)
	pc.MaxAlerts, pc.RequestTimeout = cfg.Webhook.MaxAlertsPerRequest, cfg.Webhook.RequestTimeout
	pc.InternMaxBytes, pc.BodyCacheBytes = cfg.Pipeline.InternMaxBytes, cfg.Pipeline.BodyCacheBytes
	pc.Episodes = cfg.Storage.Episodes
	pc.RingSize, pc.Workers = cfg.Pipeline.RingSize, cfg.App.MaxWorkers
	pc.BatchRows, pc.FlushInterval = cfg.Storage.BatchRows, cfg.Storage.FlushInterval
	pc.WriteTimeout = cfg.App.WorkerTimeout
	return pc
}

// observer writes what the pipeline does to the metrics. Label values are
// looked up when they are rare, and once when they are not.
type observer struct {
	m     *obs.Metrics
	flush interface{ Observe(float64) }
}

func newObserver(m *obs.Metrics, store string) *observer {
	// There from the start, at 0: a rate over them has a beginning, and a sum is
	// complete.
	for _, reason := range []string{"type", "time", "status", "labels", "store", "damaged"} {
		m.AlertsQuarantined.WithLabelValues(reason)
	}
	for _, reason := range []string{"kind", "type", "time", "store", "damaged"} {
		m.RecorderEventsQuarantined.WithLabelValues(reason)
	}
	for _, reason := range []string{"syntax", "shape", "encoding"} {
		m.BodiesQuarantined.WithLabelValues(reason)
	}
	return &observer{m: m, flush: m.StoreFlush.WithLabelValues(store)}
}

func (o *observer) AlertsReceived(n int) { o.m.AlertsReceived.Add(float64(n)) }

func (o *observer) AlertsTruncated(n uint64) { o.m.AlertsTruncated.Add(float64(n)) }

func (o *observer) AlertsStored(stored, replayed int) {
	o.m.AlertsStored.Add(float64(stored))
	o.m.AlertsReplayed.Add(float64(replayed))
}

func (o *observer) AlertsQuarantined(reason string, n int) {
	o.m.AlertsQuarantined.WithLabelValues(reason).Add(float64(n))
}

func (o *observer) BodyQuarantined(reason string) {
	o.m.BodiesQuarantined.WithLabelValues(reason).Inc()
}

func (o *observer) RecorderEvents(n int) { o.m.RecorderEvents.Add(float64(n)) }

func (o *observer) RecorderEventsQuarantined(reason string, n int) {
	o.m.RecorderEventsQuarantined.WithLabelValues(reason).Add(float64(n))
}

func (o *observer) Flushed(d time.Duration, rows int) {
	o.flush.Observe(d.Seconds())
	o.m.StoreFlushRows.Observe(float64(rows))
}

func (o *observer) Folded(d time.Duration, events uint64) {
	o.m.EpisodesFold.Observe(d.Seconds())
	o.m.EpisodesFolded.Add(float64(events))
}

func (o *observer) StoreUp(up bool) {
	if up {
		o.m.StoreUp.Set(1)
	} else {
		o.m.StoreUp.Set(0)
	}
}

// registerGauges adds what is only known elsewhere and read when somebody scrapes.
func registerGauges(m *obs.Metrics, cfg *config.Config, j *journal.Journal, p *pipeline.Pipeline, s storage.Store) {
	m.Gauge("journal_backlog_bytes", "Bytes in the journal that are not in the store yet.", nil,
		func() float64 { return float64(j.Stats().BacklogBytes) })
	m.Gauge("journal_backlog_deliveries", "Deliveries in the journal that are not in the store yet.", nil,
		func() float64 { return float64(j.Stats().BacklogFrames) })
	m.Gauge("journal_oldest_seconds", "Age of the oldest delivery that is not in the store yet; 0 without one.", nil,
		func() float64 { return ageOf(j.Stats().OldestReceivedAt).Seconds() })
	m.Gauge("journal_bytes", "Bytes of the journal on the disk.", nil, func() float64 { return float64(j.Stats().TotalBytes) })
	m.Gauge("journal_max_bytes", "Bytes that the journal may take, journal.max_bytes; a delivery that finds no room gets 503.", nil,
		func() float64 { return float64(cfg.Journal.MaxBytes) })
	registerStore(m, s)
	m.Gauge("episodes_behind_seconds", "For how long there has been something stored that is not folded into episodes yet; 0 without.", nil,
		func() float64 { return p.FoldedBehind().Seconds() })
	if f, ok := s.(storage.Folder); ok {
		m.Counter("resolved_without_firing_total", "Firings of alerts of which a resolve came first: what was sent before it was lost, or never sent.", nil,
			func() float64 { return float64(f.BegunResolved()) })
	}
	for _, kind := range pipeline.InternKinds() {
		m.Gauge("intern_entries", "Sets that are known, by what they are.", map[string]string{"kind": kind},
			func() float64 { return float64(p.InternStats().Entries[kind]) })
	}
	m.Gauge("intern_bytes", "Memory of the table of known sets.", nil, func() float64 { return float64(p.InternStats().Bytes) })
	m.Counter("intern_hits_total", "Sets that were known when they came.", nil, func() float64 { return float64(p.InternStats().Hits) })
	m.Counter("stream_lost_total", "Events that readers of /api/v1/stream were too slow for.", nil,
		func() float64 { return float64(p.Live().Lost()) })
	m.Counter("intern_misses_total", "Sets that were new when they came.", nil, func() float64 { return float64(p.InternStats().Misses) })
}

// registerStore adds the connections of a store.
func registerStore(m *obs.Metrics, s storage.Store) {
	const name, help = "store_connections", "Connections to the store, by whether somebody works with them."
	m.Gauge(name, help, map[string]string{"state": "busy"}, func() float64 { return float64(s.Connections().Busy) })
	m.Gauge(name, help, map[string]string{"state": "idle"}, func() float64 { return float64(s.Connections().Idle) })
	m.Gauge("store_connections_max", "Connections to the store that may be open at once.", nil,
		func() float64 { return float64(s.Connections().Most) })
}

// registerRetention adds what the janitor has done and found.
func registerRetention(m *obs.Metrics, j *retention.Janitor) {
	const name, help = "retention_removed_total", "What retention has removed: day partitions or bundles of deliveries (pieces), dictionary rows (entries), episodes."
	m.Counter(name, help, map[string]string{"what": "pieces"}, func() float64 { return float64(j.Removed().Pieces) })
	m.Counter(name, help, map[string]string{"what": "entries"}, func() float64 { return float64(j.Removed().Entries) })
	m.Counter(name, help, map[string]string{"what": "episodes"}, func() float64 { return float64(j.Removed().Episodes) })
	m.Gauge("oldest_event_seconds", "Age of the oldest event that is stored, looked for once an hour; 0 without one.", nil,
		func() float64 { return j.OldestAge().Seconds() })
}

func serverConfig(cfg *config.Config, shared bool) server.Config {
	return server.Config{
		Listen:      cfg.Server.Listen,
		ReadTimeout: cfg.Server.ReadTimeout, WriteTimeout: cfg.Server.WriteTimeout, IdleTimeout: cfg.Server.IdleTimeout,
		MaxConnections: cfg.Server.MaxConnections,
		MaxRequestSize: int(cfg.Webhook.MaxRequestSize), RequestTimeout: cfg.Webhook.RequestTimeout,
		InFlightMaxBytes: cfg.Pipeline.InFlightMaxBytes,
		Pprof:            cfg.Debug.Pprof,
		SharedSockets:    shared,
		BearerTokenFile:  cfg.Auth.BearerTokenFile, HMACSecretFile: cfg.Auth.HMACSecretFile, WebConfigFile: cfg.WebConfigFile,
		RequestsPerSecond: cfg.RateLimit.RequestsPerSecond, Burst: cfg.RateLimit.Burst, LimitPerClient: cfg.RateLimit.PerClient,
		AccessLog: cfg.Log.Access, EpisodesOff: !cfg.Storage.Episodes,
	}
}

// guards puts into effect again what stands before the server's handlers. The
// files that its keys name may have changed where the keys have not.
func guards(srv *server.Server, shared bool) applier {
	return applier{
		name:   "server",
		keys:   []string{"web.config.file", "auth.", "rate_limit.", "log.access"},
		always: true,
		apply:  func(c *config.Config) error { return srv.Reload(serverConfig(c, shared)) },
	}
}

func tuningConfig(cfg *config.Config) tuning.Config {
	return tuning.Config{
		GOMAXPROCS: cfg.Tuning.GOMAXPROCS, GOGC: cfg.Tuning.GOGC,
		MemoryLimit: cfg.Tuning.MemoryLimit, NoFile: cfg.Tuning.NoFile,
		Profiles: cfg.Debug.Pprof,
	}
}

// closeServer leaves half of the time to the parts behind it: one sender that
// is stuck must not keep everything else from being stored.
func closeServer(ctx context.Context, srv *server.Server, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout/2)
	defer cancel()
	return srv.Close(ctx)
}

// logStart comes after everything that is likely to end in one clear line.
func logStart(log zerolog.Logger, cfg *config.Config, tuned []tuning.Setting) {
	build := config.ThisBuild()
	log.Info().Str("version", build.Version).Str("commit", build.Commit).Str("go", build.Go).Msg("stormdrain")
	for _, warning := range cfg.Warnings {
		log.Warn().Msg(warning)
	}
	for _, s := range tuned {
		log.Info().Str("name", s.Name).Str("value", s.Value).Str("source", s.Source).Msg("tuning")
	}
	if cfg.Journal.Ack == string(pipeline.AckMemory) {
		log.Warn().Msg("journal.ack is memory: a 2xx promises nothing, alerts are lost in a crash; for benchmarks only")
	}
}
