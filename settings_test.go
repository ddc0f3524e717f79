package main

import (
	"reflect"
	"strings"
	"testing"
)

// refused expects one line on stderr that holds every one of parts, and exit
// status 1.
func refused(t *testing.T, args []string, parts ...string) {
	t.Helper()
	got := invoke(nil, args...)
	if got.code != 1 || got.command != "" || got.stdout != "" || strings.Count(got.stderr, "\n") != 1 {
		t.Errorf("%v: %+v", args, got)
	}
	for _, part := range parts {
		if !strings.Contains(got.stderr, part) {
			t.Errorf("%v: %q is not in %q", args, part, got.stderr)
		}
	}
}

func TestImpossibleValues(t *testing.T) {
	t.Parallel()
	f := func(flag, value string, parts ...string) {
		t.Helper()
		refused(t, []string{"--" + flag + "=" + value}, append(parts, "(--"+flag+") is not accepted: want ")...)
	}
	f("webhook.request-timeout", "0s", `webhook.request_timeout: "0s"`, "at least 1ms")
	f("webhook.request-timeout", "-1s")
	f("webhook.request-timeout", "8", "a duration such as")
	f("webhook.max-request-size", "0")
	f("webhook.max-request-size", "2GiB", "from 1 to 1GiB")
	f("webhook.max-alerts-per-request", "-1", "a whole number, at least 0")
	f("journal.max-bytes", "8 parsecs", `journal.max_bytes: "8 parsecs"`, "KiB, MiB, GiB or TiB, at least 4KiB")
	f("journal.max-bytes", "")
	f("journal.max-bytes", "-8GiB")
	f("journal.ack", "FSYNC", "one of fsync, commit, memory")
	f("journal.ack", "")
	f("app.max-workers", "many", "from 0 to 1024")
	f("app.max-workers", "1.5")
	f("app.max-workers", "99999999999999999999")
	f("server.max-connections", "0")
	f("storage.flush-interval", "2h", "from 1ms to 1h")
	f("storage.url", "alerts.db", `storage.url: "alerts.db"`, "sqlite:PATH")
	f("storage.url", "sqlite:")
	f("storage.url", "sqlite::memory:")
	f("storage.url", "sqlite://alerts.db")
	f("storage.url", "postgres://")
	f("storage.url", "mysql://db")
	f("data.dir", "", "the path of a folder")
	f("web.listen-address", "9567", `server.listen: "9567"`, "host:port")
	f("web.listen-address", ":70000")
	f("web.listen-address", ":http")
	f("web.listen-address", "")
	f("web.listen-address", ":1,,:2")
	f("web.listen-address", "http://x:1")
	f("log.format", "xml", "one of auto, json, console")
	f("tuning.gogc", "-2")
	f("tuning.memory-limit", "half")
	f("rate-limit.requests-per-second", "NaN", "a number, at least 0")
	f("log.access", "perhaps", "true or false")
	f("data.dir", strings.Repeat("x", 300)+"\x00", `xxx"...`)
}

func TestPossibleValues(t *testing.T) {
	t.Parallel()
	f := func(args ...string) {
		t.Helper()
		if got := invoke(nil, args...); got.code != 0 {
			t.Errorf("%v: %s", args, got.stderr)
		}
	}
	f("--storage.url=")
	f("--storage.url=sqlite:alerts.db")
	f("--storage.url=sqlite:/var/lib/alerts.db")
	f("--storage.url=sqlite:///var/lib/alerts.db")
	f("--storage.url=postgres://me:pw@db:5432/alerts?sslmode=require")
	f("--storage.url=postgresql:///alerts?host=/run/postgresql")
	f("--storage.url=postgres://a:1,b:2/alerts")
	f("--pipeline.body-cache-bytes=0")
	f("--tuning.gogc=-1", "--tuning.memory-limit=1GiB", "--tuning.gomaxprocs=1", "--tuning.nofile=4096")
	f("--web.listen-address=127.0.0.1:0", "--web.listen-address=127.0.0.1:0")
	f("--debug.pprof=false", "--log.access=0", "--rate-limit.requests-per-second=0", "--storage.retention=0", "--web.config.file=")
}

// TestEveryMistakeAtOnce: one line for each, so that nobody has to start the
// program five times.
func TestEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	got := invoke([]string{"STORMDRAIN_LOG_LEVEL=loud"}, "--journal.ack=never", "--auth.hmac-secret-file=x", writeYAML(t, "nonsense: 1"))
	lines := strings.Split(got.stderr, "\n")
	if got.code != 1 || len(lines) != 5 {
		t.Fatalf("%+v", got)
	}
	for i, want := range []string{"nonsense (", "journal.ack:", `log.level: "loud" (STORMDRAIN_LOG_LEVEL)`, "auth.hmac_secret_file (--auth.hmac-secret-file):"} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("%d: %q is not in %q", i, want, lines[i])
		}
	}
}

func TestNotBuilt(t *testing.T) {
	t.Parallel()
	for _, u := range notBuilt() {
		var cfg Config
		s := byKey(settingsOf(&cfg), u.key)
		refused(t, []string{"--" + s.flag + "=" + samples(s)[0]}, s.key, s.flag, "not built into this version; remove the key, or ")
		if got := invoke(nil, "--"+s.flag+"="+s.standard); got.code != 0 {
			t.Errorf("%s at its default: %s", u.key, got.stderr)
		}
		if s.group != "" {
			refused(t, []string{writeYAML(t, asYAML(s, samples(s)[0]))}, s.key, "stormdrain.yml, line 1", "not built")
		}
	}
}

func TestContradictions(t *testing.T) {
	t.Parallel()
	refused(t, []string{"--journal.segment-bytes=1GiB", "--journal.max-bytes=1MiB"},
		"journal.segment_bytes: 1GiB (--journal.segment-bytes) is more than journal.max_bytes: 1MiB (--journal.max-bytes)")
	refused(t, []string{"--database.min-connections=5", "--database.max-connections=3"}, "database.min_connections: 5", "database.max_connections: 3")
	refused(t, []string{"--webhook.max-request-size=128MiB", "--pipeline.in-flight-max-bytes=256MiB"},
		"pipeline.in_flight_max_bytes: 256MiB (--pipeline.in-flight-max-bytes) is too small for webhook.max_request_size: 128MiB", "want at least ")
	refused(t, []string{"--pipeline.in-flight-max-bytes=1MiB"}, "pipeline.in_flight_max_bytes: 1MiB", "is too small for webhook.max_request_size: 32MiB;")

	f := func(want func(*Config) bool, note string, args ...string) {
		t.Helper()
		got := invoke(nil, args...)
		if got.code != 0 || !want(&got.cfg) || !reflect.DeepEqual(got.cfg.Adjusted, []string{note}) {
			t.Errorf("%v: %+v", args, got)
		}
		sc := serverConfig(&got.cfg)
		if err := sc.Validate(); err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
	f(func(c *Config) bool { return c.Journal.SegmentBytes == 4<<20 }, "journal.segment_bytes is 4MiB because journal.max_bytes is 16MiB",
		"--journal.max-bytes=16MiB")
	f(func(c *Config) bool { return c.Journal.MaxBytes == 16<<30 }, "journal.max_bytes is 16GiB because journal.segment_bytes is 16GiB",
		"--journal.segment-bytes=16GiB")
	f(func(c *Config) bool { return c.Database.MinConnections == 1 }, "database.min_connections is 1 because database.max_connections is 1",
		"--database.max-connections=1")
	f(func(c *Config) bool { return c.Webhook.MaxRequestSize == 3967<<10 },
		"webhook.max_request_size is 3967KiB because pipeline.in_flight_max_bytes is 16MiB", "--pipeline.in-flight-max-bytes=16MiB")
	f(func(c *Config) bool { return c.Pipeline.InFlightMaxBytes == 265<<20 },
		"pipeline.in_flight_max_bytes is 265MiB because webhook.max_request_size is 128MiB", "--webhook.max-request-size=128MiB")
}

// TestForeignVariables: what Kubernetes puts next to a service of our name is
// not a mistake of the operator.
func TestForeignVariables(t *testing.T) {
	t.Parallel()
	got := invoke([]string{"STORMDRAIN_PORT=tcp://10.0.0.1:9567", "STORMDRAIN_SERVICE_HOST=10.0.0.1", "STORMDRAIN_VERSION=1", "STORMDRAIN_HELP=1",
		"broken", "=C:=x", "STORMDRAIN_LOG_LEVEL=debug", "STORMDRAIN_LOG_LEVEL=warn"})
	if got.code != 0 || got.command != "serve" || got.cfg.Log.Level != "warn" {
		t.Errorf("%+v", got)
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"journal", "journal.ack", "journal.max_bytes", "log.level", "quarantine.max_bytes", "webhook.request_timeout"}
	f := func(path, want string) {
		t.Helper()
		if got := nearest(path, names); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	f("journal.max_byte", "journal.max_bytes")
	f("journal.maxBytes", "journal.max_bytes")
	f("quarantine.bytes", "quarantine.max_bytes")
	f("server.request_timeout", "webhook.request_timeout")
	f("logs.level", "log.level")
	f("journal.max_bytes_on_the_disk", "journal.max_bytes")
	f("webhook.request", "webhook.request_timeout")
	f("nothing.alike", "")
	f(strings.Repeat("a", 100000), "")
}
