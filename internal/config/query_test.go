package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestQueryCommand(t *testing.T) {
	t.Parallel()
	f := func(change func(*Query), environ []string, args ...string) {
		t.Helper()
		want := Query{By: "alertname", Output: "table", Color: "auto", URL: "http://localhost:9567"}
		change(&want)
		got := invoke(environ, append([]string{"query"}, args...)...)
		if got.command != CommandQuery || got.code != 0 || got.stdout+got.stderr != "" || !reflect.DeepEqual(got.cfg.Query, want) {
			t.Errorf("%v %v: %+v, want %+v", environ, args, got, want)
		}
	}
	empty, all := "", 0
	f(func(*Query) {}, nil)
	f(func(q *Query) { q.Words, q.From = []string{"severity=critical"}, "2h" }, nil, "severity=critical", "--from", "2h")
	f(func(q *Query) { q.Words, q.Open = []string{"episodes", `alertname=~"Node.*"`, "a!=b"}, true }, nil, "episodes", `alertname=~"Node.*"`, "--open", "a!=b")
	f(func(q *Query) { q.Words, q.Source, q.Limit, q.Output = []string{"events"}, &empty, &all, "csv" }, nil, "events", "--source=", "--limit=0", "-o", "csv")
	f(func(q *Query) { q.Words, q.From, q.Output, q.UTC = []string{"a=b", "c=d", "-e"}, "2h", "json", true }, nil, "--from", "2h", "a=b", "-o", "json", "c=d", "--utc", "--", "-e")
	f(func(q *Query) { q.Words, q.By, q.Sort = []string{"stats"}, "team", "p95" }, nil, "stats", "--by=team", "--sort=p95")
	f(func(q *Query) { q.Follow, q.Header = true, []string{"A: b, c", "D: e"} }, nil, "-f", "--header=A: b, c", "--header=D: e")
	f(func(q *Query) { q.Words, q.Output = []string{"a=b", "c=d"}, "ndjson" }, nil, "a=b", "--format", "ndjson", "c=d")
	f(func(q *Query) { q.Output = "json" }, []string{"STORMDRAIN_OUTPUT=csv"}, "--format=json")
	f(func(q *Query) { q.URL, q.NoColor = "https://h/x", true }, []string{"STORMDRAIN_URL=https://h/x", "NO_COLOR=1", "STORMDRAIN_LOG_LEVEL=loud"})
	f(func(q *Query) { q.NoColor = true }, []string{"NO_COLOR=", "TERM=dumb"})
}

func TestQueryMistakes(t *testing.T) {
	t.Parallel()
	f := func(want string, args ...string) {
		t.Helper()
		got := invoke(nil, append([]string{"query"}, args...)...)
		if got.code != ExitUsage || got.command != "" || strings.Count(got.stderr, "\n") != 1 ||
			!strings.HasPrefix(got.stderr, "stormdrain: "+want) || !strings.Contains(got.stderr, "stormdrain query --help") {
			t.Errorf("%v: %+v", args, got)
		}
	}
	f("--url: want a URL such as", "--url=localhost:9567")
	f("--url: want a URL such as", "--url=http://h/?x", "a=b")
	f("--url: a password does not belong there", "--url=http://me:secret@h/")
	f("--limit: want a number of rows", "--limit=-1")
	f("--limit: ", "--limit=many")
	f("--status: want firing or resolved", "--status=open")
	f("--output must be one of", "-o", "xml")
	f("--user and --password-file", "--user=me")
	f("--user and --bearer-token-file", "--user=me", "--password-file=x", "--bearer-token-file=y")
	f("--cert-file and --key-file", "--cert-file=x")
	f("--at: is for episodes", "events", "--at=03:12")
	f("--open: is for episodes", "events", "--open")
	f("--by: is for stats", "--by=team")
	f("--sort: is for stats", "events", "--sort=p95")
	f("--follow: stats are of what was", "stats", "--follow")
	f("--follow: want --output", "--follow", "-o", "csv")
	f("--at: --follow shows each alert", "--follow", "--at=03:12")
	f("unknown flag --form", "--form=2h")
	f("--log.level is a setting of the server; query takes none", "--log.level=info")
}

func TestQueryHelp(t *testing.T) {
	t.Parallel()
	help := invoke(nil, "query", "--help").stdout
	for _, want := range []string{"--from=TIME", "--follow", "STORMDRAIN_URL", "stormdrain query --at 03:12", "Server:"} {
		if !strings.Contains(help, want) {
			t.Errorf("no %q in\n%s", want, help)
		}
	}
	if strings.Contains(help, "--journal") {
		t.Error("settings of the server are in the help of query")
	}
	for line := range strings.Lines(help) {
		if len(line) > 81 {
			t.Errorf("wider than 80 columns: %q", line)
		}
	}
}
