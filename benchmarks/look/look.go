// Package look checks what wrk sends before anything is measured with it: bodies
// that repeat or are not what Alertmanager sends would measure something else.
package look

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

// Load lets wrk send for a second to a server that looks at what comes, over one
// connection, so that it comes in order.
func Load(ctx context.Context, script string, c report.Case) (report.Load, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return report.Load{}, err
	}
	look := newLook(c)
	srv := &http.Server{Handler: look, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	res, err := wrk.Run(ctx, wrk.Config{
		URL: "http://" + l.Addr().String() + "/webhook/look", Script: script, Mode: c.Mode, Alerts: c.Alerts, Number: 1,
		Connections: 1, Duration: time.Second,
	})
	srv.Close()
	<-served // it has been closed, there is no other error
	if err != nil {
		return report.Load{}, err
	}
	seen, err := look.load()
	if failures := res.Failures(); err == nil && failures != "" {
		err = errors.New(failures)
	}
	return seen, err
}

// decoded is how many alerts are decoded, in whole bodies; all other bodies are
// only compared.
const decoded = 4000

// look is a handler that takes nothing for granted.
type look struct {
	c    report.Case
	seed maphash.Seed

	mu          sync.Mutex
	err         error // the first body that is wrong
	n           int   // bodies
	bytes       int
	seen        map[uint64]bool
	looked      int // bodies that were decoded
	alerts      int // in them
	least, most int // in one of them
	labels      map[string]bool
	annotations map[string]bool
}

func newLook(c report.Case) *look {
	return &look{c: c, seed: maphash.MakeSeed(), seen: map[uint64]bool{}, labels: map[string]bool{}, annotations: map[string]bool{}}
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
	if l.alerts >= decoded {
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
	if n := len(m.Alerts); m.Version != "4" || n == 0 || l.c.Alerts > 0 && n != l.c.Alerts {
		return fmt.Errorf("body %d is version %q with %d alerts", l.n, m.Version, n)
	}
	for i, a := range m.Alerts {
		if a.Status != "firing" || len(a.Fingerprint) != 16 || len(a.Labels) < 5 || len(a.Annotations) < 3 || a.StartsAt.IsZero() {
			return fmt.Errorf("alert %d of body %d is %+v", i, l.n, a)
		}
		l.labels[spell(a.Labels)] = true
		l.annotations[spell(a.Annotations)] = true
	}
	if l.looked++; l.looked == 1 {
		l.least = len(m.Alerts)
	}
	l.least, l.most = min(l.least, len(m.Alerts)), max(l.most, len(m.Alerts))
	l.alerts += len(m.Alerts)
	return nil
}

func spell(labels map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(name + "\xff" + labels[name] + "\xff")
	}
	return b.String()
}

func (l *look) load() (report.Load, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return report.Load{}, l.err
	}
	if l.n < 5 {
		return report.Load{}, fmt.Errorf("%d requests in a second", l.n)
	}
	if err := l.shares(); err != nil {
		return report.Load{}, err
	}
	return report.Load{
		Case: l.c, Requests: l.looked, Bytes: l.bytes / l.n, Alerts: float64(l.alerts) / float64(l.looked),
		LabelSets: len(l.labels), AnnotationSets: len(l.annotations),
	}, nil
}

// known is how many label sets come again and again.
const known = 2000

// shares checks how much of what was looked at is new.
func (l *look) shares() error {
	labels, annotations, ok := len(l.labels), len(l.annotations), false
	switch l.c.Mode {
	case report.Storm:
		ok = labels == min(l.alerts, known) && annotations <= labels
	case report.Hard:
		ok = labels == l.alerts && annotations == l.alerts
	case report.Mix:
		// A tenth has new labels and with them new annotations, a fifth new
		// annotations alone; what is known repeats after a while.
		mostKnown := min(l.alerts, known) + known/2
		ok = l.least == 1 && l.most == 100 &&
			labels >= l.alerts/12 && labels <= l.alerts/8+mostKnown &&
			annotations >= l.alerts/4 && annotations <= l.alerts/3+mostKnown && annotations > labels
	}
	if !ok {
		return fmt.Errorf("%d label sets and %d sets of annotations in %d requests with %d alerts, from %d to %d each",
			labels, annotations, l.looked, l.alerts, l.least, l.most)
	}
	return nil
}
