package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// nastyBody is a body that is JSON of the right kind, and hard on somebody.
type nastyBody struct {
	name       string
	body       string
	unstorable []int // the elements that must be in quarantine
}

// nastyAlert is one alert that ended, without a fingerprint of its own.
func nastyAlert(labels, annotations, startsAt, endsAt string) string {
	return fmt.Sprintf(`{"status":"resolved","labels":%s,"annotations":%s,"startsAt":%q,"endsAt":%q,"generatorURL":"","fingerprint":""}`,
		labels, annotations, startsAt, endsAt)
}

func nastyMessage(alerts ...string) string {
	return `{"receiver":"nasty","status":"firing","alerts":[` + strings.Join(alerts, ",") +
		`],"groupLabels":{},"commonLabels":{},"commonAnnotations":{},"externalURL":"","version":"4","groupKey":"{}:{}","truncatedAlerts":0}`
}

func nastyBodies() []nastyBody {
	const start, end = "2026-11-23T07:51:58.123456789Z", "2026-11-23T08:00:00.000000001Z"
	good := nastyAlert(`{"alertname":"Good"}`, `{"summary":"neighbour"}`, start, end)
	with := func(labels, annotations string) string {
		return nastyMessage(nastyAlert(labels, annotations, start, end), good)
	}
	at := func(startsAt, endsAt string) string {
		return nastyMessage(good, nastyAlert(`{"alertname":"Times"}`, `{}`, startsAt, endsAt), good)
	}
	many := make([]string, 10_000)
	for i := range many {
		many[i] = nastyAlert(fmt.Sprintf(`{"alertname":"Many","i":"%d"}`, i), `{}`, start, end)
	}
	return []nastyBody{
		{name: "NUL and its escape", body: with(`{"alertname":"a\u0000b","nul\u0000name":"\u001a","x":"\u001a0"}`, `{"\u0000":"\u0000\u0000","y":"1\u001a1"}`)},
		{name: "NUL in the envelope", body: `{"receiver":"r\u0000","alerts":[` + good + `],"groupKey":"\u0000","groupLabels":{"g":"\u0000"},"externalURL":"\u0000","odd":"\u0000"}`},
		{name: "lone surrogates", body: with(`{"alertname":"\ud800","b":"x\udc00y","c":"\ud83d\ude00"}`, `{"d":"\udbff\ud800"}`)},
		{name: "invalid UTF-8", body: with("{\"alertname\":\"\xff\",\"b\":\"\xe2\x82\",\"c\":\"\xc0\xaf\"}", "{\"d\":\"ok \xf0\x9f\x98\"}")},
		{name: "controls and separators", body: with(`{"alertname":"\b\f\n\r\t\u007f\u2028\u2029","b":"</script>"}`, `{"c":"\"\\\/"}`)},
		{name: "label of 9 kB", body: with(`{"alertname":"`+strings.Repeat("v", 9_000)+`","`+strings.Repeat("n", 9_000)+`":"x"}`, `{}`)},
		{name: "random label of 9 kB", body: with(`{"alertname":"Long","v":"`+incompressible(9_000)+`"}`, `{}`)},
		{name: "group key of 9 kB", body: `{"receiver":"` + incompressible(9_000) + `","alerts":[` + good + `],"groupKey":"` + incompressible(9_001) + `","externalURL":"` + incompressible(9_002) + `"}`},
		{name: "annotation of 1 MB", body: with(`{"alertname":"Long"}`, `{"a":"`+strings.Repeat("ä", 500_000)+`"}`)},
		{name: "no labels", body: with(`{}`, `{}`)},
		{name: "empty names and values", body: with(`{"":"","a":""}`, `{"":""}`)},
		{name: "duplicate keys", body: with(`{"alertname":"first","alertname":"second"}`, `{"a":"1","a":"2"}`)},
		{name: "white space", body: " \n" + indented(with(`{"alertname":"a"}`, `{"b":"c"}`)) + "\n\n"},
		{name: "unknown fields", body: `{"alerts":[{"labels":{"alertname":"x"},"startsAt":"` + start + `","status":"firing","n":12345678901234567890,"deep":{"a":[1,{"b":null}]},"t":"<\u0000>"}],"version":"99","list":[true,false,null,"x"]}`},
		{name: "no time zone but an offset", body: at("2026-11-23T13:21:58.5+05:30", "2026-11-22T23:51:58-08:00")},
		{name: "year 1", body: at("0001-06-01T00:00:00Z", "0001-06-01T00:00:00.000000001Z")},
		{name: "before 1970", body: at("1600-02-29T23:59:59.999999999Z", "1969-12-31T23:59:59.999999999Z")},
		{name: "year 9999", body: at("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z")},
		{name: "year 10000", body: at("10000-01-01T00:00:00Z", end), unstorable: []int{1}},
		{name: "no time", body: at("yesterday", end), unstorable: []int{1}},
		{name: "number as label", body: nastyMessage(good, nastyAlert(`{"alertname":"marker-number","n":7}`, `{}`, start, end), good), unstorable: []int{1}},
		{name: "array as alert", body: nastyMessage(`["marker-array"]`, good, `null`, `"marker-string"`, good), unstorable: []int{0, 2, 3}},
		{name: "labels of the wrong type", body: nastyMessage(nastyAlert(`["marker-labels"]`, `{}`, start, end), good), unstorable: []int{0}},
		{name: "10 000 alerts", body: nastyMessage(many...)},
		{name: "no alert at all", body: nastyMessage()},
	}
}

func indented(body string) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(body), "\r", " \t"); err != nil {
		panic(err)
	}
	return b.String()
}

// incompressible returns n hex digits that no database will squeeze under the
// size of a btree key.
func incompressible(n int) string {
	var b strings.Builder
	for x := uint64(n); b.Len() < n; {
		x = x*6364136223846793005 + 1442695040888963407
		fmt.Fprintf(&b, "%08x", uint32(x>>32))
	}
	return b.String()[:n]
}

// refusedBodies are answered with 400 and kept.
var refusedBodies = map[string]string{
	"marker-empty-object":  `{"marker-empty-object":1}`,
	"marker-null-alerts":   `{"receiver":"marker-null-alerts","alerts":null}`,
	"marker-object-alerts": `{"receiver":"marker-object-alerts","alerts":{}}`,
	"marker-array":         `[{"receiver":"marker-array","alerts":[]}]`,
	"marker-text":          `marker-text`,
	"marker-string":        `"marker-string"`,
	"marker-cut":           `{"receiver":"marker-cut","alerts":[{"status":"firing"`,
	"marker-twice":         `{"receiver":"marker-twice","alerts":[]}{"alerts":[]}`,
}

// TestNastyBodies posts what no sender should send and checks the answer, what
// is stored, and what is in quarantine.
func TestNastyBodies(t *testing.T) {
	forEachStore(t, func(t *testing.T, store *testStore) {
		p := startProgram(t, store.flags...)
		c := p.client()
		refused := postRefused(t, c)
		want, unstorable := make(map[string][]*event), 0
		for _, b := range nastyBodies() {
			id := strings.ReplaceAll(b.name, " ", "-")
			want[id] = reference(t, []byte(b.body), "", id, b.unstorable...)
			unstorable += len(b.unstorable)
			c.deliver("/webhook", id, []byte(b.body), len(want[id])+len(b.unstorable))
		}
		c.waitAtRest()

		events := c.events("")
		stored := byRequest(events)
		for name, events := range want {
			compareDelivery(t, name, events, stored[name])
		}
		compareView(t, store.readView(t, p), events)
		m := c.metrics()
		if got := m["alerts_quarantined_total"]; got != float64(unstorable) {
			t.Errorf("alerts_quarantined_total %v, want %d", got, unstorable)
		}
		if got := m["bodies_quarantined_total"]; got != float64(refused) {
			t.Errorf("bodies_quarantined_total %v, want %d", got, refused)
		}
		kept := readTree(t, filepath.Join(p.dataDir, "quarantine"))
		for _, marker := range []string{"marker-number", "marker-array", "marker-string", "marker-labels", "10000-01-01", "yesterday"} {
			if !strings.Contains(kept, marker) {
				t.Errorf("%q is not in quarantine", marker)
			}
		}
		for marker := range refusedBodies {
			if !strings.Contains(kept, marker) {
				t.Errorf("refused body %q is not in quarantine", marker)
			}
		}
	})
}

// postRefused posts the bodies that can never be stored and returns how many.
func postRefused(t *testing.T, c *client) int {
	t.Helper()
	for marker, body := range refusedBodies {
		got := c.do(http.MethodPost, "/webhook", []byte(body), "X-Request-ID", marker)
		if line := strings.TrimSpace(got.body); got.code != 400 || line == "" || strings.Contains(line, "\n") {
			t.Errorf("%s: %d %q, want 400 and one line", marker, got.code, got.body)
		}
	}
	return len(refusedBodies)
}

// readTree returns what all files below dir hold.
func readTree(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		all.Write(b)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return all.String()
}
