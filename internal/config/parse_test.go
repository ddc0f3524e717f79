package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// outcome is what Parse did.
type outcome struct {
	cfg            Config
	command        string
	code           int
	stdout, stderr string
}

func invoke(environ []string, args ...string) outcome {
	var stdout, stderr bytes.Buffer
	cfg, command, code := Parse(args, environ, &stdout, &stderr)
	return outcome{cfg, command, code, stdout.String(), stderr.String()}
}

// writeYAML writes a file and returns the flag that names it.
func writeYAML(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stormdrain.yml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return "--config.file=" + path
}

// withoutFile makes a Config comparable to one that came from elsewhere.
func withoutFile(c Config) Config {
	c.File = ""
	return c
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	got := invoke(nil)
	if got.code != 0 || got.command != "serve" || got.stdout+got.stderr != "" {
		t.Fatalf("%+v", got)
	}
	const mib = 1 << 20
	want := Config{
		Server: Server{Listen: []string{":9567"}, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
			IdleTimeout: 10 * time.Minute, MaxConnections: 16384},
		Database:   Database{MaxConnections: 4, MinConnections: 2, MaxConnLifetime: time.Hour, MaxConnIdleTime: 10 * time.Minute},
		Webhook:    Webhook{MaxRequestSize: 33554432, RequestTimeout: 8 * time.Second},
		App:        App{WorkerTimeout: 5 * time.Minute},
		Pipeline:   Pipeline{RingSize: 1024, InternMaxBytes: 32 * mib, BodyCacheBytes: 8 * mib, InFlightMaxBytes: 256 * mib},
		Journal:    Journal{Ack: "fsync", MaxBytes: 8192 * mib, SegmentBytes: 64 * mib},
		Quarantine: Quarantine{MaxBytes: 256 * mib},
		Storage:    Storage{BatchRows: 5000, FlushInterval: 100 * time.Millisecond, Episodes: true},
		Data:       Data{Dir: "data"},
		Shutdown:   Shutdown{Timeout: 30 * time.Second},
		Log:        Log{Level: "info", Format: "auto"},
	}
	if !reflect.DeepEqual(got.cfg, want) {
		t.Errorf("got  %+v\nwant %+v", got.cfg, want)
	}
}

// samples returns three values of a setting that are neither its default nor
// each other.
func samples(s *setting) [3]string {
	switch s.target.Interface().(type) {
	case time.Duration:
		return [3]string{"1s", "2s", "3s"}
	case int64, int, float64:
		return [3]string{"100001", "100002", "100003"}
	case bool:
		return [3]string{"true", "true", "true"}
	case []string:
		return [3]string{"127.0.0.1:1", "127.0.0.1:2,[::1]:2", "127.0.0.1:3"}
	}
	switch s.key {
	case "journal.ack":
		return [3]string{"commit", "memory", "commit"}
	case "log.level":
		return [3]string{"debug", "warn", "error"}
	case "log.format":
		return [3]string{"json", "console", "json"}
	case "storage.url":
		return [3]string{"sqlite:a", "sqlite:b", "postgres://c/d"}
	}
	return [3]string{"a", "b", "c"}
}

// bound keeps a sample below the bound of a setting that has a low one.
func bound(s *setting, sample string) string {
	if s.max == "" || s.target.Kind() != reflect.Int {
		return sample
	}
	return sample[len(sample)-1:]
}

// asYAML writes one value at its place in the tree.
func asYAML(s *setting, value string) string {
	name := strings.TrimPrefix(s.key, s.group+".")
	if s.isList() {
		return fmt.Sprintf("%s: {%s: [%q]}\n", s.group, name, strings.ReplaceAll(value, ",", `","`))
	}
	return fmt.Sprintf("%s: {%s: %q}\n", s.group, name, value)
}

// TestPrecedence goes through every key: each source goes before the next.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	var names Config
	all := settingsOf(&names)
	if len(all) != 45 {
		t.Errorf("%d settings, expected 43 keys of the file and 2 flags that name files", len(all))
	}
	for _, s := range all {
		t.Run(s.key, func(t *testing.T) {
			t.Parallel()
			if s.key == "config.file" {
				return // TestConfigFileFlag
			}
			values := samples(s)
			for i := range values {
				values[i] = bound(s, values[i])
			}
			checkPrecedence(t, s, values)
		})
	}
}

func checkPrecedence(t *testing.T, s *setting, values [3]string) {
	t.Helper()
	set := func(wanted string, environ, args []string) {
		t.Helper()
		var cfg Config
		settings := settingsOf(&cfg)
		line := commandLine{settings: settings}
		if _, err := line.parse(args); err != nil {
			t.Fatal(err)
		}
		for _, err := range load(settings, environ) {
			t.Error(err)
		}
		var wantCfg Config
		want := byKey(settingsOf(&wantCfg), s.key)
		if err := want.set([]string{wanted}, ""); err != nil {
			t.Fatal(err)
		}
		if got := byKey(settings, s.key).target.Interface(); !reflect.DeepEqual(got, want.target.Interface()) {
			t.Errorf("got %v, want %v", got, want.target.Interface())
		}
		for _, other := range settings {
			if other.key != s.key && other.key != "config.file" && !reflect.DeepEqual(other.target.Interface(), other.fallback) {
				t.Errorf("%s changed to %v as well", other.key, other.target)
			}
		}
	}
	env := []string{s.env + "=" + values[1]}
	flag := "--" + s.flag + "=" + values[2]
	set(values[1], env, nil)
	set(values[2], env, []string{flag})
	set(values[2], nil, []string{flag, "check-config"})
	if s.group == "" {
		return
	}
	file := writeYAML(t, asYAML(s, values[0]))
	set(values[0], nil, []string{file})
	set(values[0], []string{s.env + "="}, []string{file}) // empty: as if absent
	set(values[1], env, []string{file})
	set(values[2], env, []string{file, flag})
}

func TestNames(t *testing.T) {
	t.Parallel()
	var cfg Config
	settings := settingsOf(&cfg)
	f := func(key, flag, env string) {
		t.Helper()
		s := byKey(settings, key)
		if s.flag != flag || s.env != env {
			t.Errorf("%s: %+v", key, s)
		}
	}
	f("journal.max_bytes", "journal.max-bytes", "STORMDRAIN_JOURNAL_MAX_BYTES")
	f("server.listen", "web.listen-address", "STORMDRAIN_WEB_LISTEN_ADDRESS")
	f("rate_limit.per_client", "rate-limit.per-client", "STORMDRAIN_RATE_LIMIT_PER_CLIENT")
	f("web.config.file", "web.config.file", "STORMDRAIN_WEB_CONFIG_FILE")
	f("config.file", "config.file", "STORMDRAIN_CONFIG_FILE")
}

func TestConfigFileFlag(t *testing.T) {
	t.Parallel()
	one := strings.TrimPrefix(writeYAML(t, "data: {dir: one}"), "--config.file=")
	two := strings.TrimPrefix(writeYAML(t, "data: {dir: two}"), "--config.file=")
	if got := invoke([]string{"STORMDRAIN_CONFIG_FILE=" + one}); got.cfg.Data.Dir != "one" || got.cfg.File != one {
		t.Errorf("from the environment: %+v", got)
	}
	if got := invoke([]string{"STORMDRAIN_CONFIG_FILE=" + one}, "--config.file", two); got.cfg.Data.Dir != "two" {
		t.Errorf("the flag goes before the environment: %+v", got)
	}
	got := invoke(nil, "--config.file=/nowhere/stormdrain.yml")
	if got.code != 1 || !strings.Contains(got.stderr, "config.file: open /nowhere/stormdrain.yml: no such file") {
		t.Errorf("a file that is not there: %+v", got)
	}
}

func TestListenIsRepeatable(t *testing.T) {
	t.Parallel()
	want := []string{":1", "localhost:0", "[::1]:2"}
	for _, got := range []outcome{
		invoke(nil, "--web.listen-address=:1", "--web.listen-address", "localhost:0", "--web.listen-address=[::1]:2"),
		invoke(nil, "--web.listen-address=:1,localhost:0", "--web.listen-address=[::1]:2"),
		invoke([]string{"STORMDRAIN_WEB_LISTEN_ADDRESS=:1, localhost:0,[::1]:2"}),
		invoke(nil, writeYAML(t, "server:\n  listen:\n  - :1\n  - localhost:0\n  - '[::1]:2'\n")),
		invoke(nil, writeYAML(t, `server: {listen: ":1,localhost:0,[::1]:2"}`)),
	} {
		if got.code != 0 || !reflect.DeepEqual(got.cfg.Server.Listen, want) {
			t.Errorf("%+v", got)
		}
	}
}
