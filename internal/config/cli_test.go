package config

import (
	"strings"
	"testing"
)

func TestCommands(t *testing.T) {
	t.Parallel()
	f := func(command string, code int, stdout, stderr string, args ...string) {
		t.Helper()
		got := invoke(nil, args...)
		if got.command != command || got.code != code || !strings.Contains(got.stdout, stdout) || !strings.Contains(got.stderr, stderr) {
			t.Errorf("%v: command %q, code %d, stdout %q, stderr %q", args, got.command, got.code, got.stdout, got.stderr)
		}
		if strings.Count(got.stderr, "\n") > 1 {
			t.Errorf("%v: more than one line: %s", args, got.stderr)
		}
	}
	f("serve", 0, "", "")
	f("serve", 0, "", "", "serve")
	f("serve", 0, "", "", "--log.level=debug")
	f("serve", 0, "", "", "--log.level=debug", "serve")
	f("serve", 0, "", "", "serve", "--log.level", "debug")
	f("serve", 0, "", "", "--journal.max-bytes=1GiB", "--journal.max-bytes=2GiB")
	f("", 0, "OK\n", "", "check-config")
	f("", 0, "OK\n", "", "check-config", "--data.dir=/x")
	f("", 1, "", "log.level: \"loud\" (--log.level) is not accepted: want one of trace, debug, info, warn, error", "check-config", "--log.level=loud")
	f("", 1, "", "log.level:", "--log.level=loud")
	f("", 0, "stormdrain version ", "", "--version")
	f("", 0, "--journal.max-bytes=8GiB", "", "--help")
	f("", 0, "--journal.max-bytes=8GiB", "", "serve", "--help")

	f("doctor", 0, "", "", "doctor", "--format=json", "--data.dir=/x")
	f("rebuild-episodes", 0, "", "", "rebuild-episodes", "--data.dir=/x")
	f("", 1, "", "log.level:", "doctor", "--log.level=loud")
	f("", 2, "", "--format must be one of", "doctor", "--format=xml")

	f("", 2, "", "unknown command diagnose; the commands are serve, check-config, doctor, rebuild-episodes, bench, query and health (stormdrain --help", "diagnose")
	f("", 2, "", "unknown command ask", "--log.level=debug", "ask")
	f("", 2, "", "unexpected argument twice", "serve", "twice")
	f("", 2, "", `unknown flag --journal.max-byte, did you mean "--journal.max-bytes"?`, "--journal.max-byte=1")
	f("", 2, "", "unknown flag --journal.max_bytes", "--journal.max_bytes=1")
	f("", 2, "", "unknown flag -x", "-x")
	f("", 2, "", "--data.dir: wants a value, as in --data.dir=...", "--data.dir")
	f("", 2, "", "--data.dir: wants a value", "--data.dir", "--log.level=info")
	f("", 2, "", "unknown flag -- (stormdrain --help", "--=")
	f("", 2, "", "unknown flag -\ufffd", "-\x1b[31m\n")
	f("", 2, "", "xxxxx@db", "--storage.url=", "postgres://me:hunter2@db/alerts")
}

func TestHelp(t *testing.T) {
	t.Parallel()
	var cfg Config
	help := invoke(nil, "--help").stdout
	for _, s := range settingsOf(&cfg) {
		if !strings.Contains(help, "--"+s.flag) {
			t.Errorf("--%s is not in --help", s.flag)
		}
		if s.help == "" || s.group != "" && flagGroup(s).Title == "" {
			t.Errorf("%s has no help, or its group %q no title", s.key, s.group)
		}
	}
	for _, command := range []string{"serve", "check-config", "doctor", "bench", "query", "health"} {
		if !strings.Contains(help, "\n  "+command+" ") {
			t.Errorf("--help does not list %q", command)
		}
	}
}
