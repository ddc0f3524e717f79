package config

import (
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	t.Parallel()
	f := func(s, want string) {
		t.Helper()
		if got := redact(s); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", s, got, want)
		}
	}
	f("", "")
	f("sqlite:/var/lib/x.db", "sqlite:/var/lib/x.db")
	f("postgres://db/alerts", "postgres://db/alerts")
	f("postgres://me@db:5432/alerts", "postgres://me@db:5432/alerts")
	f("postgres://me:hunter2@db:5432/alerts", "postgres://me:xxxxx@db:5432/alerts")
	f("postgresql://me:hunter2@/alerts?host=/run", "postgresql://me:xxxxx@/alerts?host=/run")
	f("postgres://me:@db/alerts", "postgres://me:xxxxx@db/alerts")
	f("postgres://db/a?sslmode=disable&password=hunter2&x=1", "postgres://db/a?sslmode=disable&password=xxxxx&x=1")
	f("postgres://db/a?sslpassword=hunter2", "postgres://db/a?sslpassword=xxxxx")
	f("postgres://me@a:1,b:2/alerts?user=x", "postgres://me@a:1,b:2/alerts?user=x")
	f("host=db user=me password=hunter2 dbname=a", "host=db user=me password=xxxxx dbname=a")

	// Whatever a password looks like, no part of it is left.
	for _, password := range []string{"hunter2", "hun@ter2", "hun/ter2", "hun?ter2", "hun#ter2", "12#hunter2", "hun:ter2", "hun ter2", "hun@ter/2?er@2",
		"%68unter2", "hun&ter2", "hun=ter2", "hun'ter2", `hun"ter2`} {
		if got := redact("postgres://me:" + password + "@db/a"); got != "postgres://me:xxxxx@db/a" {
			t.Errorf("%s: %s", password, got)
		}
	}
	for _, s := range []string{
		"postgres://db/a?p%61ssword=hunter2",
		"postgres://db/a?PASSWORD=hunter2",
		"postgres://db/a?password=hunter2 and hunter2",
		"host=db password = 'a b hunter2' x=y",
		`host=db password='a\'hunter2' x=y`,
		"mysql://me:hunter2@db/x",
		`unexpected argument "postgres://me:hunter2@db"`,
	} {
		if got := redact(s); strings.Contains(got, "unter2") {
			t.Errorf("%s: %s", s, got)
		}
	}
}

// TestNoMessageHoldsThePassword sends a URL with a password down every way on
// which a message could quote it.
func TestNoMessageHoldsThePassword(t *testing.T) {
	t.Parallel()
	const url = "mysql://me:hunter2@db/alerts"
	long := "mysql://" + strings.Repeat("long", 40) + ":hunter2@db/alerts?password=hunter2"
	for name, got := range map[string]outcome{
		"flag":            invoke(nil, "--storage.url="+url),
		"flag, long":      invoke(nil, "--storage.url="+long),
		"environment":     invoke([]string{"STORMDRAIN_STORAGE_URL=" + url}),
		"file":            invoke(nil, writeYAML(t, "storage: {url: \""+url+"\"}")),
		"file, list":      invoke(nil, writeYAML(t, "storage: {url: [\""+url+"\"]}")),
		"file, key":       invoke(nil, writeYAML(t, "storage: {\""+url+"\": 1}")),
		"file, syntax":    invoke(nil, writeYAML(t, "storage: {url: \""+url+"\"")),
		"file, anchor":    invoke(nil, writeYAML(t, "storage: *"+url)),
		"other key":       invoke(nil, "--journal.max-bytes="+url),
		"argument":        invoke(nil, url),
		"unknown flag":    invoke(nil, "--storage.urls="+url),
		"flag as value":   invoke(nil, "--"+url),
		"command":         invoke(nil, "serve", url),
		"config file":     invoke(nil, "--config.file="+url),
		"value of a bool": invoke(nil, "--log.access="+url),
		"spaces":          invoke(nil, "--storage.url=postgres://me:hunter2 @db"),
		"keyword form":    invoke(nil, "--storage.url=host=db password=hunter2"),
	} {
		if got.code == 0 || got.stderr == "" {
			t.Errorf("%s: accepted: %+v", name, got)
		}
		if strings.Contains(got.stdout+got.stderr, "hunter2") {
			t.Errorf("%s: %s", name, got.stderr)
		}
	}
}
