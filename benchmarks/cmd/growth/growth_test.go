package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stormdrain/benchmarks/bodies"
	"stormdrain/benchmarks/instance"
	"stormdrain/benchmarks/scrape"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	o, err := parseOptions(nil, io.Discard)
	if err != nil || o.postgresEvents != 50_000_000 || o.backlogBytes != 8<<30 {
		t.Errorf("%+v, %v", o, err)
	}
	if got := o.looksUpTo(50_000_000); !slices.Equal(got, []int64{1_000_000, 10_000_000, 50_000_000}) {
		t.Errorf("looks at %v", got)
	}
	if got := o.looksUpTo(10_000_000); !slices.Equal(got, []int64{1_000_000, 10_000_000}) {
		t.Errorf("looks at %v", got)
	}
	o, err = parseOptions([]string{"-quick", "-sqlite", "0", "-backlog", "16", "-postgres", "a=1"}, io.Discard)
	if err != nil || o.postgresEvents != 200_000 || o.sqliteEvents != 0 || o.backlogBytes != 16<<20 || !slices.Equal(o.settings, []string{"a=1"}) {
		t.Errorf("%+v, %v", o, err)
	}
	refused := func(args ...string) {
		t.Helper()
		if o, err := parseOptions(args, io.Discard); err == nil {
			t.Errorf("%v gives %+v", args, o)
		}
	}
	refused("-events", "1000")
	refused("-alerts", "0")
	refused("-connections", "0")
	refused("-alerts", "1000", "-new", "100")
	refused("-behind", "1")
	refused("-backlog", "-1")
	refused("now")
}

// fingerprints of bodies; each body must be like no other.
func fingerprints(t *testing.T, n int, body func([]byte, int) []byte) map[string]int {
	t.Helper()
	all, seen := map[string]int{}, map[string]bool{}
	for i := range n {
		b := body(nil, i)
		if seen[string(b)] {
			t.Fatalf("body %d came before", i)
		}
		seen[string(b)] = true
		var got struct {
			Alerts []struct{ Fingerprint string }
		}
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		for _, a := range got.Alerts {
			all[a.Fingerprint]++
		}
	}
	return all
}

func TestBodies(t *testing.T) {
	t.Parallel()
	f := func(perBody, known int, newEvery int64) {
		t.Helper()
		o := &options{perBody: perBody, known: known, newEvery: newEvery}
		const n = 200
		alerts := int64(n * perBody)
		all := fingerprints(t, n, o.knownBody(time.Unix(1_700_000_000, 0)))
		rare := (alerts + newEvery - 1) / newEvery
		if len(all) != known+int(rare) {
			t.Errorf("%d sets, want %d that are known and %d that are not", len(all), known, rare)
		}
		for i := range rare {
			if got := all[bodies.Fingerprint(o.rareSet(i))]; got != 1 {
				t.Errorf("rare set %d came %d times", i, got)
			}
		}
		for i := range known {
			if got := int64(all[bodies.Fingerprint(i)]); got < alerts/int64(known)*4/5 {
				t.Errorf("known set %d came %d times", i, got)
			}
		}
	}
	f(100, 500, 1000)
	f(10, 200, 77)
	f(7, 50, 200)

	o := &options{perBody: 10}
	if all := fingerprints(t, 50, o.newBody(time.Unix(1_700_000_000, 0))); len(all) != 500 {
		t.Errorf("%d sets in 500 alerts", len(all))
	}
}

// fake answers as stormdrain does: it stores what it takes when it is told.
type fake struct {
	*httptest.Server
	taken   atomic.Int64
	waiting atomic.Int64 // deliveries, as /metrics says
	refuse  atomic.Bool
}

func newFake(t *testing.T) (*fake, *instance.Instance) {
	f := &fake{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/metrics":
			n := f.taken.Load()
			fmt.Fprintf(w, "stormdrain_alerts_received_total %d\nstormdrain_alerts_stored_total %d\nstormdrain_journal_backlog_deliveries %d\n", n, n, f.waiting.Load())
		case r.URL.Path == "/api/v1/episodes" || r.URL.Path == "/api/v1/stats" || r.URL.Path == "/api/v1/received":
			list := map[string]string{"episodes": "episodes", "stats": "stats", "received": "series"}[path.Base(r.URL.Path)]
			fmt.Fprintf(w, `{%q:[%s{}]}`, list, strings.Repeat("{},", 99))
		case r.URL.Path == "/api/v1/events":
			io.WriteString(w, `{"events":[{},{}],"next":"n"}`)
		case f.refuse.Load():
			http.Error(w, "the journal is full", http.StatusServiceUnavailable)
		default:
			f.taken.Add(10)
		}
	}))
	t.Cleanup(f.Close)
	address := strings.TrimPrefix(f.URL, "http://")
	i := &instance.Instance{Address: address, Scraper: scrape.New(address)}
	t.Cleanup(i.Scraper.Close)
	return f, i
}

func TestSender(t *testing.T) {
	t.Parallel()
	f, i := newFake(t)
	s := &sender{to: i, perBody: 10, connections: 3, body: func(b []byte, _ int) []byte { return append(b, "{}"...) }}
	if err := s.run(t.Context(), 50, nothing); err != nil || s.next != 50 || s.acked.Load() != 500 || f.taken.Load() != 500 {
		t.Errorf("%v; %d bodies, %d alerts, %d taken", err, s.next, s.acked.Load(), f.taken.Load())
	}
	// Goes on where it was, and ends when enough is there.
	enough := func(m scrape.Metrics) (bool, error) { return m.Received() > 500, nil }
	if err := s.run(t.Context(), 1<<40, enough); err != nil || s.acked.Load() != f.taken.Load() {
		t.Errorf("%v; %d acknowledged, %d taken", err, s.acked.Load(), f.taken.Load())
	}
	if err := s.rest(t.Context(), nothing); err != nil {
		t.Error(err)
	}
	f.refuse.Store(true)
	if err := s.run(t.Context(), s.next+50, nothing); err == nil || !strings.Contains(err.Error(), "journal is full") {
		t.Errorf("503 is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.run(ctx, s.next+50, nothing); err == nil {
		t.Error("a cancelled run is a success")
	}
}

func TestGate(t *testing.T) {
	t.Parallel()
	open := make(chan int)
	f := func(behind int64, now chan int, deliveries int, want chan int) {
		t.Helper()
		s := &sender{perBody: 10, behind: behind}
		if got := s.gate(now, open, scrape.Metrics{"journal_backlog_deliveries": float64(deliveries)}); got != want {
			t.Errorf("bound %d, %d deliveries wait: open %t", behind, deliveries, got != nil)
		}
	}
	f(1000, open, 0, open)
	f(1000, open, 99, open)
	f(1000, open, 101, nil)
	f(1000, nil, 60, nil)
	f(1000, nil, 49, open)
	f(0, open, 1_000_000, open)
}

func TestQueries(t *testing.T) {
	t.Parallel()
	_, i := newFake(t)
	o := &options{known: 20, newEvery: 10, queries: 3}
	// Two events are two thirds of a page too few for the deep one.
	if got, err := o.timeQueries(t.Context(), i.Address, 30, time.Now().Add(-time.Hour)); err == nil || !strings.Contains(err.Error(), "cursor=n: a list of 2, want 100") {
		t.Errorf("%v, %v", got, err)
	}
	for _, k := range o.kinds(1_000_000) {
		one, least := k.query(1)
		// Of a whole day, and of now, there is one.
		wholly := strings.HasSuffix(one, "from=24h") || strings.HasPrefix(one, "stats?") || strings.HasSuffix(one, "open=true")
		if other, _ := k.query(2); one == other && !wholly || least < 1 {
			t.Errorf("%s: %q, then %q; %d events at least", k.name, one, other, least)
		}
	}
}

func sampleReport() *report {
	c := &curve{Store: postgres, Acknowledged: 12_000_000, Rows: 12_000_000}
	for i := range 12 {
		c.Points = append(c.Points, point{Events: int64(i+1) * 1_000_000, PerSecond: 100_000, ServerCPU: 2000, PostgresCPU: 3000, StoreBytes: int64(i+1) * 90e6, JournalBytes: 14})
	}
	for _, n := range []int64{1_000_000, 10_000_000} {
		took := []time.Duration{time.Millisecond, 2 * time.Millisecond, 60 * time.Millisecond}
		c.Queries = append(c.Queries, queries{n, "fingerprint", took}, queries{n, "open", took})
	}
	b := &backlog{Alerts: 1000, JournalBytes: 8 << 30, Ready: time.Second, Drain: time.Minute, Drained: 76, NormalBefore: 120, NormalAfter: 60, Seconds: []float64{0, 1}, Waiting: []int64{1000, 0}}
	return &report{Commit: "abc1234", Versions: map[string]string{"go": "go1"}, Curves: []*curve{c}, Backlog: b}
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	r := sampleReport()
	text := r.markdown()
	f := func(want string) {
		t.Helper()
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	f("| 5.00 µs, then 5.00 µs (+0 %) | met |")
	f("| p99 of a query at 10 000 000 events, postgres: fingerprint | < 50ms | 60.0 ms | missed |")
	f("| p99 of a query at 10 000 000 events, postgres: open | < 100ms | 60.0 ms | met |")
	f("| ready with a backlog of 8 192 MiB | < 2s | 1000.0 ms | met |")
	f("| 76/s, 95 % | met |")
	f("| 12 000 000 | 100 000 | 2.00 µs | 3.00 µs | 90.0 | 14.0 | 0 |")
	f("| fingerprint | 1 000 000 | 3 | 2.0 ms | 60.0 ms | 60.0 ms |")
	r.Quick = true
	if text = r.markdown(); strings.Contains(text, "| met |") {
		t.Error("a smoke run meets a goal")
	}
	r.Quick = false
	for i := range r.Curves[0].Points {
		r.Curves[0].Points[i].PostgresCPU += 200 * float64(i)
	}
	text = r.markdown()
	f("(+34 %) | missed |")
}

func TestWrite(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	if err := sampleReport().write(dir, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"growth-stored.svg", "growth-cpu.svg", "growth-bytes.svg", "growth-queries-postgres.svg", "growth-backlog.svg"} {
		svg, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || xml.Unmarshal(svg, new(struct{ XMLName xml.Name })) != nil || !strings.Contains(string(svg), "abc1234") {
			t.Errorf("%s: %v", name, err)
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, "growth.json"))
	var back report
	if err != nil || json.Unmarshal(raw, &back) != nil || len(back.Curves) != 1 || len(back.Curves[0].Points) != 12 {
		t.Errorf("%v, %.200s", err, raw)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "growth.md")); err != nil || !strings.HasPrefix(string(text), "# Growth") {
		t.Errorf("%v, %.100s", err, text)
	}
}
