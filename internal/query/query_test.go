package query

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"stormdrain/internal/config"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// output is what a terminal would get; the server may look at it meanwhile.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	grew chan struct{} // one message: text has grown
}

func newOutput() *output { return &output{grew: make(chan struct{}, 1)} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.grew <- struct{}{}:
	default:
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// wait waits until text is in the output.
func (o *output) wait(ctx context.Context, text string) {
	for !strings.Contains(o.String(), text) {
		select {
		case <-o.grew:
		case <-ctx.Done():
			return
		}
	}
}

// question is a run of the command line on one server.
type question struct {
	run            *run
	stdout, stderr *output
}

func prepare(t *testing.T, url string, args ...string) *question {
	t.Helper()
	var complaint bytes.Buffer
	cfg, command, _ := config.Parse(append([]string{"query", "--url=" + url, "--utc"}, args...), nil, io.Discard, &complaint)
	if command != config.CommandQuery {
		t.Fatalf("%q: %s", args, complaint.String())
	}
	q := &question{stdout: newOutput(), stderr: newOutput()}
	r, err := open(&cfg.Query, q.stdout, q.stderr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.client.close)
	r.now, r.pause = now, time.Millisecond
	q.run = r
	return q
}

func ask(t *testing.T, h http.HandlerFunc, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	q := prepare(t, server.URL, args...)
	err = q.run.run(t.Context())
	return q.stdout.String(), q.stderr.String(), err
}

// answer is a server that gives these lines to everybody.
func answer(lines ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, line := range lines {
			fmt.Fprintln(w, line)
		}
	}
}

func episode(change map[string]any) string {
	e := map[string]any{
		"id": "1", "source": "", "fingerprint": "00000000000000ab", "status": "firing", "open": true,
		"startsAt": "2026-11-24T03:12:00Z", "endsAt": nil, "supersededAt": nil, "receipts": 12, "resolvedOnly": false,
		"receivers": []string{"a", "b"}, "annotations": map[string]string{"summary": "a node is down"},
		"labels": map[string]string{"alertname": "NodeDown", "severity": "critical", "instance": "db-1:9100", "team": "db"},
	}
	for key, value := range change {
		e[key] = value
	}
	b, _ := json.Marshal(e)
	return string(b)
}

func TestEpisodesAsATable(t *testing.T) {
	t.Parallel()
	server := answer(
		episode(nil),
		episode(map[string]any{"status": "resolved", "endsAt": "2026-11-24T03:13:30.5Z", "labels": map[string]string{"alertname": "Disk", "note": "a b=\"c\""}}),
		episode(map[string]any{"supersededAt": "2026-11-24T05:12:00Z", "startsAt": "2025-12-31T23:00:00Z", "labels": map[string]string{}}),
		episode(map[string]any{"status": "resolved", "endsAt": "2026-11-24T03:13:00Z", "resolvedOnly": true, "labels": map[string]string{"alertname": "Late"}}),
	)
	stdout, stderr, err := ask(t, server)
	want := `STARTED              STATUS     LASTED  SEVERITY  ALERT     LABELS
Nov 24 03:12:00      firing      8h48m  critical  NodeDown  instance=db-1:9100 team=db
Nov 24 03:12:00      resolved    1m30s            Disk      note="a b=\"c\""
2025-12-31 23:00:00  unknown   <327d6h
Nov 24 03:12:00      resolved        ?            Late
`
	if stdout != want || stderr != "" || err != nil {
		t.Errorf("%s%s%v", stdout, stderr, err)
	}
	stdout, _, _ = ask(t, server, "-o", "wide")
	for _, want := range []string{"SUMMARY", "a node is down", "RECEIPTS", "12", "a,b", "00000000000000ab", "2026-11-24 03:12:00"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("wide has no %q:\n%s", want, stdout)
		}
	}
	if stdout, stderr, err := ask(t, answer()); stdout != "" || stderr != "stormdrain: nothing found\n" || err != nil {
		t.Errorf("nothing: %q %q %v", stdout, stderr, err)
	}
}

func TestTableSaysThatThereIsMore(t *testing.T) {
	t.Parallel()
	stdout, stderr, err := ask(t, answer(episode(nil), episode(nil), episode(nil)), "--limit=2")
	if err != nil || strings.Count(stdout, "\n") != 3 || !strings.Contains(stderr, "latest 2; --limit 0 shows all") {
		t.Errorf("%s%s%v", stdout, stderr, err)
	}
}

func TestStatsAsATable(t *testing.T) {
	t.Parallel()
	stdout, _, err := ask(t, answer(`{"by":"team","from":"2026-11-23T12:00:00Z","to":"2026-11-24T12:00:00Z","stats":[
		{"value":"db","receipts":940,"episodes":31,"alerts":12,"flaps":19,"open":2,"unresolved":1,"meanSecondsToResolve":312.5,"p95SecondsToResolve":90000},
		{"value":"","receipts":1,"episodes":1,"alerts":1,"flaps":0,"open":1,"unresolved":0,"meanSecondsToResolve":null,"p95SecondsToResolve":null}],
		"total":{"receipts":941,"episodes":32,"alerts":13,"flaps":19,"open":3,"unresolved":1,"meanSecondsToResolve":312.5,"p95SecondsToResolve":900}}`),
		"stats", "--by=team")
	want := `TEAM     EPISODES  ALERTS  FLAPS  OPEN  UNRESOLVED   MEAN    P95  RECEIPTS
db             31      12     19     2           1  5m12s   1d1h       940
                1       1      0     1           0      -      -         1
(total)        32      13     19     3           1  5m12s  15m0s       941
`
	if stdout != want || err != nil {
		t.Errorf("%s%v", stdout, err)
	}
}

func TestEventsForMachines(t *testing.T) {
	t.Parallel()
	server := func(w http.ResponseWriter, r *http.Request) {
		format := r.FormValue("format")
		if r.FormValue("limit") != "" {
			t.Errorf("a limit of %s", r.FormValue("limit"))
		}
		fmt.Fprintf(w, "{\"%s\":1}\n{\"id\":\"2\"}\n", format)
	}
	f := func(want string, args ...string) {
		t.Helper()
		stdout, stderr, err := ask(t, server, append([]string{"events"}, args...)...)
		if stdout != want || stderr != "" || err != nil {
			t.Errorf("%q: %q %q %v", args, stdout, stderr, err)
		}
	}
	f("{\"ndjson\":1}\n{\"id\":\"2\"}\n", "-o", "ndjson")
	f("{\"csv\":1}\n{\"id\":\"2\"}\n", "-o", "csv")
	f("{\"events\":[\n{\"ndjson\":1},\n{\"id\":\"2\"}\n]}\n", "-o", "json")
	stdout, _, err := ask(t, answer(), "-o", "json")
	if !json.Valid([]byte(stdout)) || !strings.HasPrefix(stdout, `{"episodes":[`) || err != nil {
		t.Errorf("%q %v", stdout, err)
	}
}

// A row is shown when it has come, however much is still to come.
func TestRowsAreShownAsTheyCome(t *testing.T) {
	t.Parallel()
	q := new(question)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i := range 3 {
			fmt.Fprintf(w, "{\"id\":\"%d\",\"long\":\"%s\"}\n", i, strings.Repeat("x", 200<<10))
			w.(http.Flusher).Flush()
			q.stdout.wait(r.Context(), fmt.Sprintf("{\"id\":\"%d\"", i))
		}
	}))
	defer server.Close()
	*q = *prepare(t, server.URL, "-o", "ndjson")
	if err := q.run.run(t.Context()); err != nil || strings.Count(q.stdout.String(), "\n") != 3 {
		t.Errorf("%d bytes, %v", len(q.stdout.String()), err)
	}
}

func TestHalfAnAnswerIsAnError(t *testing.T) {
	t.Parallel()
	server := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, episode(nil))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	for _, output := range []string{"table", "json", "ndjson", "csv"} {
		stdout, _, err := ask(t, server, "-o", output)
		if err == nil || !strings.Contains(err.Error(), "broke the answer off after") {
			t.Errorf("%s: %v", output, err)
		}
		if output == "json" && json.Valid([]byte(stdout)) {
			t.Errorf("half an answer passes for a whole: %s", stdout)
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	f := func(code int, body, want string) {
		t.Helper()
		_, _, err := ask(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://elsewhere.example/")
			w.WriteHeader(code)
			io.WriteString(w, body)
		})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%d: %v", code, err)
		}
	}
	f(400, "parameter \"from\"=\"x\": want RFC 3339\n", `parameter "from"="x": want RFC 3339`)
	f(401, "missing credentials\n", "--bearer-token-file")
	f(404, "no such page\n", "--url says where to ask")
	f(503, "the store cannot be read: down; try again\n", "answers 503 Service Unavailable: the store cannot be read")
	f(302, "", "answers 302 Found")
	f(200, "<html>\n", "cannot be understood")
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, args := range [][]string{nil, {"--follow"}, {"stats"}, {"-o", "csv"}} {
		err := prepare(t, gone.URL, args...).run.run(t.Context())
		if err == nil || !strings.Contains(err.Error(), gone.URL+" cannot be reached") || !strings.Contains(err.Error(), "--url") {
			t.Errorf("%q: %v", args, err)
		}
	}
	if _, _, err := ask(t, answer(), "severity=~("); err == nil || !strings.Contains(err.Error(), "severity") {
		t.Errorf("a bad matcher: %v", err)
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var seen http.Header
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen = r.Header }))
	defer server.Close()
	server.Config.ErrorLog = nil
	ca := file("ca", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	f := func(name, want string, args ...string) {
		t.Helper()
		if err := prepare(t, server.URL, args...).run.run(t.Context()); err != nil || seen.Get(name) != want {
			t.Errorf("%q: %s is %q, %v", args, name, seen.Get(name), err)
		}
	}
	f("Authorization", "Bearer token", "--insecure", "--bearer-token-file="+file("token", "token\nother\n"))
	f("Authorization", "Basic dXNlcjpwYXNz", "--ca-file="+ca, "--user=user", "--password-file="+file("password", "pass\n"))
	f("X-Scope-Orgid", "a:b", "--ca-file="+ca, "--header=X-Scope-OrgID: a:b", "--header=@"+file("headers", "\nX-Other: c\n"))
	f("X-Other", "c", "--ca-file="+ca, "--header=@"+file("headers", "\nX-Other: c\n"))
}

func TestParametersOfARequest(t *testing.T) {
	t.Parallel()
	f := func(want string, args ...string) {
		t.Helper()
		var got string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = r.URL.Path + "?" + r.URL.Query().Encode()
			if strings.Contains(got, "stats") {
				io.WriteString(w, "{}")
			}
		}))
		defer server.Close()
		if err := prepare(t, server.URL+"/front/-/ready", args...).run.run(t.Context()); err != nil {
			t.Errorf("%q: %v", args, err)
		}
		if want = "/front/api/v1/" + want; got != want {
			t.Errorf("%q asks\n%s, want\n%s", args, got, want)
		}
	}
	f("episodes?format=ndjson&limit=101")
	f("episodes?filter=severity%3Dcritical&format=ndjson&from=2h&limit=101", "severity=critical", "--from", "2h")
	f("episodes?at=2026-11-24T03%3A12%3A00Z&format=ndjson&limit=101", "episodes", "--at", "03:12")
	f("episodes?filter=alertname%3D%22Node+Down%22&filter=a%21%3Db&format=ndjson&open=true", "Node Down", "a!=b", "--open", "--limit=0")
	f("events?fingerprint=ab&format=csv&limit=5&receiver=&source=eu&status=firing&to=1700000000",
		"events", "--fingerprint=ab", "--limit=5", "--receiver=", "--source=eu", "--status=firing", "--to=1700000000", "-o", "csv")
	f("episodes?format=ndjson&from=2026-11-24T11%3A30%3A00Z&limit=101&to=2026-11-24T12%3A30%3A00Z", "--from=11:30", "--to=12:30")
	f("episodes?format=ndjson&from=2026-11-23T23%3A00%3A00Z&limit=101&to=2026-11-24T01%3A00%3A00Z", "--from=23:00", "--to=1:00")
	f("stats?by=team&from=7d&limit=100&sort=p95", "stats", "--by=team", "--sort=p95", "--from=7d")
	f("stats?by=alertname&format=json", "stats", "-o", "json")
}

func TestMoment(t *testing.T) {
	t.Parallel()
	berlin := time.FixedZone("", 3600)
	f := func(word, want string) {
		t.Helper()
		if got := moment(word, now, berlin); got != want {
			t.Errorf("%s is %s, want %s", word, got, want)
		}
	}
	f("03:12", "2026-11-24T03:12:00+01:00")
	f("3:12", "2026-11-24T03:12:00+01:00")
	f("13:00", "2026-11-24T13:00:00+01:00") // now
	f("13:00:01", "2026-11-23T13:00:01+01:00")
	f("2026-11-01", "2026-11-01T00:00:00+01:00")
	f("2026-11-01 10:00", "2026-11-01T10:00:00+01:00")
	f("2026-11-01T10:00:05", "2026-11-01T10:00:05+01:00")
	for _, word := range []string{"2h", "1700000000", "2026-11-01T10:00:05Z", "25:00", "nonsense"} {
		f(word, word)
	}
}
