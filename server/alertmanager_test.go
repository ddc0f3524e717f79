package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"stormdrain/internal/alert"
	"stormdrain/internal/obs"
)

// memory is a store of episodes and recorded events that holds them in memory, and
// answers as storage.EpisodeReader and storage.Recorder say.
type memory struct {
	archive                   // for what nothing here asks
	episodes []*alert.Episode // newest first
	recorded []*alert.StoredRecorded
	fail     error
	reads    int
}

func (m *memory) Episodes(ctx context.Context, q *alert.EpisodeQuery, yield func(*alert.Episode) error) error {
	m.reads++
	if m.fail != nil {
		return m.fail
	}
	for _, e := range m.episodes {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := e.Open()
		if q.At != nil {
			at = e.StartsAt.Micros <= *q.At && (e.Until().IsNone() || *q.At < e.Until().Micros)
		}
		c := e.Cursor()
		behind := q.After == nil || c.StartsAt < q.After.StartsAt || c.StartsAt == q.After.StartsAt && c.Number < q.After.Number
		if !at || !behind || !alert.MatchAll(q.Matchers, e.Labels.Labels) || q.Source != nil && *q.Source != e.Source {
			continue
		}
		if err := yield(e); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Recorded(_ context.Context, q *alert.RecordedQuery, yield func(*alert.StoredRecorded) error) error {
	n := 0
	for _, r := range m.recorded {
		if r.At.Micros < q.From || r.At.Micros >= q.To || len(q.Kinds) > 0 && !slices.Contains(q.Kinds, r.Kind) || q.Silence != nil && *q.Silence != r.Silence {
			continue
		}
		if err := yield(r); err != nil {
			return err
		}
		if n++; n == q.Limit {
			break
		}
	}
	return nil
}

func startMemory(t *testing.T, m *memory) *Server {
	t.Helper()
	f, cfg := &fake{}, testConfig()
	cfg.groupsHeld = 200_000
	parts := f.parts(nil)
	parts.Episodes, parts.Timeline, parts.Build = m, m, obs.Build{Version: "1.2.3", Revision: "abc"}
	return startWith(t, cfg, parts)
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// fires is an episode that began so long before noon. Its group is its team's.
func fires(number int64, ago time.Duration, receiver string, labels ...string) *alert.Episode {
	e := &alert.Episode{
		Number: number, StartsAt: alert.FromTime(noon.Add(-ago)), EndsAt: alert.NoTime, Superseded: alert.NoTime,
		LastReceivedAt: noon.Add(-time.Minute).UnixMicro(), Receipts: 1, Receivers: []string{receiver},
		Labels:   &alert.LabelSet{},
		Details:  &alert.Details{Annotations: []alert.Pair{{Name: "summary", Value: "s"}}, GeneratorURL: "http://p/graph"},
		Envelope: &alert.Envelope{Receiver: receiver},
	}
	for i := 0; i < len(labels); i += 2 {
		p := alert.Pair{Name: labels[i], Value: labels[i+1]}
		e.Labels.Labels = append(e.Labels.Labels, p)
		if p.Name == "team" {
			e.Envelope.GroupLabels, e.Envelope.GroupKey = []alert.Pair{p}, "{}:"+p.Value
		}
	}
	e.Labels.Fingerprint = alert.Fingerprint(e.Labels.Labels)
	return e
}

func askAlertmanager(t *testing.T, s *Server, path string) (code int, body string) {
	t.Helper()
	resp, err := http.Get("http://" + s.address() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if got := resp.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("%s: Content-Type %q", path, got)
	}
	return resp.StatusCode, string(text)
}

func askInto(t *testing.T, s *Server, path string, into any) {
	t.Helper()
	code, body := askAlertmanager(t, s, path)
	if err := json.Unmarshal([]byte(body), into); err != nil || code != 200 {
		t.Fatalf("%s: %d %.300s %v", path, code, body, err)
	}
}

// required are the required properties of Alertmanager's api/v2/openapi.yaml, with
// their types.
var required = map[string]map[string]string{
	"alertmanagerStatus": {"cluster": "clusterStatus", "versionInfo": "versionInfo", "config": "alertmanagerConfig", "uptime": "date-time"},
	"clusterStatus":      {"status": "string"},
	"alertmanagerConfig": {"original": "string"},
	"versionInfo": {"version": "string", "revision": "string", "branch": "string", "buildUser": "string", "buildDate": "string",
		"goVersion": "string"},
	"gettableSilence": {"id": "string", "status": "silenceStatus", "updatedAt": "date-time", "matchers": "[]matcher",
		"startsAt": "date-time", "endsAt": "date-time", "createdBy": "string", "comment": "string"},
	"silenceStatus": {"state": "string"},
	"matcher":       {"name": "string", "value": "string", "isRegex": "boolean"},
	"gettableAlert": {"receivers": "[]receiver", "fingerprint": "string", "startsAt": "date-time", "updatedAt": "date-time",
		"endsAt": "date-time", "annotations": "labelSet", "status": "alertStatus", "labels": "labelSet"},
	"alertStatus": {"state": "string", "silencedBy": "[]string", "inhibitedBy": "[]string", "mutedBy": "[]string"},
	"alertGroup":  {"labels": "labelSet", "receiver": "receiver", "alerts": "[]gettableAlert"},
	"receiver":    {"name": "string"},
}

// conform returns what is wrong with a value of that type, "" for nothing.
func conform(kind string, v any) string {
	if of, ok := strings.CutPrefix(kind, "[]"); ok {
		list, ok := v.([]any)
		if !ok {
			return fmt.Sprintf("%v is no list", v)
		}
		for i := range list {
			if wrong := conform(of, list[i]); wrong != "" {
				return wrong
			}
		}
		return ""
	}
	switch kind {
	case "boolean":
		if _, ok := v.(bool); !ok {
			return fmt.Sprintf("%v is no boolean", v)
		}
		return ""
	case "string", "date-time":
		s, ok := v.(string)
		if !ok {
			return fmt.Sprintf("%v is no string", v)
		}
		if _, err := time.Parse(time.RFC3339Nano, s); kind == "date-time" && err != nil {
			return err.Error()
		}
		return ""
	}
	object, ok := v.(map[string]any)
	if !ok {
		return fmt.Sprintf("%v is no %s", v, kind)
	}
	if kind == "labelSet" {
		for _, value := range object {
			if wrong := conform("string", value); wrong != "" {
				return wrong
			}
		}
	}
	for name, of := range required[kind] {
		value, ok := object[name]
		if !ok {
			return kind + " has no " + name
		}
		if wrong := conform(of, value); wrong != "" {
			return kind + "." + name + ": " + wrong
		}
	}
	return ""
}

const silenceText = `{"id":"0e925b1c-7c57-4e86-88b9-1a021de89d8a", "matchers":[{"type":"TYPE_EQUAL", "name":"alertname", "pattern":"Crash"}, ` +
	`{"type":"TYPE_NOT_REGEXP", "name":"namespace", "pattern":"pay.*"}], "startsAt":"2026-11-24T11:00:00.987643535Z", "endsAt":%q, ` +
	`"updatedAt":"2026-11-24T11:00:00Z", "createdBy":"oncall", "comment":"deploy in progress"}`

const silenceID = "0e925b1c-7c57-4e86-88b9-1a021de89d8a"

func event(at time.Time, kind, silence, data string) *alert.StoredRecorded {
	r := &alert.StoredRecorded{}
	r.At, r.Kind, r.Silence = alert.FromTime(at), kind, silence
	r.Body = fmt.Appendf(nil, `{"@timestamp":%q, "instance":"am", "data":{%q:%s}}`, at.Format(time.RFC3339Nano), kind, data)
	return r
}

func silenced(at time.Time, by string, e *alert.Episode) *alert.StoredRecorded {
	r := event(at, "silenceMutedAlert", silenceID, fmt.Sprintf(`{"silence":%s, "mutedAlert":{"labels":{}, "fingerprint":"%d"}}`, by, e.Labels.Fingerprint))
	r.Fingerprints = []uint64{e.Labels.Fingerprint}
	return r
}

// furnished is a store with three alerts of two teams that fire, one that fired
// earlier, and a silence.
func furnished() *memory { return furnishedUntil("2026-11-24T13:00:00Z") }

// forEver is for who asks at the present, whenever that is: a silence is forgotten
// five days after its end.
const forEver = "2226-11-24T13:00:00Z"

// furnishedUntil is furnished, with a silence that ends then.
func furnishedUntil(end string) *memory {
	a := fires(5, time.Hour, "team-a", "alertname", "Crash", "team", "a")
	b := fires(4, 2*time.Hour, `team \(b\)`, "alertname", "Disk", "severity", "critical", "team", "b")
	c := fires(3, 3*time.Hour, "", "alertname", "Posted")
	over := fires(2, 5*time.Hour, "team-a", "alertname", "Over", "team", "a")
	over.Status, over.EndsAt = alert.Resolved, alert.FromTime(noon.Add(-4*time.Hour))
	current := fmt.Sprintf(silenceText, end)
	older := fmt.Sprintf(silenceText, "2026-11-24T11:30:00Z")
	inhibition := event(noon.Add(-3*time.Minute), "inhibitionMutedAlert", "",
		fmt.Sprintf(`{"inhibitRules":[{}], "mutedAlert":{"fingerprint":"%d"}, "inhibitingFingerprints":["%d"]}`, c.Labels.Fingerprint, uint64(0xabc)))
	return &memory{episodes: []*alert.Episode{a, b, c, over}, recorded: []*alert.StoredRecorded{
		silenced(noon.Add(-30*time.Second), current, a), inhibition,
		event(noon.Add(-20*time.Minute), "silenceUpdated", silenceID, `{"silence":`+current+`}`),
		silenced(noon.Add(-50*time.Minute), older, b),
		event(noon.Add(-time.Hour), "silenceCreated", silenceID, `{"silence":`+older+`}`),
	}}
}

const atNoon = "at=2026-11-24T12:00:00Z"

func TestAlertmanagerAPIHasTheRequiredFields(t *testing.T) {
	s := startMemory(t, furnishedUntil(forEver))
	for path, kind := range map[string]string{
		"/api/v2/status":                     "alertmanagerStatus",
		"/api/v2/alerts?":                    "[]gettableAlert",
		"/api/v2/alerts/groups?":             "[]alertGroup",
		"/api/v2/receivers?":                 "[]receiver",
		"/api/v2/silences?":                  "[]gettableSilence",
		"/api/v2/silence/" + silenceID + "?": "gettableSilence",
	} {
		for _, at := range []string{"", atNoon} {
			var v any
			askInto(t, s, strings.TrimSuffix(path+at, "?"), &v)
			if list, ok := v.([]any); ok && len(list) == 0 {
				t.Errorf("%s: an empty list", path+at)
			}
			if wrong := conform(kind, v); wrong != "" {
				t.Errorf("%s: %s", path+at, wrong)
			}
			if path == "/api/v2/status" {
				break
			}
		}
	}
	empty := startMemory(t, &memory{})
	for _, path := range []string{"/api/v2/alerts", "/api/v2/alerts/groups", "/api/v2/receivers", "/api/v2/silences"} {
		if code, body := askAlertmanager(t, empty, path); code != 200 || body != "[]\n" {
			t.Errorf("%s with nothing: %d %q", path, code, body)
		}
	}
}

// The requests of Karma (internal/mapper/v017) and of Grafana's Alertmanager data
// source, and what each reads of the answers.
func TestAlertmanagerAPIForKarmaAndGrafana(t *testing.T) {
	s := startMemory(t, furnishedUntil(forEver))
	for _, path := range []string{
		"/api/v2/alerts/groups?active=true&inhibited=true&silenced=true", // Karma
		"/api/v2/silences",
		"/api/v2/status",
		"/api/v2/alerts/groups?silenced=true&active=true&inhibited=true", // Grafana
		"/api/v2/alerts/groups?filter=severity%3Dcritical&active=true",
		"/api/v2/alerts?active=true&silenced=true&inhibited=true&unprocessed=true",
		"/api/v2/silences?filter=alertname%3DCrash&ruleMetadata=true&accesscontrol=true",
		"/api/v2/silence/" + silenceID,
		"/api/v2/receivers",
	} {
		if code, body := askAlertmanager(t, s, path); code != 200 || !json.Valid([]byte(body)) {
			t.Errorf("%s: %d %.200s", path, code, body)
		}
	}
	var status struct {
		Cluster struct {
			Status string
			Peers  []struct{ Name, Address string }
		}
		Config      struct{ Original string }
		VersionInfo struct{ Version string }
	}
	askInto(t, s, "/api/v2/status", &status)
	// Grafana reads the route out of the configuration, and has no check for none.
	if status.Cluster.Status != "disabled" || status.Cluster.Peers == nil || status.VersionInfo.Version != "1.2.3" ||
		!strings.HasPrefix(status.Config.Original, "# This is stormdrain") || !strings.Contains(status.Config.Original, "\nroute:\n") {
		t.Errorf("%+v", status)
	}
}

type gettable struct {
	Labels, Annotations map[string]string
	Receivers           []struct{ Name string }
	StartsAt, EndsAt, UpdatedAt,
	Fingerprint, GeneratorURL string
	Status struct {
		State                   string
		SilencedBy, InhibitedBy []string
	}
}

func names(alerts []gettable) string {
	all := make([]string, 0, len(alerts))
	for _, a := range alerts {
		all = append(all, a.Labels["alertname"])
	}
	return strings.Join(all, " ")
}

func TestOpenAlerts(t *testing.T) {
	s := startMemory(t, furnished())
	f := func(query, want string) []gettable {
		t.Helper()
		var alerts []gettable
		askInto(t, s, "/api/v2/alerts?"+query, &alerts)
		if got := names(alerts); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
		return alerts
	}
	alerts := f(atNoon, "Crash Disk Posted")
	a, b, c := alerts[0], alerts[1], alerts[2]
	if a.Status.State != "suppressed" || fmt.Sprint(a.Status.SilencedBy) != "["+silenceID+"]" || len(a.Status.InhibitedBy) != 0 {
		t.Errorf("a silenced alert is %+v", a.Status)
	}
	if b.Status.State != "active" || len(b.Receivers) != 1 || b.Receivers[0].Name != "team (b)" {
		t.Errorf("%+v", b)
	}
	if c.Status.State != "suppressed" || fmt.Sprint(c.Status.InhibitedBy) != "[0000000000000abc]" || c.Receivers == nil || len(c.Receivers) != 0 {
		t.Errorf("%+v", c)
	}
	if b.StartsAt != "2026-11-24T10:00:00Z" || b.EndsAt != "2026-11-24T12:05:00Z" || b.UpdatedAt != "2026-11-24T11:59:00Z" ||
		b.Annotations["summary"] != "s" || b.GeneratorURL != "http://p/graph" || len(b.Fingerprint) != 16 {
		t.Errorf("%+v", b)
	}
	f(atNoon+"&active=false", "Crash Posted")
	f(atNoon+"&silenced=false", "Disk Posted")
	f(atNoon+"&inhibited=false", "Crash Disk")
	f(atNoon+"&silenced=false&inhibited=false&unprocessed=false", "Disk")
	f(atNoon+"&receiver=team-.*", "Crash")
	f(atNoon+"&receiver=team", "")
	f(atNoon+"&receiver="+url.QueryEscape(`team \(b\)|other`), "Disk")
	f(atNoon+"&filter=severity!%3D%22%22", "Disk")
	f(atNoon+"&filter=severity%3D%22%22&filter=team%3D~%22a%7Cb%22", "Crash")
	f(atNoon+"&source=", "Crash Disk Posted")
	f(atNoon+"&source=eu1", "")
	// Another moment has other alerts, and is not told what came later.
	early := f("at=2026-11-24T07:30:00Z", "Over")
	if early[0].UpdatedAt != "2026-11-24T07:30:00Z" || early[0].EndsAt != "2026-11-24T07:35:00Z" || early[0].Status.State != "active" {
		t.Errorf("%+v", early)
	}
	// Nobody has said anything for long: what was muted is not known to be any more.
	later := f("at=2026-11-24T12:20:00Z", "Crash Disk Posted")
	if later[0].Status.State+later[2].Status.State != "activeactive" {
		t.Errorf("%+v", later)
	}
	now := f("", "Crash Disk Posted")
	if end, err := time.Parse(time.RFC3339Nano, now[0].EndsAt); err != nil || time.Until(end) < 4*time.Minute || time.Until(end) > 6*time.Minute {
		t.Errorf("endsAt %s", now[0].EndsAt)
	}
}

// A silence ends, and so does what it did. An alert that Alertmanager sends is not
// muted; what Prometheus posts to us says nothing of that.
func TestSuppressionEnds(t *testing.T) {
	m := furnished()
	s := startMemory(t, m)
	state := func(at string) string {
		t.Helper()
		var alerts []gettable
		askInto(t, s, "/api/v2/alerts?filter=alertname%3DCrash&at="+at, &alerts)
		return alerts[0].Status.State
	}
	m.recorded = m.recorded[:1]
	m.recorded[0] = silenced(noon.Add(-30*time.Second), fmt.Sprintf(silenceText, "2026-11-24T12:01:00Z"), m.episodes[0])
	if got := state("2026-11-24T12:00:59Z") + state("2026-11-24T12:01:00Z"); got != "suppressedactive" {
		t.Error(got)
	}
	m.episodes[0].LastReceivedAt = noon.Add(-10 * time.Second).UnixMicro()
	if got := state("2026-11-24T11:59:45Z") + state("2026-11-24T12:00:00Z"); got != "suppressedactive" {
		t.Error(got)
	}
	m.episodes[0].Envelope = &alert.Envelope{}
	if got := state("2026-11-24T12:00:00Z"); got != "suppressed" {
		t.Error(got)
	}
}

func TestOpenGroups(t *testing.T) {
	m := furnished()
	twin := fires(1, 6*time.Hour, "team-a", "alertname", "Twin", "team", "a")
	m.episodes = append(m.episodes, twin)
	s := startMemory(t, m)
	f := func(query string, want ...string) {
		t.Helper()
		var groups []struct {
			Labels   map[string]string
			Receiver struct{ Name string }
			Alerts   []gettable
		}
		askInto(t, s, "/api/v2/alerts/groups?"+query, &groups)
		var got []string
		for _, g := range groups {
			got = append(got, g.Receiver.Name+"/"+g.Labels["team"]+": "+names(g.Alerts))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	f(atNoon, "/: Posted", "team-a/a: Crash Twin", "team (b)/b: Disk")
	f(atNoon+"&silenced=false", "/: Posted", "team-a/a: Twin", "team (b)/b: Disk")
	f(atNoon+"&receiver=team-a", "team-a/a: Crash Twin")
	f(atNoon + "&filter=alertname%3Dx")
	twin.Source = "eu1"
	f(atNoon+"&receiver=team-a", "team-a/a: Crash", "team-a/a: Twin")
}

func TestSilences(t *testing.T) {
	m := furnished()
	s := startMemory(t, m)
	type silence struct {
		ID, StartsAt, EndsAt, UpdatedAt, CreatedBy, Comment string
		Status                                              struct{ State string }
		Matchers                                            []struct {
			Name, Value      string
			IsRegex, IsEqual bool
		}
	}
	f := func(query string, want ...string) (all []silence) {
		t.Helper()
		askInto(t, s, "/api/v2/silences?"+query, &all)
		var got []string
		for _, s := range all {
			got = append(got, s.ID[:2]+" "+s.Status.State+" "+s.EndsAt)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
		return all
	}
	one := f(atNoon, "0e active 2026-11-24T13:00:00Z")[0]
	if got := fmt.Sprint(one.Matchers); got != "[{alertname Crash false true} {namespace pay.* true false}]" || one.CreatedBy != "oncall" ||
		one.Comment != "deploy in progress" || one.StartsAt != "2026-11-24T11:00:00.987643535Z" {
		t.Errorf("%+v", one)
	}
	f("at=2026-11-24T13:00:00Z", "0e expired 2026-11-24T13:00:00Z")
	f("at=2026-11-24T11:00:00.5Z", "0e pending 2026-11-24T11:30:00Z")
	f("at=2026-11-24T11:35:00Z", "0e expired 2026-11-24T11:30:00Z")
	f("at=2026-11-24T10:59:00Z")
	f("at=2026-11-29T13:00:01Z") // Alertmanager forgets it after 120 h
	f(atNoon+"&filter=alertname%3DCrash&creator=oncall", "0e active 2026-11-24T13:00:00Z")
	f(atNoon + "&filter=alertname%3DDisk")
	f(atNoon + "&creator=other")
	for i, text := range []string{
		`{"id":"a1","startsAt":"2026-11-24T11:00:00Z","endsAt":"2026-11-24T12:30:00Z","matcherSets":[{"matchers":[{"type":"TYPE_EQUAL","name":"x","pattern":"y"}]}]}`,
		`{"id":"b1","startsAt":"2026-11-24T13:00:00Z","endsAt":"2026-11-24T14:00:00Z"}`,
		`{"id":"b2","startsAt":"2026-11-24T12:30:00Z","endsAt":"2026-11-24T15:00:00Z"}`,
		`{"id":"c1","startsAt":"2026-11-24T09:00:00Z","endsAt":"2026-11-24T10:00:00Z"}`,
		`{"id":"c2","startsAt":"2026-11-24T09:00:00Z","endsAt":"2026-11-24T11:00:00Z"}`,
	} {
		m.recorded = append(m.recorded, event(noon.Add(-2*time.Hour-time.Duration(i)), "silenceCreated", text[7:9], `{"silence":`+text+`}`))
	}
	all := f(atNoon, "a1 active 2026-11-24T12:30:00Z", "0e active 2026-11-24T13:00:00Z", "b2 pending 2026-11-24T15:00:00Z",
		"b1 pending 2026-11-24T14:00:00Z", "c2 expired 2026-11-24T11:00:00Z", "c1 expired 2026-11-24T10:00:00Z")
	if len(all[0].Matchers) != 1 || all[0].Matchers[0].Name != "x" {
		t.Errorf("%+v", all[0])
	}
	var same silence
	if askInto(t, s, "/api/v2/silence/"+silenceID+"?"+atNoon, &same); fmt.Sprint(same) != fmt.Sprint(one) {
		t.Errorf("%+v, want %+v", same, one)
	}
	if code, body := askAlertmanager(t, s, "/api/v2/silence/none"); code != 404 || !strings.HasPrefix(body, `"no event recorder`) {
		t.Errorf("%d %s", code, body)
	}
}

// An answer that is too long to be held is streamed, compressed or not, and is cut
// off where the store fails.
func TestManyOpenAlerts(t *testing.T) {
	m := &memory{}
	const n = 300
	for i := range n {
		e := fires(n-int64(i), time.Duration(i)*time.Second, "r", "alertname", fmt.Sprint("A", i), "team", fmt.Sprint(i%7))
		e.Details = &alert.Details{Annotations: []alert.Pair{{Name: "text", Value: strings.Repeat("x", 1_000)}}} // 400 kB in all
		m.episodes = append(m.episodes, e)
	}
	s := startMemory(t, m)
	var alerts []gettable
	askInto(t, s, "/api/v2/alerts?"+atNoon, &alerts) // Go's client asks for gzip
	if len(alerts) != n || alerts[n-1].Labels["alertname"] != fmt.Sprint("A", n-1) {
		t.Errorf("%d alerts", len(alerts))
	}
	m.reads = 0
	var groups []struct {
		Labels map[string]string
		Alerts []gettable
	}
	askInto(t, s, "/api/v2/alerts/groups?"+atNoon, &groups)
	seen := make(map[string]bool)
	for i, g := range groups {
		for _, a := range g.Alerts {
			seen[a.Fingerprint] = true
			if a.Labels["team"] != fmt.Sprint(i) || g.Labels["team"] != fmt.Sprint(i) {
				t.Fatalf("%v in group %v", a.Labels, g.Labels)
			}
		}
	}
	if len(groups) != 7 || len(seen) != n || m.reads < 3 || m.reads > 5 {
		t.Errorf("%d groups with %d alerts, read %d times", len(groups), len(seen), m.reads)
	}
	// A single group that is too large is written as it is read.
	for _, e := range m.episodes {
		e.Envelope = &alert.Envelope{GroupKey: "one"}
	}
	m.reads = 0
	askInto(t, s, "/api/v2/alerts/groups?"+atNoon, &groups)
	if len(groups) != 1 || len(groups[0].Alerts) != n || m.reads != 2 {
		t.Errorf("%d groups, read %d times", len(groups), m.reads)
	}
	got := raw(t, s, "HEAD /api/v2/alerts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if got.code != 200 || got.body != "" {
		t.Errorf("HEAD: %d %.100q", got.code, got.body)
	}
}

func TestUnreadableEpisodes(t *testing.T) {
	s := startMemory(t, &memory{fail: errors.New("connection refused")})
	for _, path := range []string{"/api/v2/alerts", "/api/v2/alerts/groups", "/api/v2/receivers"} {
		if code, body := askAlertmanager(t, s, path); code != 503 || !strings.HasPrefix(body, `"the store cannot be read: connection refused`) || !json.Valid([]byte(body)) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
}

func TestAlertmanagerAPIRefuses(t *testing.T) {
	s := startMemory(t, furnished())
	f := func(path, part string) {
		t.Helper()
		code, body := askAlertmanager(t, s, path)
		var line string
		if err := json.Unmarshal([]byte(body), &line); err != nil || code != 400 || !strings.Contains(line, part) || strings.Contains(line, "\n") {
			t.Errorf("%s: %d %q, want %q", path, code, body, part)
		}
	}
	f("/api/v2/alerts?filter=no+matcher", "severity")
	f("/api/v2/alerts?receiver=(", "regular expression")
	f("/api/v2/alerts?active=2", "true or false")
	f("/api/v2/alerts?at=yesterday", "RFC 3339")
	f("/api/v2/alerts?source=%ff", "UTF-8")
	f("/api/v2/alerts/groups?filter=%7Ba", "severity")
	f("/api/v2/silences?filter=%7Ba", "severity")
	g := func(method, path, allow, part string) {
		t.Helper()
		got := raw(t, s, method+" "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
		var said struct {
			Code    int
			Message string
		}
		if err := json.Unmarshal([]byte(got.body), &said); err != nil || got.code != 405 || said.Code != 405 || !strings.Contains(said.Message, part) ||
			got.header.Get("Allow") != allow || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %d %q %v", method, path, got.code, got.body, got.header)
		}
	}
	g("POST", "/api/v2/silences", "GET, HEAD", "expire silences there")
	g("DELETE", "/api/v2/silence/"+silenceID, "GET, HEAD", "expire silences there")
	g("PUT", "/api/v2/alerts", "GET, HEAD, POST", "takes alerts with POST")
	g("POST", "/api/v2/status", "GET, HEAD", "read with GET")
	if got := sample(t, s, `stormdrain_http_requests_total{code="405",handler="misdirected"}`); got != "2" {
		t.Errorf("%s requests were taken for alerts that went astray, want 2: a silence is none", got)
	}
	g("DELETE", "/api/v2/silence/", "GET, HEAD", "expire silences there")
	checkLine(t, raw(t, s, "GET /api/v2/silence/ HTTP/1.1\r\nHost: x\r\n\r\n"), 404, "no such page")
	checkLine(t, raw(t, s, "GET /api/v2/none HTTP/1.1\r\nHost: x\r\n\r\n"), 404, "no such page")
}
