package server

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"stormdrain/internal/alert"
)

func ask(t *testing.T, s *Server, path string) reply {
	t.Helper()
	return raw(t, s, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
}

// object reads an answer that must be JSON.
func object[T any](t *testing.T, s *Server, path string) (v T) {
	t.Helper()
	got := ask(t, s, path)
	if got.code != 200 || got.header.Get("Content-Type") != "application/json" || !strings.HasSuffix(got.body, "}\n") {
		t.Fatalf("%s: %+v", path, got)
	}
	if err := json.Unmarshal([]byte(got.body), &v); err != nil {
		t.Fatalf("%s: %v in %s", path, err, got.body)
	}
	return v
}

type episodePage struct {
	Episodes []struct {
		ID   string
		Open bool
	}
	Next *string
}

func (p episodePage) ids() string {
	var ids []string
	for _, e := range p.Episodes {
		ids = append(ids, e.ID)
	}
	return strings.Join(ids, " ")
}

func TestEpisodesAreFiltered(t *testing.T) {
	a := &archive{episodes: []*alert.Episode{
		resolved(1, 1000, 100, "alertname", "Disk", "severity", "critical"),
		firing(2, 1050, "alertname", "Disk", "severity", "warning"),
		resolved(3, 1200, 0, "alertname", "Net"),
		firing(4, 2000, "alertname", "Net"),
	}}
	a.episodes[1].Superseded = alert.Time{Micros: 2000e6}
	a.episodes[3].Source = "eu 1"
	s := startArchive(t, a)
	f := func(query, want string) {
		t.Helper()
		if got := object[episodePage](t, s, "/api/v1/episodes"+query).ids(); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	f("", "4 3 2 1")
	f("?open=true", "4")
	f("?open=false", "4 3 2 1")
	f("?at=1050", "2 1")
	f("?at=1100", "2")
	f("?at=1970-01-01T00:33:20Z", "4")
	f("?at=0", "")
	f("?at=-9999999999", "")
	f("?at=1099511627776", "4")
	f("?from=1099511627775&to=1099511627776", "4")
	f("?from=-99999999999&to=-9999999999", "")
	f("?from=1100&to=1200", "2")
	f("?from=1200&to=1201", "3 2")
	f("?from=1150&to=1200.000000001", "3 2")
	f("?status=resolved", "3 1")
	f("?receiver=team&source=eu%201", "4")
	f("?receiver=nobody", "")
	f("?fingerprint=0000000000000003", "3")
	f("?filter="+url.QueryEscape(`alertname=~"D.*"`)+"&filter="+url.QueryEscape(`severity!="critical"`), "2")
	f("?limit=2", "4 3")
}

func TestEpisodePagesAndExports(t *testing.T) {
	a := &archive{}
	for i := range int64(1000) {
		e := resolved(i, 1000+i/10, 5, "alertname", fmt.Sprint("A", i)) // ten begin together
		e.Details.Annotations = []alert.Pair{{Name: "summary", Value: strings.Repeat("x", 200)}}
		a.episodes = append(a.episodes, e)
	}
	s := startArchive(t, a)
	next, place := "", int64(1000)
	for pages := 0; ; pages++ {
		page := object[episodePage](t, s, "/api/v1/episodes?limit=303"+next)
		for _, e := range page.Episodes {
			if place--; e.ID != fmt.Sprint(place) {
				t.Fatalf("episode %s, want %d", e.ID, place)
			}
		}
		if page.Next == nil {
			if pages != 3 || place != 0 {
				t.Errorf("%d pages, %d left", pages+1, place)
			}
			break
		}
		next = "&cursor=" + *page.Next
	}
	got := ask(t, s, "/api/v1/episodes?format=ndjson")
	if n := strings.Count(got.body, "\n"); n != 1000 || got.err != nil || got.header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("ndjson: %d lines, %v, %v", n, got.err, got.header)
	}
	got = ask(t, s, "/api/v1/episodes?format=csv&limit=700")
	rows, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
	if err != nil || len(rows) != 701 || rows[700][0] != "300" || rows[0][5] != "startsAt" {
		t.Errorf("csv: %d rows, %v", len(rows), err)
	}
	a.failAt = 800
	if got := ask(t, s, "/api/v1/episodes?format=csv"); !errors.Is(got.err, io.ErrUnexpectedEOF) {
		t.Errorf("half an export looks complete: %d, %v", got.code, got.err)
	}
}

func TestStatsOfTheLastDay(t *testing.T) {
	now := time.Now().Unix()
	disk := []string{"alertname", "Disk", "team", "a"}
	a := &archive{episodes: []*alert.Episode{
		resolved(1, now-200_000, 50, disk...), // before yesterday
		resolved(2, now-3000, 100, disk...),
		resolved(3, now-2000, 300, disk...),
		firing(4, now-1000, disk...),
		firing(5, now-900, "alertname", `Net "1"`),
		firing(6, now-800, "team", "b"),
	}}
	for _, e := range a.episodes[:4] {
		e.Labels.Fingerprint = 7
	}
	a.episodes[3].Receipts = 10
	a.episodes[4].Superseded = alert.Time{Micros: (now - 10) * 1e6}
	s := startArchive(t, a)
	got := ask(t, s, "/api/v1/stats")
	for _, want := range []string{
		`{"value":"Disk","receipts":12,"episodes":3,"alerts":1,"flaps":2,"open":1,"unresolved":0,"meanSecondsToResolve":200,"p95SecondsToResolve":300}`,
		`{"value":"Net \"1\"","receipts":1,"episodes":1,"alerts":1,"flaps":0,"open":0,"unresolved":1,"meanSecondsToResolve":null,"p95SecondsToResolve":null}`,
		`{"value":"","receipts":1,"episodes":1,"alerts":1,"flaps":0,"open":1,"unresolved":0,`,
		`"total":{"receipts":14,"episodes":5,"alerts":3,"flaps":2,"open":2,"unresolved":1,"meanSecondsToResolve":200,"p95SecondsToResolve":300}}`,
		`{"by":"alertname","from":"`,
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("no %s in %s", want, got.body)
		}
	}
	if q := a.asked[0]; q.Limit != 0 || q.To-q.From != 86_400_000_000 {
		t.Errorf("asked for %+v", q)
	}
	type answer struct {
		By       string
		From, To time.Time
		Stats    []struct {
			Value    string
			Episodes int
		}
		Total struct{ Episodes, Alerts int }
	}
	f := func(query string, total int, values ...string) answer {
		t.Helper()
		got := object[answer](t, s, "/api/v1/stats"+query)
		var found []string
		for _, g := range got.Stats {
			found = append(found, g.Value)
		}
		if fmt.Sprintf("%q", found) != fmt.Sprintf("%q", values) || got.Total.Episodes != total {
			t.Errorf("%s: %q and %d in all, want %q and %d", query, found, got.Total.Episodes, values, total)
		}
		return got
	}
	f("?by=team", 5, "a", "", "b")
	f("?sort=value&limit=2", 5, "", "Disk")
	f("?sort=unresolved&limit=1", 5, `Net "1"`)
	f("?from=4d&by=nothing", 6, "")
	f("?open=true", 2, "", "Disk")
	f("?status=resolved&filter=team=a", 2, "Disk")
	got2 := f(fmt.Sprintf("?at=%d", now-2950), 1, "Disk")
	if got2.From.Unix() != now-2950 || got2.To.Sub(got2.From) != time.Microsecond {
		t.Errorf("a moment is %v to %v", got2.From, got2.To)
	}
	f("?from=1099511627776&status=resolved", 0)
	csvAnswer := ask(t, s, "/api/v1/stats?format=csv&sort=value")
	if csvAnswer.body != "value,receipts,episodes,alerts,flaps,open,unresolved,meanSecondsToResolve,p95SecondsToResolve\r\n"+
		",1,1,1,0,1,0,,\r\nDisk,12,3,1,2,1,0,200,300\r\n\"Net \"\"1\"\"\",1,1,1,0,0,1,,\r\n" {
		t.Errorf("csv: %q", csvAnswer.body)
	}
	if got := ask(t, s, "/api/v1/stats?format=ndjson&limit=1"); strings.Count(got.body, "\n") != 1 || !strings.HasPrefix(got.body, `{"value":"Disk",`) {
		t.Errorf("ndjson: %q", got.body)
	}
}

// A label that differs everywhere makes as many groups as there are episodes. The
// list is cut, the total is not; an export has them all.
func TestStatsOfManyGroups(t *testing.T) {
	const n = 2000
	a, now := &archive{}, time.Now().Unix()
	for i := range int64(n) {
		a.episodes = append(a.episodes, resolved(i, now-1000, i%100, "pod", fmt.Sprint(i)))
	}
	s := startArchive(t, a)
	got := object[struct {
		Stats []json.RawMessage
		Total struct {
			Episodes, Alerts    int
			P95SecondsToResolve float64
		}
	}](t, s, "/api/v1/stats?by=pod")
	if len(got.Stats) != 100 || got.Total.Episodes != n || got.Total.Alerts != n || got.Total.P95SecondsToResolve != 94 {
		t.Errorf("%d groups, total %+v", len(got.Stats), got.Total)
	}
	if all := ask(t, s, "/api/v1/stats?by=pod&format=csv"); strings.Count(all.body, "\n") != n+1 || all.err != nil {
		t.Errorf("%d lines, %v", strings.Count(all.body, "\n"), all.err)
	}
}

func TestReceived(t *testing.T) {
	hour := time.Now().Truncate(time.Hour).Unix()
	m := func(at int64, severity string, firing, resolved int64) alert.Minute {
		return alert.Minute{At: at * 1e6, Severity: severity, Firing: firing, Resolved: resolved}
	}
	a := &archive{
		minutes: []alert.Minute{
			m(hour-7200, "critical", 1, 2), m(hour-7200, "warning", 5, 0), m(hour-7140, "critical", 4, 0), m(hour-6900, "", 7, 1),
		},
		episodes: []*alert.Episode{
			firing(1, hour-7201, "severity", "critical"), firing(2, hour-7200, "severity", "critical"), firing(3, hour-7199, "severity", "page"),
			firing(4, hour-6900, "team", "a"),
		},
	}
	s := startArchive(t, a)
	f := func(query, want string) {
		t.Helper()
		if got := ask(t, s, "/api/v1/received"+query); got.code != 200 || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %s, want %s", query, got.code, got.body, want)
		}
	}
	span := fmt.Sprintf("from=%d&to=%d", hour-7200+30, hour-6900+1)
	f("?"+span, fmt.Sprintf(`"step":60,"counts":"received","series":[{"severity":"","points":[[%d,8]]},`+
		`{"severity":"critical","points":[[%d,3],[%d,4]]},{"severity":"warning","points":[[%d,5]]}]}`, hour-6900, hour-7200, hour-7140, hour-7200))
	f("?step=5m&"+span, fmt.Sprintf(`{"severity":"critical","points":[[%d,7]]}`, hour-7200))
	f(fmt.Sprintf("?step=300&filter=team!=b&from=%d&to=%d", hour-7200, hour-6900), fmt.Sprintf(`"step":300,"counts":"episodes","series":[`+
		`{"severity":"critical","points":[[%d,1]]},{"severity":"page","points":[[%d,1]]}]}`, hour-7200, hour-7200))
	f("", `"step":60,"counts":"received","series":[]}`)
	f("?from=7d", `"step":3600,`)
	f("?from=-1099511627776&to=1099511627776", `"counts":"received"`)
	f("?from=1099511627776", `"series":[]`)
	f("?from=1099511627776", `"from":"9999-12-31T23:59:59.999999Z"`)
	checkLine(t, ask(t, s, "/api/v1/received?step=90"), 400, `"step"="90"`)
	checkLine(t, ask(t, s, "/api/v1/received?step=1m&from=365d"), 400, "525600")
	checkLine(t, ask(t, s, "/api/v1/received?step=0"), 400, "whole minutes")
}

func TestGaps(t *testing.T) {
	now := time.Now().Unix()
	a := &archive{
		sources: []alert.Source{
			{Name: "eu", FirstAt: (now - 90_000) * 1e6, LastAt: (now - 700) * 1e6, Rhythm: 300e6, Truncated: 17, Deliveries: 5},
			{Name: "once", LastAt: 0, Deliveries: 1},
			{Name: "us", LastAt: (now - 599) * 1e6, Rhythm: 300e6},
		},
		truncated: []alert.Truncated{{ReceivedAt: (now - 800) * 1e6, Source: "eu", Alerts: 12}, {ReceivedAt: (now - 80_000) * 1e6, Source: "eu", Alerts: 5}},
		episodes:  []*alert.Episode{resolved(3, now-1000, 60, "alertname", "Lost"), resolved(4, now-500, 60, "alertname", "Fine"), firing(5, now-5000)},
	}
	a.episodes[0].Unfired = true
	s := startArchive(t, a)
	at := func(second int64) string { return time.Unix(second, 0).UTC().Format(time.RFC3339) }
	silent := fmt.Sprintf(`{"kind":"source_silent","source":"eu","since":%q,"rhythmSeconds":300}`, at(now-700))
	cut := fmt.Sprintf(`{"kind":"truncated","source":"eu","at":%q,"alerts":12}`, at(now-800))
	lost := fmt.Sprintf(`{"kind":"resolved_only","source":"","at":%q,"fingerprint":"0000000000000003","labels":{"alertname":"Lost"}}`, at(now-1000))
	older := fmt.Sprintf(`{"kind":"truncated","source":"eu","at":%q,"alerts":5}`, at(now-80_000))
	f := func(query, want string) {
		t.Helper()
		if got := ask(t, s, "/api/v1/gaps"+query); got.body != want+"\n" {
			t.Errorf("%s:\n%s want\n%s", query, got.body, want)
		}
	}
	f("", `{"gaps":[`+strings.Join([]string{silent, cut, lost, older}, ",")+`],"more":false}`)
	f("?limit=2", `{"gaps":[`+silent+","+cut+`],"more":true}`)
	f("?to=2h", `{"gaps":[`+older+`],"more":false}`)
	f("?to=2d", `{"gaps":[],"more":false}`)
	want := fmt.Sprintf(`{"source":"eu","firstAt":%q,"lastAt":%q,"deliveries":5,"truncatedAlerts":17,"rhythmSeconds":300,"silent":true}`, at(now-90_000), at(now-700))
	got := ask(t, s, "/api/v1/sources")
	if !strings.HasPrefix(got.body, `{"sources":[`+want+`,{"source":"once",`) || strings.Count(got.body, `"silent":false`) != 2 {
		t.Errorf("sources: %s", got.body)
	}
}

func TestLabels(t *testing.T) {
	a := &archive{episodes: []*alert.Episode{firing(1, 1, "a/b", "x y", "alertname", "Disk", "ü", "1"), firing(2, 1, "alertname", "Net", "a/b", `q"`)}}
	s := startArchive(t, a)
	f := func(path, want string) {
		t.Helper()
		if got := ask(t, s, path); got.code != 200 || got.body != `{"status":"success","data":[`+want+"]}\n" {
			t.Errorf("%s: %+v", path, got)
		}
	}
	f("/api/v1/labels", `"a/b","alertname","ü"`)
	f("/api/v1/labels?prefix=al&limit=5", `"alertname"`)
	f("/api/v1/labels?limit=1", `"a/b"`)
	f("/api/v1/label/alertname/values", `"Disk","Net"`)
	f("/api/v1/label/a%2Fb/values", `"q\"","x y"`)
	f("/api/v1/label/%C3%BC/values", `"1"`)
	f("/api/v1/label/none/values?prefix=x", ``)
	checkLine(t, ask(t, s, "/api/v1/label/%ff/values"), 400, "percent")
	checkLine(t, ask(t, s, "/api/v1/label/%4/values"), 400, "percent")
	checkLine(t, ask(t, s, "/api/v1/label/a/values?x=1"), 400, "prefix or limit")
	checkLine(t, ask(t, s, "/api/v1/labels?limit=10001"), 400, "10000")
	for _, path := range []string{"/api/v1/label/a/b/values", "/api/v1/label//values", "/api/v1/label/values", "/api/v1/label/a"} {
		checkLine(t, ask(t, s, path), 404, "no such page")
	}
}

func TestWrongQuestions(t *testing.T) {
	a := &archive{episodes: []*alert.Episode{firing(1, 1), firing(2, 2)}}
	s := startArchive(t, a)
	f := func(path, contains string) {
		t.Helper()
		checkLine(t, ask(t, s, "/api/v1/"+path), 400, contains)
	}
	f("episodes?at=now", `"at"="now"`)
	f("episodes?open=yes", "true or false")
	f("episodes?open=", `"open"`)
	f("episodes?at=1&at=2", "once")
	f("episodes?by=x", "at or open")
	f("episodes?limit=10001", "ndjson")
	f("episodes?from=1h&to=2h", "not after to")
	f("episodes?cursor=x", "next")
	next := object[episodePage](t, s, "/api/v1/episodes?limit=1").Next
	f("events?cursor="+*next, `"cursor"`)
	f("stats?cursor="+*next, "another name")
	f("stats?by=", "name of a label")
	f("stats?sort=up", "p95 or value")
	f("stats?from=%ff", "UTF-8")
	f("received?status=firing", "step")
	f("gaps?format=csv", "from, to or limit")
	f("gaps?limit=0", "10000")
	f("sources?x=1", "no parameters")
	f("status?x=1", "no parameters")
	// A cursor of events is none of episodes.
	f("episodes?cursor=AQAAAAAAAAABAAAAAAAAAAEAAAAA", `"cursor"`)
	for _, path := range []string{"episodes", "stats", "received", "gaps", "sources", "labels", "label/a/values", "status"} {
		got := raw(t, s, post("/api/v1/"+path, "", "{}"))
		checkLine(t, got, 405, "is read with GET")
		if got.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: Allow is %q", path, got.header.Get("Allow"))
		}
		checkLine(t, raw(t, s, "PUT /api/v1/"+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"), 405, "is read with GET")
		if got := raw(t, s, "HEAD /api/v1/"+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); got.code != 200 || got.body != "" {
			t.Errorf("HEAD %s: %+v", path, got)
		}
	}
	a.failAt = 1
	for _, path := range []string{"episodes", "episodes?format=csv", "stats", "stats?format=ndjson", "received", "received?source=", "gaps", "sources", "labels", "label/a/values"} {
		checkLine(t, ask(t, s, "/api/v1/"+path), 503, "connection refused")
	}
}

// Where nobody folds and the store has no episodes, pages say so, and how to mend it.
// Those that need none answer; and one episode from before is told.
func TestFoldingSwitchedOff(t *testing.T) {
	f, a, cfg := &fake{}, &archive{}, testConfig()
	cfg.EpisodesOff = true
	s := startWith(t, cfg, f.parts(a))
	made := []string{"v1/episodes", "v1/episodes?format=csv", "v1/stats", "v1/received", "v1/gaps", "v1/sources", "v2/alerts", "v2/alerts/groups", "v2/receivers"}
	for _, path := range made {
		got := ask(t, s, "/api/"+path)
		if strings.HasPrefix(path, "v1/") {
			checkLine(t, got, 404, "storage.episodes is false")
			checkLine(t, got, 404, "rebuild-episodes")
		} else if got.code != 404 || !strings.HasPrefix(got.body, `"storage.episodes is false`) { // a JSON string, as Alertmanager has it
			t.Errorf("%s: %+v", path, got)
		}
	}
	for _, path := range []string{"v1/labels", "v1/status", "v1/events", "v2/status", "v2/silences"} {
		if got := ask(t, s, "/api/"+path); got.code != 200 {
			t.Errorf("%s: %+v", path, got)
		}
	}
	s = startWith(t, cfg, f.parts(&archive{episodes: []*alert.Episode{firing(1, 1)}}))
	for _, path := range made {
		if got := ask(t, s, "/api/"+path); got.code != 200 {
			t.Errorf("%s, with an episode from before: %+v", path, got)
		}
	}
}

func TestServerWithoutAPart(t *testing.T) {
	parts := new(fake).parts(nil)
	parts.Timeline = nil
	if s, err := Open(testConfig(), parts); err == nil {
		s.Close(t.Context())
		t.Error("a server without a Timeline opens")
	}
}

func TestStatus(t *testing.T) {
	s := startArchive(t, &archive{})
	want := `{"version":"1.2.3","startedAt":"2026-11-23T00:00:00Z","store":{"kind":"sqlite","up":true},"ready":true,` +
		`"receivedPerSecond":0,"p99Seconds":null,"journal":{"backlogBytes":5,"backlogDeliveries":2,"oldestSeconds":1.5},"streams":0}` + "\n"
	if got := ask(t, s, "/api/v1/status"); got.body != want {
		t.Errorf("%s", got.body)
	}
	for range 20 {
		raw(t, s, post("/webhook", "", "{}"))
	}
	got := object[struct{ P99Seconds *float64 }](t, s, "/api/v1/status")
	if got.P99Seconds == nil || *got.P99Seconds <= 0 || *got.P99Seconds > 10 {
		t.Errorf("p99 after deliveries: %v", got.P99Seconds)
	}
}
