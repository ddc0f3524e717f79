package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"stormdrain/benchmarks/report"
	"stormdrain/benchmarks/wrk"
)

// lookAtLoad lets wrk run against a server that looks at what comes, for a
// second: bodies that repeat or are not what Alertmanager sends would measure
// something else.
func (b *bench) lookAtLoad(ctx context.Context, mode string) (report.Load, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return report.Load{}, err
	}
	look := newLook()
	srv := &http.Server{Handler: look, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	res, err := wrk.Run(ctx, wrk.Config{
		URL: "http://" + l.Addr().String() + path, Script: b.script(), Mode: mode, Alerts: alertsEach, Number: 1,
		Connections: 8, Duration: time.Second,
	})
	srv.Close()
	<-served // it has been closed, there is no other error
	if err != nil {
		return report.Load{}, err
	}
	seen, err := look.load(mode)
	if failures := res.Failures(); err == nil && failures != "" {
		err = errors.New(failures)
	}
	return seen, err
}

// decoded is how many bodies are decoded; all others are only compared.
const decoded = 400

// look is a handler that takes nothing for granted.
type look struct {
	seed maphash.Seed

	mu     sync.Mutex
	err    error // the first body that is wrong
	n      int
	bytes  int
	seen   map[uint64]bool
	labels map[string]bool
}

func newLook() *look {
	return &look{seed: maphash.MakeSeed(), seen: map[uint64]bool{}, labels: map[string]bool{}}
}

func (l *look) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		err = l.take(body)
	}
	if err != nil {
		if l.err == nil {
			l.err = err
		}
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (l *look) take(body []byte) error {
	sum := maphash.Bytes(l.seed, body)
	if l.seen[sum] {
		return fmt.Errorf("body %d has been there before", l.n)
	}
	l.seen[sum] = true
	l.n++
	l.bytes += len(body)
	if l.n > decoded {
		return nil
	}
	var m struct {
		Version string
		Alerts  []struct {
			Status, Fingerprint string
			Labels, Annotations map[string]string
			StartsAt            time.Time
		}
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return fmt.Errorf("body %d: %w", l.n, err)
	}
	if m.Version != "4" || len(m.Alerts) != alertsEach {
		return fmt.Errorf("body %d is version %q with %d alerts", l.n, m.Version, len(m.Alerts))
	}
	for i, a := range m.Alerts {
		if a.Status != "firing" || len(a.Fingerprint) != 16 || len(a.Labels) < 5 || len(a.Annotations) < 3 || a.StartsAt.IsZero() {
			return fmt.Errorf("alert %d of body %d is %+v", i, l.n, a)
		}
		l.labels[spell(a.Labels)] = true
	}
	return nil
}

func spell(labels map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(name + "\xff" + labels[name] + "\xff")
	}
	return b.String()
}

func (l *look) load(mode string) (report.Load, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return report.Load{}, l.err
	}
	if l.n < 20 {
		return report.Load{}, fmt.Errorf("%d requests in a second", l.n)
	}
	looked := min(l.n, decoded)
	want := looked * alertsEach
	if mode == report.Storm {
		want = min(want, 2000)
	}
	if len(l.labels) != want {
		return report.Load{}, fmt.Errorf("%d label sets in %d requests, not %d", len(l.labels), looked, want)
	}
	return report.Load{Mode: mode, Requests: looked, Bytes: l.bytes / l.n, Alerts: alertsEach, LabelSets: len(l.labels)}, nil
}
