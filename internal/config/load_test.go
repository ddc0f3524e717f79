package config

import (
	"strings"
	"testing"
)

// TestEveryMistakeAtOnce: one line for each, so that nobody has to start the
// program five times.
func TestEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	got := invoke([]string{"STORMDRAIN_LOG_LEVEL=loud"}, "--journal.ack=never", "--storage.retention=sometimes", writeYAML(t, "nonsense: 1"))
	lines := strings.Split(got.stderr, "\n")
	if got.code != 1 || len(lines) != 5 {
		t.Fatalf("%+v", got)
	}
	for i, want := range []string{"nonsense (", "journal.ack:", `storage.retention: "sometimes" (--storage.retention)`, `log.level: "loud" (STORMDRAIN_LOG_LEVEL)`} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("%d: %q is not in %q", i, want, lines[i])
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
