// Package check runs the scenarios of the folder above without k6, in the
// JavaScript engine that k6 has, with k6's modules played. It is a module of its
// own, so that the engine is no dependency of stormdrain. To build k6 itself
// takes some minutes; this takes a moment, and looks at what k6 does not: that
// the bodies are what they claim to be.
package check

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/grafana/sobek"
)

// played are k6's modules, as far as the scenarios use them. What is sent ends in
// played.sent.
var played = map[string]string{
	"k6": `export const check = (answer, checks) => { for (const name in checks) if (!checks[name](answer)) throw new Error(name) };`,
	"k6/http": `export default {
		expectedStatuses: (...all) => ({ all }),
		setResponseCallback: (c) => { if (c.all.join() !== '200') throw new Error('expects ' + c.all) },
		post: (url, body, params) => { played.sent.push({ url, body, params }); return { status: 200 } },
		get: (url) => ({ status: 200, body: url.endsWith('/metrics') ? played.metrics : '' }),
	};`,
	"k6/execution": `export default played.exec;`,
	"k6/metrics":   `export class Trend { constructor(name) { this.name = name } add(v) { played.trends.push([this.name, v]) } };`,
}

const world = `globalThis.played = {
	sent: [], trends: [],
	exec: { vu: { idInTest: 1, iterationInInstance: 0 }, scenario: { progress: 0 } },
	metrics: 'go_goroutines 25\nprocess_resident_memory_bytes 2.5e+07\nstormdrain_journal_backlog_deliveries 3\n',
};`

// script is one scenario file that has been run, as k6 does before a test.
type script struct {
	t       *testing.T
	vm      *sobek.Runtime
	exports *sobek.Object
}

func load(t *testing.T, name string, env map[string]string) *script {
	t.Helper()
	s, err := tryLoad(name, env)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	s.t = t
	return s
}

func tryLoad(name string, env map[string]string) (*script, error) { return loadFor(1, name, env) }

// loadFor is what k6 does for each VU.
func loadFor(vu int, name string, env map[string]string) (*script, error) {
	vm := sobek.New()
	vm.SetFieldNameMapper(sobek.UncapFieldNameMapper())
	if err := vm.Set("__ENV", env); err != nil {
		return nil, err
	}
	if err := vm.Set("__VU", vu); err != nil {
		return nil, err
	}
	if _, err := vm.RunString(world); err != nil {
		return nil, err
	}
	modules := map[string]sobek.ModuleRecord{}
	var resolve sobek.HostResolveImportedModuleFunc
	resolve = func(_ any, specifier string) (sobek.ModuleRecord, error) {
		if m, ok := modules[specifier]; ok {
			return m, nil
		}
		source, ok := played[specifier]
		if !ok {
			b, err := os.ReadFile(filepath.Join("..", filepath.Base(specifier)))
			if err != nil {
				return nil, err
			}
			source = string(b)
		}
		m, err := sobek.ParseModule(specifier, source, resolve)
		modules[specifier] = m
		return m, err
	}
	m, err := resolve(nil, "./"+name)
	if err != nil {
		return nil, err
	}
	if err := m.Link(); err != nil {
		return nil, err
	}
	done := m.Evaluate(vm)
	if done.State() != sobek.PromiseStateFulfilled {
		return nil, fmt.Errorf("%v", done.Result())
	}
	return &script{vm: vm, exports: vm.NamespaceObjectFor(m)}, nil
}

// call calls an exported function.
func (s *script) call(name string, args ...sobek.Value) sobek.Value {
	s.t.Helper()
	f, ok := sobek.AssertFunction(s.exports.Get(name))
	if !ok {
		s.t.Fatalf("exports no function %s", name)
	}
	v, err := f(sobek.Undefined(), args...)
	if err != nil {
		s.t.Fatalf("%s: %v", name, err)
	}
	return v
}

// read runs an expression and decodes what it gives.
func read[T any](s *script, expression string) (v T) {
	s.t.Helper()
	text, err := s.vm.RunString("JSON.stringify(" + expression + ")")
	if err == nil {
		err = json.Unmarshal([]byte(text.String()), &v)
	}
	if err != nil {
		s.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

type options struct {
	Scenarios  map[string]scenario
	Thresholds map[string][]string
}

type scenario struct {
	Executor        string
	Exec            string
	Rate, StartRate int
	Duration        string
	StartTime       string
	Stages          []struct {
		Target   int
		Duration string
	}
	PreAllocatedVUs, MaxVUs int
}

func (s *script) options() options {
	s.t.Helper()
	if err := s.vm.Set("__options", s.exports.Get("options")); err != nil {
		s.t.Fatal(err)
	}
	return read[options](s, "__options")
}

func all() []string { return []string{"steady.js", "spike.js", "stress.js", "soak.js"} }

func TestEveryScenarioIsHere(t *testing.T) {
	t.Parallel()
	found, err := filepath.Glob("../*.js")
	if err != nil || len(found) != len(all())+1 { // and lib.js
		t.Errorf("%v, %v", found, err)
	}
}

// Every scenario is an open loop with the thresholds of the reference guide.
func TestOptions(t *testing.T) {
	t.Parallel()
	for _, name := range all() {
		for _, env := range []map[string]string{{}, {"RATE": "50", "DURATION": "5s"}} {
			o := load(t, name, env).options()
			for which, sc := range o.Scenarios {
				if sc.Executor != "constant-arrival-rate" && sc.Executor != "ramping-arrival-rate" {
					t.Errorf("%s: %s is %s", name, which, sc.Executor)
				}
				if sc.PreAllocatedVUs < 1 || sc.MaxVUs < sc.PreAllocatedVUs || sc.Rate < 1 && sc.StartRate < 1 {
					t.Errorf("%s: %s: %+v", name, which, sc)
				}
				if sc.Exec != "" {
					continue // no load
				}
				for metric, want := range map[string]string{"http_req_duration": "p(95)<5 p(99)<10", "http_req_failed": "rate<0.001", "checks": "rate>0.999"} {
					if got := strings.Join(o.Thresholds[metric+"{scenario:"+which+"}"], " "); got != want {
						t.Errorf("%s: %s: threshold of %s is %q", name, which, metric, got)
					}
				}
				if len(o.Thresholds["dropped_iterations{scenario:"+which+"}"]) != 1 {
					t.Errorf("%s: %s may drop what it likes", name, which)
				}
			}
		}
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	steady := load(t, "steady.js", nil).options()
	if sc := steady.Scenarios["steady"]; sc.Rate != 10000 || sc.Duration != "60s" {
		t.Errorf("steady: %+v", sc)
	}
	if got := steady.Thresholds["http_reqs{scenario:steady}"]; len(got) != 1 || got[0] != "rate>9900" {
		t.Errorf("steady holds %v", got)
	}
	spike := load(t, "spike.js", nil).options().Scenarios
	if sc := spike["spike"]; sc.StartRate != 1000 || sc.Stages[1].Target != 20000 || sc.Stages[3].Target != 1000 {
		t.Errorf("spike: %+v", sc)
	}
	if sc := spike["after"]; sc.Rate != 1000 || sc.StartTime != "80s" { // 30 + 5 + 40 + 5
		t.Errorf("after the spike: %+v", sc)
	}
	stress := load(t, "stress.js", nil).options().Scenarios
	if sc := stress["step6_20000"]; len(stress) != 6 || sc.Rate != 20000 || sc.StartTime != "150s" || sc.Duration != "30s" {
		t.Errorf("stress: %+v", stress)
	}
	soak := load(t, "soak.js", nil).options()
	if sc := soak.Scenarios["soak"]; sc.Rate != 2000 || sc.Duration != "3600s" {
		t.Errorf("soak: %+v", sc)
	}
	if got := soak.Thresholds["server_resident_growth"]; len(got) != 1 || got[0] != "max<1.1" {
		t.Errorf("soak lets memory grow by %v", got)
	}
	if got := load(t, "soak.js", map[string]string{"DURATION": "5s"}).options().Thresholds["server_resident_growth"]; got != nil {
		t.Errorf("five seconds judge memory: %v", got)
	}
}

func TestWhatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	f := func(env map[string]string, why string) {
		t.Helper()
		if _, err := tryLoad("steady.js", env); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%v: %v", env, err)
		}
	}
	f(map[string]string{"RATE": "many"}, "RATE is many")
	f(map[string]string{"RATE": "0"}, "RATE is 0")
	f(map[string]string{"DURATION": "soon"}, "DURATION is soon")
	f(map[string]string{"DURATION": "0s"}, "DURATION is 0s")
	s := load(t, "steady.js", map[string]string{"DURATION": "1h1m1s"})
	if d := s.options().Scenarios["steady"].Duration; d != "3661s" {
		t.Errorf("1h1m1s is %s", d)
	}
}

// What is sent are webhooks of ten alerts, none of them twice, whichever VU sends
// them, however long.
func TestBodies(t *testing.T) {
	t.Parallel()
	seen, pods := map[string]bool{}, map[string]bool{}
	for _, vu := range []int{1, 2, 17, 1000} {
		s, err := loadFor(vu, "steady.js", map[string]string{"TARGET": "http://127.0.0.1:1/"})
		if err != nil {
			t.Fatal(err)
		}
		s.t = t
		data := s.call("setup")
		for _, iteration := range []int{0, 1, 2, 3, 4, 5, 99_999, 100_000, 100_001, 5_000_000} {
			s.run(fmt.Sprintf("played.exec.vu = { idInTest: %d, iterationInInstance: %d }", vu, iteration))
			s.call("default", data)
		}
		for _, sent := range read[[]sending](s, "played.sent") {
			if seen[sent.Body] {
				t.Errorf("VU %d has sent a body before: %.600s", vu, sent.Body)
			}
			seen[sent.Body] = true
			lookAt(t, &sent, pods)
		}
	}
	if len(seen) != 4*10 || len(pods) != 4*5*10 {
		t.Errorf("%d bodies with %d label sets", len(seen), len(pods))
	}
}

func TestEveryScenarioSends(t *testing.T) {
	t.Parallel()
	for _, name := range all() {
		s := load(t, name, nil)
		s.call("default", s.call("setup"))
		if sent := read[[]sending](s, "played.sent"); len(sent) != 1 || sent[0].URL != "http://127.0.0.1:9567/webhook/k6" {
			t.Errorf("%s: %+v", name, sent)
		}
	}
}

func (s *script) run(code string) {
	s.t.Helper()
	if _, err := s.vm.RunString(code); err != nil {
		s.t.Fatal(err)
	}
}

type sending struct {
	URL    string
	Body   string
	Params struct {
		Headers   map[string]string
		Timeout   string
		Redirects int
	}
}

func lookAt(t *testing.T, s *sending, pods map[string]bool) {
	t.Helper()
	if s.URL != "http://127.0.0.1:1/webhook/k6" || s.Params.Headers["Content-Type"] != "application/json" || s.Params.Timeout != "10s" {
		t.Errorf("sent to %s with %+v", s.URL, s.Params)
	}
	var hook struct {
		Version string
		Alerts  []struct {
			Labels      map[string]string
			Fingerprint string
			StartsAt    time.Time
		}
	}
	if err := json.Unmarshal([]byte(s.Body), &hook); err != nil {
		t.Fatalf("%v: %s", err, s.Body)
	}
	if hook.Version != "4" || len(hook.Alerts) != 10 {
		t.Errorf("version %q with %d alerts", hook.Version, len(hook.Alerts))
	}
	for _, a := range hook.Alerts {
		if len(a.Labels) != 6 || len(a.Fingerprint) != 16 || a.StartsAt.Year() < 2000 {
			t.Errorf("%+v", a)
		}
		pods[a.Labels["pod"]] = true
	}
}

func TestSoakWatches(t *testing.T) {
	t.Parallel()
	s := load(t, "soak.js", nil)
	for _, moment := range []struct {
		progress, resident string
	}{{"0", "2.5e+07"}, {"0.2", "4e+07"}, {"0.9", "5e+07"}} {
		s.run("played.exec.scenario.progress = " + moment.progress)
		s.run("played.metrics = played.metrics.replace(/bytes .*/, 'bytes " + moment.resident + "')")
		s.call("watch")
	}
	f := func(trends, want string) {
		t.Helper()
		if got := fmt.Sprint(read[[][]any](s, "played.trends."+trends)); got != want {
			t.Errorf("got %s", got)
		}
	}
	f("slice(0, 3)", "[[server_resident_bytes 2.5e+07] [server_goroutines 25] [server_backlog_deliveries 3]]")
	f("filter(([name]) => name.endsWith('growth'))", "[[server_resident_growth 1] [server_resident_growth 1.25]]")
}
