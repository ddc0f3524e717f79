package e2e

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// episode is one element of /api/v1/episodes.
type episode struct {
	ID, Source, Fingerprint, Status string
	Open, ResolvedOnly              bool
	StartsAt                        time.Time
	EndsAt, SupersededAt            *time.Time
	FirstReceivedAt, LastReceivedAt time.Time
	Receipts                        int
	Receivers                       []string
	Labels, Annotations             map[string]string
	GroupKey, ExternalURL           string
	GroupLabels                     map[string]string
}

// name says which of the test's episodes e is.
func (e *episode) name(base time.Time) string {
	return fmt.Sprintf("%s+%v", e.Labels["alertname"], e.StartsAt.Sub(base).Minutes())
}

// getJSON reads an answer that must be 200 and an object.
func getJSON[T any](c *client, path string) (v T) {
	c.t.Helper()
	got := c.do(http.MethodGet, path, nil)
	if got.code != 200 {
		c.t.Fatalf("%s: %d %s", path, got.code, got.body)
	}
	if err := json.Unmarshal([]byte(got.body), &v); err != nil {
		c.t.Fatalf("%s: %v in %.300s", path, err, got.body)
	}
	return v
}

// history posts a few alerts' lives, which began two hours ago.
type history struct {
	*client
	base time.Time
	sent int // alerts
}

// minute is a moment of the history as the API takes it.
func (h *history) minute(n float64) string {
	return h.base.Add(time.Duration(n * float64(time.Minute))).Format(time.RFC3339Nano)
}

// post delivers one alert. An end below 0 is none: the alert fires.
func (h *history) post(source, name, severity string, start, end float64, truncated int) {
	h.t.Helper()
	status, endsAt := "firing", "0001-01-01T00:00:00Z"
	if end >= 0 {
		status, endsAt = "resolved", h.minute(end)
	}
	h.sent++
	body := fmt.Sprintf(`{"receiver":"team-%s","status":%q,"alerts":[{"status":%q,"labels":{"alertname":%q,"severity":%q},`+
		`"annotations":{"summary":"delivery %d"},"startsAt":%q,"endsAt":%q,"generatorURL":"http://p","fingerprint":""}],`+
		`"groupLabels":{"alertname":%q},"commonLabels":{},"commonAnnotations":{},"externalURL":"http://am","version":"4","groupKey":"{}:{}","truncatedAlerts":%d}`,
		source, status, status, name, severity, h.sent, h.minute(start), endsAt, name, truncated)
	h.deliver("/webhook/"+source, fmt.Sprint("history-", h.sent), []byte(body), 1)
}

func (h *history) live() {
	h.t.Helper()
	h.post("eu", "Disk", "critical", 0, -1, 0)
	h.post("eu", "Disk", "critical", 0, -1, 0) // a twin
	h.post("eu", "Disk", "critical", 0, 10, 0)
	h.post("eu", "Disk", "critical", 20, -1, 0) // again, and then said to have begun earlier
	h.post("eu", "Disk", "critical", 15, -1, 0)
	h.post("eu", "Net", "warning", 0, 5, 0) // out of order
	h.post("eu", "Net", "warning", 0, -1, 0)
	h.post("us", "Lost", "warning", 1, 2, 7) // its firing was left out
	h.post("us", "Flap", "", 0, -1, 0)       // never resolved
	h.post("us", "Flap", "", 30, -1, 0)
}

// all waits until every alert is in an episode.
func (h *history) all() (found map[string]*episode) {
	h.t.Helper()
	eventually(h.t, 30*time.Second, func() string {
		page := getJSON[struct{ Episodes []*episode }](h.client, "/api/v1/episodes")
		receipts := 0
		found = make(map[string]*episode)
		for _, e := range page.Episodes {
			receipts += e.Receipts
			found[e.name(h.base)] = e
		}
		if receipts == h.sent {
			return ""
		}
		return fmt.Sprintf("%d of %d alerts are in episodes", receipts, h.sent)
	})
	return found
}

// names returns which episodes an answer has, in no order.
func (h *history) names(query string) string {
	h.t.Helper()
	page := getJSON[struct{ Episodes []*episode }](h.client, "/api/v1/episodes?"+query)
	var names []string
	for _, e := range page.Episodes {
		names = append(names, e.name(h.base))
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestEpisodes(t *testing.T) {
	forEachStore(t, func(t *testing.T, store *testStore) {
		p := startProgram(t, store.flags...)
		h := &history{client: p.client(), base: time.Now().Add(-2 * time.Hour).UTC().Truncate(time.Second)}
		h.live()
		t.Run("content", func(t *testing.T) { h.checkContent(t, h.all()) })
		t.Run("filters", h.checkFilters)
		t.Run("pages", h.checkPages)
		t.Run("statistics", h.checkStats)
		t.Run("gaps", h.checkGaps)
		t.Run("completion", h.checkLabels)
		t.Run("status", h.checkStatus)
		t.Run("refusals", h.checkRefusals)
		before := h.all()
		if code := p.terminate(30 * time.Second); code != 0 {
			t.Errorf("exit status %d", code)
		}
		p.start()
		if after := h.all(); !maps.EqualFunc(after, before, func(a, b *episode) bool { return a.ID == b.ID && a.Status == b.Status && a.Receipts == b.Receipts }) {
			t.Errorf("after a restart %v, before %v", after, before)
		}
	})
}

func (h *history) checkContent(t *testing.T, all map[string]*episode) {
	want := []string{"Disk+0", "Disk+15", "Flap+0", "Flap+30", "Lost+1", "Net+0"}
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, want) {
		t.Fatalf("episodes %v, want %v", got, want)
	}
	f := func(name, status string, receipts int, end, superseded float64, open, resolvedOnly bool) {
		t.Helper()
		e := all[name]
		moment := func(at *time.Time) float64 {
			if at == nil {
				return -1
			}
			return at.Sub(h.base).Minutes()
		}
		if e.Status != status || e.Receipts != receipts || moment(e.EndsAt) != end || moment(e.SupersededAt) != superseded || e.Open != open || e.ResolvedOnly != resolvedOnly {
			t.Errorf("%s: %+v, ends at %v, superseded at %v", name, e, e.EndsAt, e.SupersededAt)
		}
	}
	f("Disk+0", "resolved", 3, 10, -1, false, false)
	f("Disk+15", "firing", 2, -1, -1, true, false)
	f("Net+0", "resolved", 2, 5, -1, false, false)
	f("Lost+1", "resolved", 1, 2, -1, false, true)
	f("Flap+0", "firing", 1, -1, 30, false, false)
	f("Flap+30", "firing", 1, -1, -1, true, false)
	e := all["Disk+0"]
	if e.Source != "eu" || !slices.Equal(e.Receivers, []string{"team-eu"}) || e.Annotations["summary"] != "delivery 3" || len(e.Fingerprint) != 16 ||
		e.GroupLabels["alertname"] != "Disk" || e.ExternalURL != "http://am" || e.LastReceivedAt.Before(e.FirstReceivedAt) || time.Since(e.FirstReceivedAt) > time.Hour {
		t.Errorf("Disk: %+v", e)
	}
}

func (h *history) checkFilters(t *testing.T) {
	f := func(query, want string) {
		t.Helper()
		if got := h.names(query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	at := func(minute float64) string { return "at=" + url.QueryEscape(h.minute(minute)) }
	between := func(from, to float64) string {
		return "from=" + url.QueryEscape(h.minute(from)) + "&to=" + url.QueryEscape(h.minute(to))
	}
	f(at(-1), "")
	f(at(1.5), "Disk+0 Flap+0 Lost+1 Net+0")
	f(at(7), "Disk+0 Flap+0")
	f(at(10), "Flap+0") // the end is not in it
	f(at(29), "Disk+15 Flap+0")
	f("at=0s", "Disk+15 Flap+30")
	f("open=true", "Disk+15 Flap+30")
	f("open=true&source=us", "Flap+30")
	f(between(11, 14), "Flap+0")
	f(between(5, 15), "Disk+0 Flap+0")
	f(between(5, 15.001), "Disk+0 Disk+15 Flap+0")
	f("status=resolved", "Disk+0 Lost+1 Net+0")
	f("receiver=team-us", "Flap+0 Flap+30 Lost+1")
	f("receiver=nobody", "")
	f("filter="+url.QueryEscape(`severity=~"crit.*"`), "Disk+0 Disk+15")
	f("filter="+url.QueryEscape(`severity=""`)+"&"+at(20), "Flap+0")
	f("fingerprint=0000000000000000", "")
	f("from=1099511627776", "Disk+15 Flap+30") // as far as anybody knows
	f("to=-1099511627776", "")
	f("at=-1099511627776", "")
}

func (h *history) checkPages(t *testing.T) {
	var ids, want []string
	last := time.Time{}
	for cursor := ""; ; {
		page := getJSON[struct {
			Episodes []*episode
			Next     *string
		}](h.client, "/api/v1/episodes?limit=2"+cursor)
		for _, e := range page.Episodes {
			if !last.IsZero() && e.StartsAt.After(last) {
				t.Errorf("%s comes after an older one", e.name(h.base))
			}
			last = e.StartsAt
			ids = append(ids, e.ID)
		}
		if page.Next == nil {
			break
		}
		cursor = "&cursor=" + *page.Next
	}
	text := h.do(http.MethodGet, "/api/v1/episodes?format=ndjson", nil)
	for lines := bufio.NewScanner(strings.NewReader(text.body)); lines.Scan(); {
		var e episode
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%v in %s", err, lines.Text())
		}
		want = append(want, e.ID)
	}
	if len(ids) != 6 || !slices.Equal(ids, want) {
		t.Errorf("pages have %v, NDJSON %v", ids, want)
	}
	rows, err := csv.NewReader(strings.NewReader(h.do(http.MethodGet, "/api/v1/episodes?format=csv", nil).body)).ReadAll()
	if err != nil || len(rows) != 7 || rows[1][0] != want[0] {
		t.Errorf("CSV: %v, %v", rows, err)
	}
}

func (h *history) checkStats(t *testing.T) {
	type group struct {
		Value                                               string
		Receipts, Episodes, Alerts, Flaps, Open, Unresolved int
		MeanSecondsToResolve, P95SecondsToResolve           *float64
	}
	type stats struct {
		By    string
		Stats []group
		Total group
	}
	plain := func(g group) string {
		return fmt.Sprintf("%s %d %d %d %d %d %d", g.Value, g.Receipts, g.Episodes, g.Alerts, g.Flaps, g.Open, g.Unresolved)
	}
	all := getJSON[stats](h.client, "/api/v1/stats?sort=value")
	var got []string
	for _, g := range all.Stats {
		got = append(got, plain(g))
	}
	if want := []string{"Disk 5 2 1 1 1 0", "Flap 2 2 1 1 1 1", "Lost 1 1 1 0 0 0", "Net 2 1 1 0 0 0"}; !slices.Equal(got, want) {
		t.Errorf("statistics %q, want %q", got, want)
	}
	if total := plain(all.Total); total != " 10 6 4 2 2 1" || *all.Total.MeanSecondsToResolve != 320 || *all.Total.P95SecondsToResolve != 600 {
		t.Errorf("total %s, mean %v, p95 %v", total, *all.Total.MeanSecondsToResolve, *all.Total.P95SecondsToResolve)
	}
	cut := getJSON[stats](h.client, "/api/v1/stats?by=severity&sort=receipts&limit=1&source=eu")
	if len(cut.Stats) != 1 || plain(cut.Stats[0]) != "critical 5 2 1 1 1 0" || cut.Total.Episodes != 3 {
		t.Errorf("by severity: %+v", cut)
	}
	if rows := h.do(http.MethodGet, "/api/v1/stats?format=csv&by=severity&sort=value", nil).body; strings.Count(rows, "\r\n") != 4 || !strings.Contains(rows, "\r\ncritical,5,2,1,1,1,0,600,600\r\n") {
		t.Errorf("CSV: %q", rows)
	}
	type received struct {
		Step   int
		Counts string
		Series []struct {
			Severity string
			Points   [][2]int64
		}
	}
	sum := func(r received) map[string]int64 {
		sums := make(map[string]int64)
		for _, s := range r.Series {
			for _, p := range s.Points {
				sums[s.Severity] += p[1]
			}
		}
		return sums
	}
	r := getJSON[received](h.client, "/api/v1/received")
	if got := sum(r); r.Counts != "received" || r.Step != 60 || !maps.Equal(got, map[string]int64{"": 2, "critical": 5, "warning": 3}) {
		t.Errorf("received: %+v", r)
	}
	r = getJSON[received](h.client, "/api/v1/received?from=3h&step=1h&source=eu")
	if got := sum(r); r.Counts != "episodes" || r.Step != 3600 || !maps.Equal(got, map[string]int64{"critical": 2, "warning": 1}) {
		t.Errorf("episodes received: %+v", r)
	}
}

func (h *history) checkGaps(t *testing.T) {
	type gap struct {
		Kind, Source, At string
		Alerts           int
		Labels           map[string]string
	}
	found := getJSON[struct {
		Gaps []gap
		More bool
	}](h.client, "/api/v1/gaps")
	slices.SortFunc(found.Gaps, func(a, b gap) int { return cmp.Compare(a.Kind, b.Kind) })
	if len(found.Gaps) != 2 || found.More || found.Gaps[0].Kind != "resolved_only" || found.Gaps[0].Labels["alertname"] != "Lost" ||
		found.Gaps[0].At != h.minute(1) || found.Gaps[1].Kind != "truncated" || found.Gaps[1].Alerts != 7 || found.Gaps[1].Source != "us" {
		t.Errorf("gaps: %+v", found)
	}
	sources := getJSON[struct {
		Sources []struct {
			Source                      string
			Deliveries, TruncatedAlerts int
			Silent                      bool
		}
	}](h.client, "/api/v1/sources").Sources
	if fmt.Sprint(sources) != "[{eu 7 0 false} {us 3 7 false}]" {
		t.Errorf("sources: %+v", sources)
	}
	// Net began with a resolve, too; its firing came after all, and it is no gap.
	if m := h.metrics(); m["truncated_alerts_total"] != 7 || m["sources_silent"] != 0 || m["resolved_without_firing_total"] != 2 {
		t.Errorf("truncated %v, silent %v, resolved without firing %v; want 7, 0 and 2", m["truncated_alerts_total"], m["sources_silent"], m["resolved_without_firing_total"])
	}
}

func (h *history) checkLabels(t *testing.T) {
	f := func(path, want string) {
		t.Helper()
		if got := h.do(http.MethodGet, path, nil); strings.TrimSpace(got.body) != `{"status":"success","data":[`+want+`]}` {
			t.Errorf("%s: %d %s", path, got.code, got.body)
		}
	}
	f("/api/v1/labels", `"alertname","severity"`)
	f("/api/v1/labels?prefix=sev", `"severity"`)
	f("/api/v1/label/alertname/values", `"Disk","Flap","Lost","Net"`)
	f("/api/v1/label/alertname/values?limit=2", `"Disk","Flap"`)
	f("/api/v1/label/no%2Fbody/values", ``)
}

func (h *history) checkStatus(t *testing.T) {
	status := getJSON[struct {
		Version   string
		StartedAt time.Time
		Store     struct {
			Kind string
			Up   bool
		}
		Ready                         bool
		ReceivedPerSecond, P99Seconds float64
	}](h.client, "/api/v1/status")
	if status.Version == "" || time.Since(status.StartedAt) > time.Hour || status.Store.Kind == "" || !status.Store.Up || !status.Ready {
		t.Errorf("status: %+v", status)
	}
}

func (h *history) checkRefusals(t *testing.T) {
	f := func(method, path string, code int, contains string) {
		t.Helper()
		got := h.do(method, path, nil)
		if got.code != code || !strings.Contains(got.body, contains) || strings.Count(got.body, "\n") != 1 {
			t.Errorf("%s %s: %d %q, want %d and %q", method, path, got.code, got.body, code, contains)
		}
	}
	f("GET", "/api/v1/episodes?at=noon", 400, `"at"="noon"`)
	f("GET", "/api/v1/episodes?cursor=x", 400, `"cursor"`)
	f("GET", "/api/v1/stats?sort=up", 400, `"sort"`)
	f("GET", "/api/v1/received?step=7", 400, `"step"`)
	f("GET", "/api/v1/gaps?limit=0", 400, `"limit"`)
	f("GET", "/api/v1/sources?x=", 400, "no parameters")
	f("DELETE", "/api/v1/episodes", 405, "GET")
	f("POST", "/api/v1/label/a/values", 405, "GET")
	f("GET", "/api/v1/episode", 404, "no such page")
}
