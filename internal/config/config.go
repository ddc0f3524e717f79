// Package config turns the command line, the environment and the YAML file into
// one Config, or into lines on standard error that name every key that is
// wrong. No other package knows a flag or one of our variables.
package config

import "time"

// Config is everything that an operator can set, as plain Go values: durations
// are durations, sizes are bytes. Package main maps it into the Config of each
// other package.
//
// The tags are the one place where a setting is described: its key in the file
// (and so its flag and its environment name), its default as it is written in
// the file, its bounds, and its line in --help. settingsOf reads them.
type Config struct {
	File          string `key:"config.file" placeholder:"FILE" help:"YAML file with the settings below, a group a key."`
	WebConfigFile string `key:"web.config.file" form:"secret" placeholder:"FILE" help:"TLS, client certificates, users, headers and a rate limit, in the format of the Prometheus exporter-toolkit."`

	Server     Server     `group:"server"`
	Database   Database   `group:"database"`
	Webhook    Webhook    `group:"webhook"`
	App        App        `group:"app"`
	Auth       Auth       `group:"auth"`
	RateLimit  RateLimit  `group:"rate_limit"`
	Pipeline   Pipeline   `group:"pipeline"`
	Journal    Journal    `group:"journal"`
	Quarantine Quarantine `group:"quarantine"`
	Storage    Storage    `group:"storage"`
	Tuning     Tuning     `group:"tuning"`
	Data       Data       `group:"data"`
	Shutdown   Shutdown   `group:"shutdown"`
	Debug      Debug      `group:"debug"`
	Log        Log        `group:"log"`

	Bench  Bench  // of the command bench, which has no other part of a Config
	Health Health // likewise
	Query  Query  // likewise
	Doctor Doctor // of the command doctor

	// Warnings says in one line each which default gave way to a key that was set,
	// and which variable of the environment is like one of ours; main logs them.
	Warnings []string
}

// Server is the HTTP side.
type Server struct {
	Listen         []string      `key:"listen" flag:"web.listen-address" default:":9567" form:"address" help:"Address to listen on; repeatable. host:0 picks a port and logs it."`
	ReadTimeout    time.Duration `key:"read_timeout" default:"30s" min:"1ms" help:"Longest wait for a whole request."`
	WriteTimeout   time.Duration `key:"write_timeout" default:"30s" min:"1ms" help:"Longest wait for an answer to be taken."`
	IdleTimeout    time.Duration `key:"idle_timeout" default:"10m" min:"1ms" help:"Close an idle connection after this. Alertmanager closes it at 5m; closing before it does makes its sends fail."`
	MaxConnections int           `key:"max_connections" default:"16384" min:"1" max:"16777216" help:"Most connections at a time."`
}

// Database is the pool of connections to Postgres; SQLite has no use for it.
type Database struct {
	MaxConnections  int           `key:"max_connections" default:"4" min:"1" max:"10000" help:"Most connections to Postgres."`
	MinConnections  int           `key:"min_connections" default:"2" min:"0" max:"10000" help:"Connections to Postgres that are kept open."`
	MaxConnLifetime time.Duration `key:"max_conn_lifetime" default:"1h" min:"1ms" help:"Replace a connection after this."`
	MaxConnIdleTime time.Duration `key:"max_conn_idle_time" default:"10m" min:"1ms" help:"Close a connection that was not used for this long."`
}

// Webhook bounds one request.
type Webhook struct {
	MaxRequestSize      int64         `key:"max_request_size" default:"33554432" min:"1" max:"1GiB" help:"Largest body, after decompression; more is 413."`
	RequestTimeout      time.Duration `key:"request_timeout" default:"8s" min:"1ms" help:"Longest wait for an answer, then 503. Alertmanager gives up at 10s."`
	MaxAlertsPerRequest int           `key:"max_alerts_per_request" default:"0" min:"0" help:"More alerts in one body are 413. 0: no limit."`
}

// App is the storing side's work.
type App struct {
	MaxWorkers    int           `key:"max_workers" default:"0" min:"0" max:"1024" help:"Workers that prepare rows. 0: from the CPUs."`
	WorkerTimeout time.Duration `key:"worker_timeout" default:"5m" min:"1ms" help:"A store batch older than this is cancelled and tried again."`
}

// Auth names the files that hold secrets; the secrets are never settings. When
// Parse returns, the names are paths: see secretPath.
type Auth struct {
	BearerTokenFile string `key:"bearer_token_file" form:"secret" placeholder:"FILE" help:"File with the tokens that senders and readers may show, one a line."`
	HMACSecretFile  string `key:"hmac_secret_file" form:"secret" placeholder:"FILE" help:"File with the secrets that Grafana may sign with, one a line. It lets alerts in, and reads nothing."`
}

// RateLimit limits requests; 0 a second is no limit.
type RateLimit struct {
	RequestsPerSecond float64 `key:"requests_per_second" default:"0" min:"0" help:"Requests let in each second, the others are 503. 0: off."`
	Burst             int     `key:"burst" default:"0" min:"0" help:"Requests let in at once. 0: as many as in a second."`
	PerClient         bool    `key:"per_client" default:"false" help:"Count each client address by itself."`
}

// Pipeline bounds memory between the request and the store.
type Pipeline struct {
	RingSize         int   `key:"ring_size" default:"1024" min:"1" max:"1048576" help:"Deliveries between the journal's reader and the store."`
	InternMaxBytes   int64 `key:"intern_max_bytes" default:"32MiB" min:"1" help:"Memory for label sets and annotations that were seen before."`
	BodyCacheBytes   int64 `key:"body_cache_bytes" default:"8MiB" min:"0" help:"Memory for whole bodies that were seen before. 0: off."`
	InFlightMaxBytes int64 `key:"in_flight_max_bytes" default:"256MiB" min:"1" help:"Bodies in work at a time; a request that finds no room within webhook.request-timeout is 503."`
}

// Journal is the promise behind a 2xx, and its room on the disk.
type Journal struct {
	Ack          string `key:"ack" default:"fsync" oneof:"fsync,commit,memory" help:"What a 2xx promises: fsync (on this disk), commit (in the store) or memory (accepted only; for benchmarks)."`
	MaxBytes     int64  `key:"max_bytes" default:"8GiB" min:"4KiB" help:"Most room for alerts that are not stored yet. Full means 503, never a dropped alert."`
	SegmentBytes int64  `key:"segment_bytes" default:"64MiB" min:"4KiB" help:"Size of one journal file."`
}

// Quarantine bounds what could not be stored and is kept for a person.
type Quarantine struct {
	MaxBytes int64 `key:"max_bytes" default:"256MiB" min:"4KiB" help:"Most room for bodies that were refused; the oldest of them go first."`
}

// Storage says where events are kept. URL may hold a password:
// Complain hides it, so nothing else should print one. When Parse returns, URL is
// what stands in URLFile, if there is one.
type Storage struct {
	URL           string        `key:"url" form:"store" placeholder:"URL" help:"Where events are kept: sqlite:PATH or postgres://... Empty: SQLite in data.dir."`
	URLFile       string        `key:"url_file" form:"secret" placeholder:"FILE" help:"File with the URL, for one that holds a password; instead of storage.url."`
	BatchRows     int           `key:"batch_rows" default:"5000" min:"1" max:"1000000" help:"Rows in one transaction."`
	FlushInterval time.Duration `key:"flush_interval" default:"100ms" min:"1ms" max:"1h" help:"Longest wait for a batch to fill. With journal.ack commit there is none."`
	Episodes      bool          `key:"episodes" default:"true" help:"Fold events into episodes. Without, what is asked of them is answered with 404, or from those of before."`
	Retention     time.Duration `key:"retention" default:"0s" min:"0s" help:"Drop events older than this, in Postgres by whole UTC days. 0: kept for ever."`
}

// Tuning overrides what is worked out from the machine; see package tuning.
type Tuning struct {
	GOMAXPROCS  int   `key:"gomaxprocs" default:"0" min:"0" max:"4096" help:"Processors to use. 0: from the CPUs and every cgroup quota above us."`
	GOGC        int   `key:"gogc" default:"0" min:"-1" max:"100000" help:"Garbage collector target in percent. 0: GOGC of the environment, or 50, and less while much is alive; -1: off."`
	MemoryLimit int64 `key:"memory_limit" default:"0" min:"0" help:"Soft limit of Go's memory. 0: 80 percent of the tightest cgroup limit, or of the machine."`
	NoFile      int   `key:"nofile" default:"0" min:"0" help:"Open files allowed. 0: the hard limit."`
}

// Data is the program's place on the disk.
type Data struct {
	Dir string `key:"dir" default:"data" form:"path" help:"Folder of the journal, the SQLite file and the quarantine."`
}

// Shutdown bounds the way out.
type Shutdown struct {
	Timeout time.Duration `key:"timeout" default:"30s" min:"1ms" help:"Time to finish what is in flight. What was not stored is in the journal."`
}

// Debug is off by default.
type Debug struct {
	Pprof bool `key:"pprof" default:"false" help:"Serve /debug/pprof, and record waits and contended locks for it."`
}

// Log is what is written to standard error.
type Log struct {
	Level  string `key:"level" default:"info" oneof:"trace,debug,info,warn,error" help:"Least important line that is written: trace, debug, info, warn or error."`
	Format string `key:"format" default:"auto" oneof:"auto,json,console" help:"json, console, or auto: console on a terminal, json elsewhere."`
	Access bool   `key:"access" default:"false" help:"A line for each request, at level info; a sample of them beyond 100 a second."`
}
