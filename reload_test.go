package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stormdrain/internal/config"
	"stormdrain/internal/obs"
	"stormdrain/internal/systemd"
)

// reloadable is a reloader over a file that a test writes.
type reloadable struct {
	*reloader
	t       *testing.T
	file    string
	log     bytes.Buffer
	level   *obs.Level
	metrics *obs.Metrics
}

func newReloadable(t *testing.T, content string) *reloadable {
	t.Helper()
	r := &reloadable{t: t, file: filepath.Join(t.TempDir(), "stormdrain.yml"), metrics: obs.NewMetrics(obs.Build{})}
	r.write(content)
	read := func() (config.Config, error) {
		return config.Reread([]string{"--config.file=" + r.file, "--shutdown.timeout=7s"}, nil)
	}
	cfg, err := read()
	if err != nil {
		t.Fatal(err)
	}
	log, level, err := newLogger(&config.Config{Log: config.Log{Level: "info", Format: "json"}}, &r.log)
	if err != nil {
		t.Fatal(err)
	}
	r.level = level
	manager := systemd.Watch(systemd.Health{})
	t.Cleanup(func() { manager.Close(t.Context()) })
	r.reloader = newReloader(&cfg, read, manager, log)
	registerReload(r.metrics, r.reloader)
	return r
}

func (r *reloadable) write(content string) {
	r.t.Helper()
	if err := os.WriteFile(r.file, []byte(content), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// reload writes the file, reloads, and wants every one of said in the log.
func (r *reloadable) reload(content string, said ...string) error {
	r.t.Helper()
	r.write(content)
	r.log.Reset()
	_, err := r.Reload()
	for _, line := range said {
		if !strings.Contains(r.log.String(), line) {
			r.t.Errorf("%q: no %s in the log: %s", content, line, r.log.String())
		}
	}
	return err
}

func (r *reloadable) gauge(name string) float64 {
	r.t.Helper()
	families, err := r.metrics.Gatherer().Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	r.t.Fatalf("there is no %s", name)
	return 0
}

func TestReloadSaysWhatChanged(t *testing.T) {
	t.Parallel()
	r := newReloadable(t, "")
	var seen []string
	r.add(applier{name: "log", keys: []string{"log.level"}, apply: func(c *config.Config) error { seen = append(seen, c.Log.Level); return nil }})
	contents := 0
	r.add(applier{name: "secrets", keys: []string{"rate_limit."}, always: true, apply: func(*config.Config) error { contents++; return nil }})

	if err := r.reload("", "no setting has changed"); err != nil || len(seen) != 0 || contents != 1 {
		t.Errorf("nothing changed: %v, %q, %d", err, seen, contents)
	}
	err := r.reload("log: {level: warn}\njournal: {max_bytes: 1GiB}\nshutdown: {timeout: 9s}",
		`"keys":["log.level"],`, `"keys":["journal.max_bytes"],`, "in effect only after a restart")
	if err != nil || strings.Join(seen, " ") != "warn" {
		t.Errorf("%v, %q", err, seen)
	}
	// What waits for a restart is said again, what is in effect is not.
	if err := r.reload("log: {level: warn}\njournal: {max_bytes: 1GiB}", `"keys":["journal.max_bytes"],`); err != nil || len(seen) != 1 {
		t.Errorf("%v, %q", err, seen)
	}
	if err := r.reload("", `"keys":["log.level"],`); err != nil || strings.Contains(r.log.String(), "restart") || contents != 4 {
		t.Errorf("%v, %s", err, r.log.String())
	}
}

func TestReloadThatFails(t *testing.T) {
	t.Parallel()
	r := newReloadable(t, "log: {level: warn}")
	applied := 0
	broken := error(nil)
	r.add(applier{name: "log", keys: []string{"log.level"}, apply: func(*config.Config) error { applied++; return broken }})
	const ok, when = "stormdrain_config_last_reload_successful", "stormdrain_config_last_reload_success_timestamp_seconds"
	began := r.gauge(when)
	if r.gauge(ok) != 1 || began == 0 {
		t.Errorf("at the start: %v, %v", r.gauge(ok), began)
	}

	err := r.reload("log: {levle: info}\nx: y", "levle")
	var bad interface{ Invalid() bool }
	if !errors.As(err, &bad) || !bad.Invalid() || !strings.Contains(err.Error(), "did you mean log.level?; x (") || applied != 0 {
		t.Errorf("a bad file: %v, applied %d times", err, applied)
	}
	if r.gauge(ok) != 0 || r.gauge(when) != began {
		t.Errorf("after a bad file: %v, %v", r.gauge(ok), r.gauge(when))
	}

	// A mistake in a file that the configuration names is one in the configuration:
	// the answer is check-config's line, and nothing is applied.
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("two words"), 0o600); err != nil {
		t.Fatal(err)
	}
	err = r.reload("log: {level: info}\nauth: {bearer_token_file: " + token + "}")
	if !errors.As(err, &bad) || !bad.Invalid() || !strings.HasPrefix(err.Error(), "auth.bearer_token_file: ") || applied != 0 {
		t.Errorf("a bad token file: %v, applied %d times", err, applied)
	}

	// Whoever comes behind one that fails is left alone: retention deletes.
	removed := 0
	r.add(applier{name: "retention", keys: []string{"storage.retention"}, apply: func(*config.Config) error { removed++; return nil }})
	broken = errors.New("out of\nmemory")
	err = r.reload("log: {level: info}\nstorage: {retention: 1s}")
	if removed != 0 {
		t.Error("a reload that failed has changed the retention")
	}
	bad = nil
	if errors.As(err, &bad) || err == nil || err.Error() != "log: out of memory" {
		t.Errorf("an applier that fails: %v", err)
	}
	broken = nil
	if err := r.reload("log: {level: info}", `"keys":["log.level"],`); err != nil || applied != 2 {
		t.Errorf("tried again: %v, applied %d times", err, applied)
	}
	if r.gauge(ok) != 1 || r.gauge(when) < began {
		t.Errorf("after a good one: %v, %v", r.gauge(ok), r.gauge(when))
	}
}
