package nearest

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"journal", "journal.ack", "journal.max_bytes", "log.level", "quarantine.max_bytes", "webhook.request_timeout"}
	f := func(path, want string) {
		t.Helper()
		if got := Name(path, names); got != want {
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

func TestMisspelt(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"A_ACKK": "A_ACK", "A_CK": "A_ACK", "A_ACK": "", "A_SERVICE_PORT": ""} {
		if got := Misspelt(name, []string{"A_ACK"}); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
