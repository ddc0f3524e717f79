package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A mistake in a file that the configuration names is one line of check-config,
// like a mistake in the configuration; no secret is in it.
func TestCheckConfigReadsTheFilesItNames(t *testing.T) {
	t.Parallel()
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	got := invoke(nil, "check-config", "--web.config.file="+file("http_server_config: {http2: false}"),
		"--auth.bearer-token-file="+file("one\ntwo\n"), "--auth.hmac-secret-file="+file("hush"))
	if got.code != 0 || got.stdout != "OK\n" || got.stderr != "" {
		t.Errorf("%+v", got)
	}
	got = invoke(nil, "check-config", "--web.config.file="+file("http_server: {}"),
		"--auth.bearer-token-file="+file("hush hush"), "--auth.hmac-secret-file="+file("\n"))
	lines := strings.Split(strings.TrimSpace(got.stderr), "\n")
	if got.code != 1 || got.stdout != "" || len(lines) != 3 || strings.Contains(got.stderr, "hush") {
		t.Fatalf("%+v", got)
	}
	// Serve says the same, before it starts anything.
	if serve := invoke(nil, "--auth.bearer-token-file="+file("hush hush")); serve.code != 1 || serve.command != "" || strings.Count(serve.stderr, "\n") != 1 ||
		!strings.HasPrefix(serve.stderr, "stormdrain: auth.bearer_token_file: ") {
		t.Errorf("%+v", serve)
	}
	for i, want := range []string{"web.config.file: ", "auth.bearer_token_file: ", "auth.hmac_secret_file: "} {
		if !strings.HasPrefix(lines[i], "stormdrain: "+want) {
			t.Errorf("%q does not begin with %q", lines[i], want)
		}
	}
}

// Kubernetes puts variables of our prefix next to a Service of our name: only what is
// almost one of ours is worth a word.
func TestMisspeltVariables(t *testing.T) {
	t.Parallel()
	got := invoke([]string{"STORMDRAIN_JOURNAL_ACKK=commit", "STORMDRAIN_SERVICE_PORT=9567", "STORMDRAIN_PORT_9567_TCP_ADDR=10.0.0.1"}, "check-config")
	const want = "stormdrain: warning: the variable STORMDRAIN_JOURNAL_ACKK is no setting's; did you mean STORMDRAIN_JOURNAL_ACK?\n"
	if got.code != 0 || got.stdout != "OK\n" || got.stderr != want {
		t.Errorf("%+v", got)
	}
}
