package command

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"stormdrain/internal/config"
)

// TestMain fails the package when it leaves a goroutine behind.
func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	for range 1000 { // those of closed connections end on their own
		if runtime.NumGoroutine() <= before {
			os.Exit(code)
		}
		time.Sleep(time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	println("goroutines left behind:\n" + string(stacks[:runtime.Stack(stacks, true)]))
	os.Exit(1)
}

// fake is a stormdrain in memory, which lies when it is told to. The fields but
// the last are set before it is asked anything.
type fake struct {
	*httptest.Server

	// store returns what is stored instead of an alert; nil: the alert itself.
	// number counts the requests of the run, from 0.
	store func(number, index int, alert object) []object
	// answer returns the status of an answer; nil: 200.
	answer func(number int, r *http.Request) int
	// visible says whether what is stored can be read yet; nil: always.
	visible func(reads int) bool
	token   string

	mu     sync.Mutex
	events []object
	posts  int
	reads  int
}

type object map[string]any

func newFake(t *testing.T, change func(*fake)) *fake {
	t.Helper()
	f := &fake{}
	if change != nil {
		change(f)
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.token != "" && r.Header.Get("Authorization") != "Bearer "+f.token {
		http.Error(w, "no token", http.StatusUnauthorized)
		return
	}
	source, isPost := strings.CutPrefix(r.URL.Path, "/webhook/")
	switch {
	case isPost && r.Method == http.MethodPost:
		f.post(w, r, source)
	case r.URL.Path == "/api/v1/events":
		f.read(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (f *fake) post(w http.ResponseWriter, r *http.Request, source string) {
	var body object
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	number := f.posts
	marker := strings.HasSuffix(body["receiver"].(string), "end")
	if !marker {
		f.posts++
	}
	for index, element := range body["alerts"].([]any) {
		e := object(element.(map[string]any))
		if strings.HasPrefix(e["endsAt"].(string), "0001") {
			e["endsAt"] = nil
		}
		for _, name := range []string{"receiver", "groupKey", "groupLabels", "externalURL", "truncatedAlerts"} {
			e[name] = body[name]
		}
		e["id"], e["source"], e["requestId"], e["extra"] = fmt.Sprint(len(f.events)), source, r.Header.Get("X-Request-ID"), object{}
		e["deliveryExtra"] = object{"notification_reason": body["notification_reason"]}
		if f.store == nil || marker {
			f.events = append(f.events, e)
		} else {
			f.events = append(f.events, f.store(number, index, e)...)
		}
	}
	if f.answer != nil && !marker {
		w.WriteHeader(f.answer(number, r))
	}
}

func (f *fake) read(w http.ResponseWriter, r *http.Request) {
	f.reads++
	q, events := r.URL.Query(), []object{}
	for _, e := range f.events {
		if (f.visible == nil || f.visible(f.reads)) && (!q.Has("receiver") || q.Get("receiver") == e["receiver"] && q.Get("source") == e["source"]) {
			events = append(events, e)
		}
	}
	if q.Get("format") != "ndjson" {
		json.NewEncoder(w).Encode(object{"events": events, "next": nil})
		return
	}
	for _, e := range events {
		json.NewEncoder(w).Encode(e)
	}
}

// settings are those of a short run that verifies and prints JSON.
func (f *fake) settings() config.Bench {
	return config.Bench{
		Target: f.URL, Source: "test", Rate: 1000, Duration: 40 * time.Millisecond, Alerts: 12, Connections: 3, Distinct: 1000,
		Timeout: time.Minute, Step: 50 * time.Millisecond, MaxP99: time.Minute, Verify: true, VerifyWait: time.Minute, Format: "json",
	}
}

// bench runs the command and returns its report, and its error as text.
func bench(t *testing.T, cfg config.Bench) (Report, string) {
	t.Helper()
	var out strings.Builder
	c, err := newCommand(&cfg, &out)
	if err == nil {
		c.pause = time.Millisecond
		err = c.run(t.Context())
	}
	var r Report
	if out.Len() > 0 {
		if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
			t.Fatalf("%v in %s", err, out.String())
		}
	}
	if err == nil {
		return r, ""
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("not one line: %v", err)
	}
	return r, err.Error()
}
