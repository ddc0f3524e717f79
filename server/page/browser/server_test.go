package browser

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"stormdrain/internal/alert"
	"stormdrain/server/page"
)

// site is the page's own handler and, below /api/v1, an API that answers as
// docs/api.md says, of episodes that are made up. It can be stopped as a process
// is killed, and started again on the same port.
type site struct {
	t       testing.TB
	all     []*episode
	now     time.Time
	started time.Time
	address string

	mu       sync.Mutex
	http     *fasthttp.Server
	listener *cutter
	served   chan struct{}
	asked    []*url.URL // what the API was asked, in order
	fail     map[string]string
	tail     map[chan string]bool
}

func newSite(t testing.TB) *site {
	now := time.Now().UTC().Truncate(time.Second)
	s := &site{t: t, all: generate(now), now: now, started: now, address: "127.0.0.1:0", fail: make(map[string]string), tail: make(map[chan string]bool)}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *site) url(query string) string { return "http://" + s.address + "/" + query }

// cutter ends the connections that it has accepted, as the death of a process does.
type cutter struct {
	net.Listener
	mu   sync.Mutex
	open []net.Conn
}

func (l *cutter) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.mu.Lock()
		l.open = append(l.open, c)
		l.mu.Unlock()
	}
	return c, err
}

func (s *site) start() {
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.address, s.listener, s.served = l.Addr().String(), &cutter{Listener: l}, make(chan struct{})
	s.http = &fasthttp.Server{Handler: s.handle, NoDefaultServerHeader: true, Logger: quiet{}}
	go func(h *fasthttp.Server, l net.Listener, served chan struct{}) {
		defer close(served)
		_ = h.Serve(l) // ends when the listener does
	}(s.http, s.listener, s.served)
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

func (s *site) stop() {
	s.mu.Lock()
	l, h, served := s.listener, s.http, s.served
	for c := range s.tail {
		delete(s.tail, c)
		close(c)
	}
	s.listener = nil
	s.mu.Unlock()
	if l == nil {
		return
	}
	l.Close()
	l.mu.Lock()
	for _, c := range l.open {
		c.Close()
	}
	l.mu.Unlock()
	<-served
	if err := h.Shutdown(); err != nil && !strings.Contains(err.Error(), "closed") {
		s.t.Errorf("close the site: %v", err)
	}
}

// failing has a part of the API answer 503 with this line; an empty one mends it.
func (s *site) failing(path, line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail[path] = line
}

// questions returns what a part of the API was asked since the last time.
func (s *site) questions(path string) (found []url.Values) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.asked {
		if u.Path == "/api/v1/"+path {
			found = append(found, u.Query())
		}
	}
	s.asked = slices.DeleteFunc(s.asked, func(u *url.URL) bool { return u.Path == "/api/v1/"+path })
	return found
}

// say sends a line to everybody who listens to the stream, and returns to how many.
func (s *site) say(event string, data any) int {
	text, err := json.Marshal(data)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.tail {
		c <- fmt.Sprintf("event: %s\ndata: %s\n\n", event, text)
	}
	return len(s.tail)
}

func (s *site) handle(ctx *fasthttp.RequestCtx) {
	path := string(ctx.Path())
	switch part, isAPI := strings.CutPrefix(path, "/api/v1/"); {
	case isAPI:
		s.api(ctx, part)
	case path == "/":
		page.New().Index(ctx)
	case !page.New().Asset(ctx):
		ctx.Error(page.NoAsset, fasthttp.StatusNotFound)
	}
}

func (s *site) api(ctx *fasthttp.RequestCtx, part string) {
	u, err := url.Parse(string(ctx.RequestURI()))
	if err != nil {
		ctx.Error(err.Error(), fasthttp.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.asked = append(s.asked, u)
	line := s.fail[part]
	s.mu.Unlock()
	if line != "" {
		ctx.Error(line+"\n", fasthttp.StatusServiceUnavailable)
		return
	}
	q := u.Query()
	var matchers []*alert.Matcher
	for _, f := range q["filter"] {
		m, err := alert.ParseMatchers(f)
		if err != nil {
			ctx.Error(fmt.Sprintf("parameter \"filter\"=%q: want matchers like severity=~\"crit.*\" (%v)\n", f, err), fasthttp.StatusBadRequest)
			return
		}
		matchers = append(matchers, m...)
	}
	name, ofLabel := strings.CutPrefix(part, "label/")
	switch {
	case part == "episodes":
		answer(ctx, s.episodes(q, matchers))
	case part == "events":
		answer(ctx, s.events(q))
	case part == "timeline":
		answer(ctx, s.timeline(q))
	case part == "received":
		answer(ctx, s.received(q, matchers))
	case part == "stats":
		answer(ctx, s.stats(q, matchers))
	case part == "gaps":
		answer(ctx, s.gaps())
	case part == "sources":
		answer(ctx, map[string]any{"sources": []any{
			map[string]any{"source": "eu1", "firstAt": s.now.Add(-time.Hour), "lastAt": s.now, "deliveries": 120, "truncatedAlerts": 17, "rhythmSeconds": 30, "silent": false},
			map[string]any{"source": hostile[0], "firstAt": s.now.Add(-time.Hour), "lastAt": s.now.Add(-30 * time.Minute), "deliveries": 12, "truncatedAlerts": 0, "rhythmSeconds": 300, "silent": true},
		}})
	case part == "labels":
		answer(ctx, labels(q, func(e *episode, add func(string)) {
			for n := range e.Labels {
				add(n)
			}
		}, s.all))
	case ofLabel && strings.HasSuffix(name, "/values"):
		name, _ = url.PathUnescape(strings.TrimSuffix(name, "/values"))
		answer(ctx, labels(q, func(e *episode, add func(string)) {
			if v := e.Labels[name]; v != "" {
				add(v)
			}
		}, s.all))
	case part == "status":
		answer(ctx, map[string]any{"version": "1.2.3", "startedAt": s.started, "store": map[string]any{"kind": "sqlite", "up": true}, "ready": true,
			"receivedPerSecond": 812.4, "p99Seconds": 0.0021, "journal": map[string]any{"backlogBytes": 48_213, "backlogDeliveries": 12, "oldestSeconds": 0.2}, "streams": 1})
	case part == "stream":
		s.stream(ctx)
	default:
		ctx.Error("no such page\n", fasthttp.StatusNotFound)
	}
}

func answer(ctx *fasthttp.RequestCtx, what any) {
	ctx.SetContentType("application/json")
	if err := json.NewEncoder(ctx).Encode(what); err != nil {
		panic(err)
	}
}

func (s *site) stream(ctx *fasthttp.RequestCtx) {
	c := make(chan string, 1000)
	s.mu.Lock()
	s.tail[c] = true
	s.mu.Unlock()
	ctx.SetContentType("text/event-stream")
	ctx.SetBodyStreamWriter(func(w *bufio.Writer) {
		_, _ = w.WriteString(": hello\n\n") // what goes wrong Flush tells
		for w.Flush() == nil {
			text, ok := <-c
			if !ok {
				return
			}
			_, _ = w.WriteString(text)
		}
	})
}

func (s *site) instant(q url.Values, name string, otherwise time.Time) time.Time {
	v := q.Get(name)
	if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
		return t
	}
	if d, err := time.ParseDuration(v); err == nil {
		return time.Now().Add(-d)
	}
	return otherwise
}

// matching returns the episodes that are asked for, all pages of them.
func (s *site) matching(q url.Values, matchers []*alert.Matcher) (found []*episode) {
	from, to := s.instant(q, "from", time.Unix(0, 0)), s.instant(q, "to", time.Now().Add(time.Hour))
	at := s.instant(q, "at", time.Time{})
	for _, e := range s.all {
		until := e.until(time.Now())
		if !e.StartsAt.Before(to) || until.Before(from) || !at.IsZero() && (e.StartsAt.After(at) || !until.After(at)) ||
			q.Get("open") == "true" && !e.Open || q.Has("source") && q.Get("source") != e.Source ||
			q.Has("fingerprint") && q.Get("fingerprint") != e.Fingerprint || !alert.MatchAll(matchers, e.pairs) {
			continue
		}
		found = append(found, e)
	}
	return found
}

func (s *site) episodes(q url.Values, matchers []*alert.Matcher) any {
	found := s.matching(q, matchers)
	begin, _ := strconv.Atoi(q.Get("cursor"))
	limit, _ := strconv.Atoi(q.Get("limit"))
	end := min(begin+limit, len(found))
	out := map[string]any{"episodes": append([]*episode{}, found[begin:end]...), "next": nil}
	if end < len(found) {
		out["next"] = strconv.Itoa(end)
	}
	return out
}

func (s *site) events(q url.Values) any {
	events := []any{}
	if found := s.matching(q, nil); len(found) > 0 {
		for i := range 4 {
			events = append(events, s.event(found[0], time.Duration(4-i)*time.Minute))
		}
	}
	return map[string]any{"events": events, "next": nil}
}

func (s *site) event(e *episode, ago time.Duration) map[string]any {
	return map[string]any{"id": "1-2-3", "receivedAt": s.now.Add(-ago), "source": e.Source, "receiver": "team-a", "status": "firing",
		"fingerprint": e.Fingerprint, "startsAt": e.StartsAt, "endsAt": nil, "labels": e.Labels, "annotations": e.Annotations}
}

// timeline is a life as Alertmanager's event recorder tells it, newest first.
func (s *site) timeline(q url.Values) any {
	moments := []any{}
	add := func(ago time.Duration, kind string, data any) {
		moments = append(moments, map[string]any{"id": fmt.Sprint(100 - len(moments)), "at": s.now.Add(-ago), "receivedAt": s.now.Add(-ago), "source": "eu1", "instance": "am-0",
			"kind": kind, "fingerprints": []string{fingerprint}, "event": map[string]any{"data": map[string]any{kind: data}}})
	}
	if q.Get("fingerprint") == fingerprint {
		group := map[string]any{"receiverName": "team-a", "groupKey": `{}:{alertname="NodeDown"}`}
		add(2*time.Minute, "alertResolved", map[string]any{"groupInfo": group})
		add(4*time.Minute, "notification", map[string]any{"groupInfo": group, "integration": map[string]any{"name": "webhook"}, "reason": "NOTIFY_REASON_FIRST_NOTIFICATION"})
		add(5*time.Minute, "inhibitionMutedAlert", map[string]any{"inhibitingFingerprints": []string{"12999707922902131508"}})
		for i := range 3 {
			add(time.Duration(6+i)*time.Minute, "silenceMutedAlert", map[string]any{"silence": map[string]any{"createdBy": "ops", "comment": hostile[0], "endsAt": "2026-11-24T12:00:00Z"}})
		}
		add(10*time.Minute, "alertGrouped", map[string]any{"groupInfo": group})
		add(10*time.Minute, "alertCreated", map[string]any{})
		add(11*time.Minute, "somethingNew", nil)
	}
	return map[string]any{"timeline": moments, "next": nil}
}

func (s *site) received(q url.Values, matchers []*alert.Matcher) any {
	now := time.Now()
	from, to := s.instant(q, "from", now.Add(-time.Hour)), s.instant(q, "to", now)
	step := time.Minute
	for to.Sub(from)/step > 300 {
		step *= 2
	}
	counts := map[string]map[int64]int{}
	for _, e := range s.all {
		severity := e.Labels["severity"]
		if slices.Contains(hostile, severity) {
			severity = hostile[0]
		}
		if at := e.StartsAt.Truncate(step); !at.Before(from) && at.Before(to) && alert.MatchAll(matchers, e.pairs) {
			if counts[severity] == nil {
				counts[severity] = map[int64]int{}
			}
			counts[severity][at.Unix()] += e.Receipts
		}
	}
	series := []any{}
	for _, severity := range sorted(counts) {
		points := [][2]int64{}
		for _, at := range sorted(counts[severity]) {
			points = append(points, [2]int64{at, int64(counts[severity][at])})
		}
		series = append(series, map[string]any{"severity": severity, "points": points})
	}
	what := "received"
	if len(matchers) > 0 || q.Has("source") {
		what = "episodes"
	}
	return map[string]any{"from": from, "to": to, "step": step.Seconds(), "counts": what, "series": series}
}

func sorted[K int64 | string, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

type stat struct {
	Value      string   `json:"value"`
	Receipts   int      `json:"receipts"`
	Episodes   int      `json:"episodes"`
	Alerts     int      `json:"alerts"`
	Flaps      int      `json:"flaps"`
	Open       int      `json:"open"`
	Unresolved int      `json:"unresolved"`
	Mean       *float64 `json:"meanSecondsToResolve"`
	P95        *float64 `json:"p95SecondsToResolve"`
}

func (s *site) stats(q url.Values, matchers []*alert.Matcher) any {
	by, mean, p95 := q.Get("by"), 312.5, 900.0
	groups, seen, total := map[string]*stat{}, map[string]bool{}, &stat{Mean: &mean, P95: &p95}
	for _, e := range s.matching(q, matchers) {
		v := e.Labels[by]
		if groups[v] == nil {
			groups[v] = &stat{Value: v}
			if len(groups)%5 != 0 {
				groups[v].Mean, groups[v].P95 = &mean, &p95
			}
		}
		for _, g := range []*stat{groups[v], total} {
			g.Episodes++
			g.Receipts += e.Receipts
			if e.Open {
				g.Open++
			}
			if !seen[v+e.Fingerprint] {
				g.Alerts++
			}
			g.Flaps = g.Episodes - g.Alerts
		}
		seen[v+e.Fingerprint] = true
	}
	list := []*stat{}
	for _, v := range sorted(groups) {
		list = append(list, groups[v])
	}
	key := func(g *stat) int { return map[string]int{"receipts": g.Receipts, "open": g.Open}[q.Get("sort")] }
	if q.Get("sort") == "episodes" {
		key = func(g *stat) int { return g.Episodes }
	}
	sort.SliceStable(list, func(i, j int) bool { return key(list[i]) > key(list[j]) })
	return map[string]any{"by": by, "from": s.now.Add(-time.Hour), "to": s.now, "stats": list, "total": total}
}

func (s *site) gaps() any {
	return map[string]any{"gaps": []any{
		map[string]any{"kind": "truncated", "source": "eu1", "at": s.now.Add(-5 * time.Minute), "alerts": 17},
		map[string]any{"kind": "resolved_only", "source": "eu1", "at": s.now.Add(-8 * time.Minute), "fingerprint": fingerprint, "labels": map[string]string{"alertname": hostile[0]}},
		map[string]any{"kind": "source_silent", "source": hostile[0], "since": s.now.Add(-30 * time.Minute), "rhythmSeconds": 300},
	}}
}

func labels(q url.Values, of func(*episode, func(string)), all []*episode) any {
	found := map[string]bool{}
	for _, e := range all {
		of(e, func(s string) {
			if strings.HasPrefix(s, q.Get("prefix")) {
				found[s] = true
			}
		})
	}
	list := sorted(found)
	limit, err := strconv.Atoi(q.Get("limit"))
	if err == nil && len(list) > limit {
		list = list[:limit]
	}
	return map[string]any{"status": "success", "data": append([]string{}, list...)}
}
