package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stormdrain/benchmarks/scrape"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	o, err := parseOptions(nil, io.Discard)
	if err != nil || o.duration != 30*time.Minute || len(o.stores) != 2 || o.out != "" {
		t.Errorf("%+v, %v", o, err)
	}
	refused := func(args ...string) {
		t.Helper()
		if o, err := parseOptions(args, io.Discard); err == nil {
			t.Errorf("%v gives %+v", args, o)
		}
	}
	refused("-duration", "10s")
	refused("-rate", "0")
	refused("-warm", "-1")
	refused("-store", "oracle")
	refused("-store", "sqlite,sqlite")
	refused("now")
}

func TestPlan(t *testing.T) {
	t.Parallel()
	p := &planner{begin: time.Unix(1_700_000_000, 0), fresh: 1000}
	var cut, twice, bad, resolved, alerts int
	sets := map[string]bool{}
	const requests = 1000
	for n := range requests {
		r := p.request(n)
		if again := p.request(n); !bytes.Equal(again.body, r.body) {
			t.Fatalf("request %d is another one the second time", n)
		}
		if r.twice {
			twice++
		}
		bad += int(r.bad)
		alerts += int(r.alerts)
		var got struct {
			Alerts []struct{ Status, Fingerprint string }
		}
		err := json.Unmarshal(r.body, &got)
		if (err != nil) != (r.code == http.StatusBadRequest) || err == nil && int64(len(got.Alerts)) != r.alerts {
			t.Fatalf("request %d: %v, %d alerts; %d and %d were planned", n, err, len(got.Alerts), r.code, r.alerts)
		}
		if err != nil {
			cut++
		}
		for _, a := range got.Alerts {
			sets[a.Fingerprint] = true
			if a.Status == "resolved" {
				resolved++
			}
		}
	}
	if cut != 10 || bad != 2 || twice < 25 || resolved*100 < alerts*25 || resolved*100 > alerts*35 {
		t.Errorf("%d cut off, %d bad, %d sent twice, %d of %d resolved", cut, bad, twice, resolved, alerts)
	}
	if fresh := len(sets) - knownSets; fresh*200 < alerts || fresh*50 > alerts {
		t.Errorf("%d of %d alerts have a set of their own", fresh, alerts)
	}
}

// samples of a server that holds the given number of things.
func samples(n int, goroutines func(i int) int) (all []*sample) {
	for i := range n {
		all = append(all, &sample{
			at:       time.Duration(i) * time.Second,
			metrics:  scrape.Metrics{"go_goroutines": float64(goroutines(i)), "journal_bytes": float64(i % 13 << 18)},
			heap:     scrape.Heap{Live: 40<<20 + int64(i%7)<<20, InUse: 50 << 20},
			resident: 90 << 20, files: 30 + i%5, segments: 1 + i%2,
		})
	}
	return all
}

func TestJudgeFailsWithTheSeries(t *testing.T) {
	t.Parallel()
	flat := &result{Store: sqlite}
	if err := flat.judge(samples(120, func(i int) int { return 40 + i%6 })); err != nil || !flat.flat() {
		t.Errorf("flat and noisy: %v, %v", err, flat.Failures)
	}
	// A goroutine every four seconds.
	leaks := &result{Store: sqlite}
	if err := leaks.judge(samples(120, func(i int) int { return 40 + i/4 + i%6 })); err != nil {
		t.Fatal(err)
	}
	if len(leaks.Failures) != 1 || leaks.flat() {
		t.Fatalf("a leak of goroutines: %q", leaks.Failures)
	}
	if text := leaks.text(); !strings.Contains(text, "FAILED sqlite: goroutines grows: median 6") || !strings.Contains(text, "\n  56 ") {
		t.Errorf("it says\n%s", text)
	}
	if err := new(result).judge(samples(10, func(int) int { return 1 })); err == nil {
		t.Error("five samples were enough for a verdict")
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	r := &result{Store: sqlite, Commit: "abc1234"}
	if err := r.judge(samples(60, func(int) int { return 40 })); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "new")
	if err := r.write(dir, io.Discard); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "soak-sqlite.json"))
	var back result
	if err != nil || json.Unmarshal(raw, &back) != nil || len(back.Series) != len(measures()) || len(back.Series[0].Values) != 60 {
		t.Errorf("%v, %.200s", err, raw)
	}
	for _, name := range []string{"soak-sqlite-memory.svg", "soak-sqlite-counts.svg"} {
		svg, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || xml.Unmarshal(svg, new(struct{ XMLName xml.Name })) != nil || !bytes.Contains(svg, []byte("abc1234")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := r.write("", io.Discard); err != nil {
		t.Error(err)
	}
}
