package config

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestYAMLAccepted(t *testing.T) {
	t.Parallel()
	f := func(content string, change func(*Config)) {
		t.Helper()
		want := invoke(nil).cfg
		change(&want)
		got := invoke(nil, writeYAML(t, content))
		if got.code != 0 || !reflect.DeepEqual(withoutFile(got.cfg), want) {
			t.Errorf("%s\n%s\ngot  %+v\nwant %+v", content, got.stderr, got.cfg, want)
		}
	}
	none := func(*Config) {}
	f("", none)
	f("\n\n# only a comment\n", none)
	f("---\n", none)
	f("---\n...\n", none)
	f("null\n", none)
	f("{}", none)
	f("\ufeff# a byte order mark\n", none)
	f("journal:\n", none)
	f("journal: ~\nserver: {}\n", none)
	f("journal: {max_bytes: null, ack: }\nserver: {listen: ~}", none)

	f("journal: {max_bytes: 1073741824}", func(c *Config) { c.Journal.MaxBytes = 1 << 30 })
	f("journal: {max_bytes: 1GiB}", func(c *Config) { c.Journal.MaxBytes = 1 << 30 })
	f("journal: {max_bytes: '1 GiB'}", func(c *Config) { c.Journal.MaxBytes = 1 << 30 })
	f(`{"journal": {"max_bytes": 1073741824}}`, func(c *Config) { c.Journal.MaxBytes = 1 << 30 })
	f("data: {dir: 2026}", func(c *Config) { c.Data.Dir = "2026" })
	f("data: {dir: !!str x}", func(c *Config) { c.Data.Dir = "x" })
	f("data:\n  dir: |-\n    a b\n", func(c *Config) { c.Data.Dir = "a b" })
	f("server: {listen: ':1'}", func(c *Config) { c.Server.Listen = []string{":1"} })

	f("journal: {max_bytes: &size 1GiB}\nquarantine: {max_bytes: *size}", func(c *Config) {
		c.Journal.MaxBytes, c.Quarantine.MaxBytes = 1<<30, 1<<30
	})
	f("server: {listen: [&a ':1', ':2']}\n", func(c *Config) { c.Server.Listen = []string{":1", ":2"} })
	f("journal: &j {max_bytes: 1GiB}\nquarantine: *j", func(c *Config) {
		c.Journal.MaxBytes, c.Quarantine.MaxBytes = 1<<30, 1<<30
	})
	f("quarantine: &q {max_bytes: 1GiB}\njournal: {<<: *q, ack: commit}", func(c *Config) {
		c.Journal.MaxBytes, c.Quarantine.MaxBytes, c.Journal.Ack = 1<<30, 1<<30, "commit"
	})
	f("quarantine: &q {max_bytes: 1GiB}\njournal: {<<: [*q, {ack: commit}], max_bytes: 2GiB}", func(c *Config) {
		c.Journal.MaxBytes, c.Quarantine.MaxBytes, c.Journal.Ack = 2<<30, 1<<30, "commit"
	})
	f("<<: {data: {dir: merged}, log: {level: warn}}\ndata: {dir: own}", func(c *Config) {
		c.Data.Dir, c.Log.Level = "own", "warn"
	})
}

func TestYAMLRefused(t *testing.T) {
	t.Parallel()
	f := func(content string, wanted ...string) {
		t.Helper()
		got := invoke(nil, writeYAML(t, content))
		lines := strings.Split(strings.TrimSuffix(got.stderr, "\n"), "\n")
		if got.code != 1 || got.command != "" || len(lines) != len(wanted) {
			t.Errorf("%s\ncode %d, %s", content, got.code, got.stderr)
			return
		}
		for i, want := range wanted {
			if !strings.HasPrefix(lines[i], "stormdrain: ") || !strings.Contains(lines[i], want) {
				t.Errorf("%s\ngot  %s\nwant %s", content, lines[i], want)
			}
		}
	}
	f("journal:\n  ack: fsync\n  maxbytes: 1\n", "stormdrain.yml, line 3): unknown key; did you mean journal.max_bytes?")
	f("journal: {max-bytes: 1}", "did you mean journal.max_bytes?")
	f("journal: {maxBytes: 1}", "did you mean journal.max_bytes?")
	f("server: {request_timeout: 1s}", "did you mean webhook.request_timeout?")
	f("rate-limit: {burst: 0}", "did you mean rate_limit?")
	f("jurnal: {ack: fsync}", "did you mean journal?")
	f("web: {listen_address: ':1'}", "did you mean server.listen?")
	f("server: {listen_address: ':1'}", "did you mean server.listen?")
	f("completely_different: 1", "completely_different (")
	f("journal.max_bytes: 1GiB", "unknown key; write journal: {max_bytes: ...}")
	f("config.file: x", "config.file (")
	f("journal: {max_bytes: {a: b}}", "journal.max_bytes (")
	f("server: {listen: [[':1']]}", "server.listen (")
	f("server: {listen: []}", `server.listen: ""`)
	f("server: {listen: [':1', ':1']}", "none of them twice")
	f("server: {listen: ['nonsense']}", `server.listen: "nonsense"`)
	f("journal: 8GiB", "is a group of keys")
	f("- journal", "want groups of keys")
	f("journal", "want groups of keys")
	f("journal: {ack: fsync, ack: commit}", "line 1): key stands there twice, first in line 1")
	f("log: {level: info}\njournal: {}\nlog: {level: warn}", "line 3): key stands there twice, first in line 1")
	f("a: b: c", "config.file: ")
	f("journal: *nothing", "config.file: ")
	f("data: {dir: a}\n---\ndata: {dir: b}\n", "more than one YAML document")
	f("\xff\xfe\x00", "config.file: ")
	f("journal: &j {<<: *j, ack: commit}", "journal.<< (")
	f("log: &a {<<: [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a]}", "more than 100 merges")
	f("journal: {<<: 1}", "journal.<< (")
	f("? [a, b]\n: c\n", "unknown key")
	f("\"two\\nlines\": 1", `"two\nlines"`)
	f("journal: {ack: maybe, max_bytes: -1}\nstorage: {batch_rows: 0.5}\nx: y",
		"x (", `journal.ack: "maybe"`, `journal.max_bytes: "-1" (`, `storage.batch_rows: "0.5"`)
	f("debug: {pprof: maybe}", `debug.pprof: "maybe"`)
}

// TestSampleFile holds the file that is shipped to the defaults, and to saying
// something about every key.
func TestSampleFile(t *testing.T) {
	t.Parallel()
	const path = "../../deploy/stormdrain.yml"
	got := invoke(nil, "--config.file="+path)
	if want := invoke(nil).cfg; got.code != 0 || !reflect.DeepEqual(withoutFile(got.cfg), want) {
		t.Errorf("%s\ngot  %+v\nwant %+v", got.stderr, got.cfg, want)
	}
	var cfg Config
	settings := settingsOf(&cfg)
	values, errs := readConfigFile(path, settings)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for _, s := range settings {
		v, there := values[s.key]
		if !there && s.group != "" {
			t.Errorf("%s is missing", s.key)
		}
		if there && v.words[0] != s.standard {
			t.Errorf("%s: %q in the file, %q in --help", s.key, v.words[0], s.standard)
		}
	}
	if out := invoke(nil, "check-config", "--config.file="+path); out.stdout != "OK\n" {
		t.Errorf("%+v", out)
	}
	if out := invoke(nil, "check-config", path); out.stdout != "OK\n" || out.cfg.File != path {
		t.Errorf("%+v", out)
	}
	if out := invoke(nil, "check-config", path, "--config.file="+path); out.code != ExitUsage {
		t.Errorf("two files: %+v", out)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
