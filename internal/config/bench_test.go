package config

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestBench(t *testing.T) {
	t.Parallel()
	standard := Bench{
		Target: "http://127.0.0.1:9567", Source: "bench", Rate: 1000, Duration: 10 * time.Second, Alerts: 10, Connections: 64, Distinct: 2000,
		Timeout: 10 * time.Second, Step: 2 * time.Second, MaxP99: 100 * time.Millisecond, VerifyWait: 5 * time.Minute, Format: "text",
	}
	f := func(change func(*Bench), environ []string, args ...string) {
		t.Helper()
		want := standard
		change(&want)
		got := invoke(environ, append([]string{"bench"}, args...)...)
		if got.command != CommandBench || got.code != 0 || got.stdout+got.stderr != "" || !reflect.DeepEqual(got.cfg.Bench, want) {
			t.Errorf("%v %v: %+v", environ, args, got)
		}
	}
	f(func(*Bench) {}, nil)
	f(func(b *Bench) {
		*b = Bench{
			Target: "https://s/x", Source: "", Header: []string{"A: b, c", "@file"}, Insecure: true, CAFile: "ca", CertFile: "c", KeyFile: "k",
			Rate: 0, Duration: 90 * time.Second, Alerts: 1, Connections: 2, Distinct: 3, Timeout: time.Second, Step: time.Minute,
			MaxP99: 24 * time.Hour, Verify: true, VerifyWait: time.Second, Format: "json",
		}
	}, nil, "--target", "https://s/x", "--source=", "--header", "A: b, c", "--header=@file", "--insecure", "--ca-file=ca", "--cert-file=c", "--key-file=k",
		"--rate=0", "--duration", "1m30s", "--alerts=1", "--connections=2", "--distinct=3", "--timeout=1s", "--step=1m", "--max-p99=1d",
		"--verify", "--verify-wait=1s", "--format=json")
	// Its own variables count, the server's do not, however wrong they are.
	f(func(b *Bench) { b.Rate, b.Verify, b.Header = 7, true, []string{"A: b"} },
		[]string{"STORMDRAIN_RATE=5", "STORMDRAIN_RATE=7", "STORMDRAIN_VERIFY=true", "STORMDRAIN_HEADER=A: b", "STORMDRAIN_DURATION=",
			"STORMDRAIN_LOG_LEVEL=loud", "STORMDRAIN_CONFIG_FILE=/nowhere", "STORMDRAIN_PORT=tcp://10.0.0.1:9567"})
	f(func(b *Bench) { b.Rate = 9 }, []string{"STORMDRAIN_RATE=7"}, "--rate=9")
	if got := invoke([]string{"STORMDRAIN_RATE=7", "STORMDRAIN_TARGET=x"}); got.command != "serve" || !reflect.DeepEqual(got.cfg.Bench, Bench{}) {
		t.Errorf("serve with variables of bench: %+v", got)
	}
}

func TestBenchMistakes(t *testing.T) {
	t.Parallel()
	f := func(want string, args ...string) {
		t.Helper()
		got := invoke(nil, append([]string{"bench"}, args...)...)
		if got.code != ExitUsage || got.command != "" || got.stdout != "" || strings.Count(got.stderr, "\n") != 1 ||
			!strings.HasPrefix(got.stderr, "stormdrain: "+want) || !strings.Contains(got.stderr, "stormdrain bench --help") {
			t.Errorf("%v: %+v", args, got)
		}
	}
	f("--rate: want requests a second", "--rate=-1")
	f("--rate: ", "--rate=many")
	f("--alerts: ", "--alerts=0")
	f("--connections: ", "--connections=0")
	f("--distinct: ", "--distinct=0")
	f(`--duration: "10" is not a duration; want one such as`, "--duration=10")
	f("--duration: want at least 1ms", "--duration=0s")
	f("--timeout: want at least 1ms", "--timeout=-1s")
	f("--duration: wants a value", "--duration")
	f("--format must be one of", "--format=xml")
	f("--cert-file and --key-file: ", "--cert-file=x")
	f("unknown flag --rat", "--rat=1")
	f("unexpected argument http://h", "http://h")
	f("--log.level is a setting of the server", "--log.level=debug")
	if got := invoke([]string{"STORMDRAIN_RATE=many"}, "bench"); got.code != ExitUsage || !strings.Contains(got.stderr, "--rate: ") {
		t.Errorf("%+v", got)
	}
	if got := invoke(nil, "--log.level=debug", "bench"); got.code != ExitUsage || !strings.Contains(got.stderr, "--log.level is a setting of the server") {
		t.Errorf("%+v", got)
	}
}

func TestBenchHelp(t *testing.T) {
	t.Parallel()
	got := invoke(nil, "bench", "--help")
	if got.code != 0 || got.command != "" {
		t.Errorf("%+v", got)
	}
	for i := range reflect.TypeFor[Bench]().NumField() {
		field := reflect.TypeFor[Bench]().Field(i)
		name := field.Tag.Get("name")
		if name == "" {
			name = strings.ToLower(field.Name)
		}
		if !strings.Contains(strings.ReplaceAll(got.stdout, "-", ""), strings.ReplaceAll(name, "-", "")) || field.Tag.Get("help") == "" {
			t.Errorf("--%s is not in the help", name)
		}
	}
	for _, no := range []string{"--log.level", "--journal", "Journal:"} {
		if strings.Contains(got.stdout, no) {
			t.Errorf("%s is in the help of bench", no)
		}
	}
	for line := range strings.Lines(got.stdout) {
		if len(line) > 81 {
			t.Errorf("wider than 80 columns: %q", line)
		}
	}
}
