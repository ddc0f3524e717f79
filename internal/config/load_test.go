package config

import (
	"strings"
	"testing"
)

// TestEveryMistakeAtOnce: one line for each, so that nobody has to start the
// program five times.
func TestEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	got := invoke([]string{"STORMDRAIN_LOG_LEVEL=loud"}, "--journal.ack=never", "--storage.retention=1d", writeYAML(t, "nonsense: 1"))
	lines := strings.Split(got.stderr, "\n")
	if got.code != 1 || len(lines) != 5 {
		t.Fatalf("%+v", got)
	}
	for i, want := range []string{"nonsense (", "journal.ack:", `log.level: "loud" (STORMDRAIN_LOG_LEVEL)`, "storage.retention (--storage.retention):"} {
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
