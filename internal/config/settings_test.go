package config

import (
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
