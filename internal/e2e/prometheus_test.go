package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// prometheus is a real one that scrapes the program under test every second.
type prometheus struct {
	t    *testing.T
	base string
}

const prometheusConfig = `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: watched
    static_configs: [{targets: [%q]}]
`

// startPrometheus runs the machine's Prometheus, which make deps installs, with
// the alert rules.
func startPrometheus(t *testing.T, target string, flags ...string) *prometheus {
	t.Helper()
	rules, err := filepath.Abs(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	return runPrometheus(t, fmt.Appendf(nil, prometheusConfig, rules, target), flags...)
}

// runPrometheus runs it with a configuration, and waits for the first scrape.
func runPrometheus(t *testing.T, configuration []byte, flags ...string) *prometheus {
	t.Helper()
	path, err := exec.LookPath("prometheus")
	if err != nil {
		t.Fatal("Prometheus is not in PATH (make deps installs it)")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, configuration, 0o644); err != nil {
		t.Fatal(err)
	}
	addr, log := freePort(t), &stderrLog{}
	cmd := exec.Command(path, append(flags, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr)...)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("Prometheus said:\n%s", log.tail())
		}
	})
	p := &prometheus{t: t, base: "http://" + addr}
	eventually(t, startLimit, func() string {
		if values, err := p.query("up == 1"); err != nil || len(values) != 1 {
			return fmt.Sprintf("no scrape has worked: %v\n%s", err, log.tail())
		}
		return ""
	})
	return p
}

func (p *prometheus) get(path string, into any) error {
	resp, err := http.Get(p.base + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s: %w", resp.Status, err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", resp.Status, answer.Error)
	}
	return json.Unmarshal(answer.Data, into)
}

// query returns the values of an instant vector, NaN left out: that is how a
// panel shows that there is nothing.
func (p *prometheus) query(expr string) (values []float64, err error) {
	var data struct {
		Result []struct{ Value [2]any }
	}
	if err := p.get("/api/v1/query?query="+url.QueryEscape(expr), &data); err != nil {
		return nil, err
	}
	for _, r := range data.Result {
		v, err := strconv.ParseFloat(fmt.Sprint(r.Value[1]), 64)
		if err != nil {
			return nil, err
		}
		if !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	return values, nil
}

// alerts returns the alerts that fire, by name, and complains about rules that
// Prometheus cannot evaluate.
func (p *prometheus) alerts() (firing map[string]bool) {
	p.t.Helper()
	var data struct {
		Groups []struct {
			Rules []struct{ Name, State, Health, LastError string }
		}
	}
	if err := p.get("/api/v1/rules", &data); err != nil {
		p.t.Fatal(err)
	}
	firing = make(map[string]bool)
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			if r.Health == "err" {
				p.t.Errorf("rule %s: %s", r.Name, r.LastError)
			}
			if r.State == "firing" {
				firing[r.Name] = true
			}
		}
	}
	return firing
}
