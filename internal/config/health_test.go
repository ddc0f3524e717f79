package config

import (
	"strings"
	"testing"
	"time"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	f := func(want Health, environ []string, args ...string) {
		t.Helper()
		got := invoke(environ, append([]string{"health"}, args...)...)
		if got.command != CommandHealth || got.code != 0 || got.stdout+got.stderr != "" || got.cfg.Health != want {
			t.Errorf("%v %v: %+v", environ, args, got)
		}
	}
	f(Health{URL: "http://127.0.0.1:9567/-/ready", Timeout: 3 * time.Second}, nil)
	f(Health{URL: "https://h:1/x", Timeout: time.Minute, Insecure: true}, nil, "--url=https://h:1/x", "--timeout=1m", "--insecure")
	// STORMDRAIN_URL is read by query, too, which wants no path.
	f(Health{URL: "http://h:1/-/ready", Timeout: 3 * time.Second}, []string{"STORMDRAIN_URL=http://h:1"})
	f(Health{URL: "http://h:1/-/ready", Timeout: 3 * time.Second}, nil, "--url=http://h:1/")
	// What the container's environment says of the server is none of its business,
	// however wrong it is.
	f(Health{URL: "http://h/-/healthy", Timeout: 3 * time.Second}, []string{"STORMDRAIN_URL=http://h/-/healthy", "STORMDRAIN_LOG_LEVEL=loud"})
}

func TestHealthMistakes(t *testing.T) {
	t.Parallel()
	f := func(want string, args ...string) {
		t.Helper()
		got := invoke(nil, append([]string{"health"}, args...)...)
		if got.code != ExitUsage || got.command != "" || strings.Count(got.stderr, "\n") != 1 ||
			!strings.HasPrefix(got.stderr, "stormdrain: "+want) || !strings.Contains(got.stderr, "stormdrain health --help") {
			t.Errorf("%v: %+v", args, got)
		}
	}
	f("--url: want a URL such as", "--url=127.0.0.1:9567")
	f("--url: want a URL such as", "--url=ftp://h/")
	f("--timeout: want at least 1ms", "--timeout=0s")
	f("unknown flag --uri", "--uri=x")
	f("--log.level is a setting of the server; health takes none", "--log.level=info")
	if help := invoke(nil, "health", "--help").stdout; !strings.Contains(help, "--url=") || strings.Contains(help, "--journal") {
		t.Errorf("help: %s", help)
	}
}
