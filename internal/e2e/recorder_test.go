package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// told is one element of /api/v1/timeline.
type told struct {
	ID           string         `json:"id"`
	At           string         `json:"at"`
	ReceivedAt   string         `json:"receivedAt"`
	Source       string         `json:"source"`
	Instance     string         `json:"instance"`
	Kind         string         `json:"kind"`
	Fingerprints []string       `json:"fingerprints"`
	Silence      string         `json:"silence"`
	Event        map[string]any `json:"event"`
}

// timeline reads to the end, page by page, newest first.
func (c *client) timeline(query string) (all []*told) {
	c.t.Helper()
	for cursor := ""; ; {
		got := c.do(http.MethodGet, "/api/v1/timeline?"+query+cursor, nil)
		var page struct {
			Timeline []*told `json:"timeline"`
			Next     *string `json:"next"`
		}
		if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.code != 200 {
			c.t.Fatalf("timeline %s: %d, %v, %.300s", query, got.code, err, got.body)
		}
		all = append(all, page.Timeline...)
		if page.Next == nil {
			return all
		}
		cursor = "&cursor=" + url.QueryEscape(*page.Next)
	}
}

// record posts a body that must be taken, with n events.
func (c *client) record(body []byte, n int, header ...string) {
	c.t.Helper()
	got := c.do(http.MethodPost, "/api/v1/recorder", body, header...)
	if want := fmt.Sprintf(`{"status":"success","events":%d}`, n); got.code != 200 || got.body != want {
		c.t.Errorf("answer %d %q, want 200 %q", got.code, got.body, want)
	}
}

// recorderBodies reads what an Alertmanager 0.34.2 has sent: one event a body, and
// six of the same in one array, where the white space is another.
func recorderBodies(t *testing.T) (bodies [][]byte, events map[string]map[string]any) {
	t.Helper()
	files, err := filepath.Glob(payloadDir + "/recorder/*.json")
	if err != nil || len(files) != 30 {
		t.Fatalf("%d captured bodies, %v; want 30", len(files), err)
	}
	events = make(map[string]map[string]any)
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, body)
		var event map[string]any
		if json.Unmarshal(body, &event) == nil {
			events[event["@timestamp"].(string)] = event
		}
	}
	return bodies, events
}

// TestRecorder posts all of an Alertmanager's short life twice and out of order, as
// its four workers may, and reads it back in order.
func TestRecorder(t *testing.T) {
	forEachStore(t, func(t *testing.T, store *testStore) {
		p := startProgram(t, store.flags...)
		c := p.client()
		bodies, events := recorderBodies(t)
		rnd := random(t)
		twice := slices.Concat(bodies, bodies)
		rnd.Shuffle(len(twice), func(i, j int) { twice[i], twice[j] = twice[j], twice[i] })
		for i, body := range twice {
			n := 1
			if body[0] == '[' {
				n = 6
			}
			switch i % 3 {
			case 0:
				c.record(body, n)
			case 1:
				c.record(gzipped(t, body), n, "Content-Encoding", "gzip")
			case 2:
				c.record(zstandard(t, body), n, "Content-Encoding", "zstd")
			}
		}
		c.waitAtRest()

		all := c.timeline("limit=4")
		if len(all) != len(events) {
			t.Fatalf("%d events in the timeline, want %d", len(all), len(events))
		}
		inOrder := slices.Sorted(maps.Keys(events)) // all of one day, to the nanosecond
		ids := make(map[string]bool)
		for i, r := range all {
			at := inOrder[len(inOrder)-1-i]
			if instant(&r.At) != instant(&at) || r.Instance != "vm" || r.Source != "" || !reflect.DeepEqual(r.Event, events[at]) || ids[r.ID] {
				t.Errorf("event %d is %+v, want that of %s", i, r, at)
			}
			ids[r.ID] = true
		}
		kinds := func(query string, want ...string) {
			t.Helper()
			var got []string
			for _, r := range slices.Backward(c.timeline(query)) {
				got = append(got, r.Kind)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", query, got, want)
			}
		}
		const crashLooping, nodeDown, podDown = "244eaf2c950832a6", "b4683d7b0069a334", "d3462ae49c64b7e4"
		kinds("fingerprint="+crashLooping, "alertCreated", "alertGrouped", "notification", "silenceMutedAlert", "silenceMutedAlert", "silenceMutedAlert",
			"alertGrouped", "notification", "notification", "alertResolved")
		kinds("limit=1&fingerprint="+nodeDown, "alertCreated", "alertGrouped", "notification", "notification", "alertGrouped", "notification", "alertResolved")
		kinds("kind=alertCreated&kind=inhibitionMutedAlert&fingerprint="+podDown, "alertCreated", "inhibitionMutedAlert", "inhibitionMutedAlert",
			"inhibitionMutedAlert", "inhibitionMutedAlert", "inhibitionMutedAlert")
		kinds("kind=silenceCreated&kind=silenceUpdated", "silenceCreated", "silenceUpdated")
		kinds("silence=0e925b1c-7c57-4e86-88b9-1a021de89d8a&to=2026-11-23T08:46:01Z", "silenceCreated", "silenceMutedAlert", "silenceUpdated")
		kinds("from=2026-11-23T08:46:12Z&instance=vm", "alertmanagerShutdownEvent")
		kinds("instance=elsewhere")
		m := c.metrics()
		if m["recorder_events_total"] != 70 || m["recorder_events_quarantined_total"] != 0 || m["alerts_received_total"]+m["alerts_stored_total"] != 0 {
			t.Errorf("recorder_events_total %v, quarantined %v, alerts %v", m["recorder_events_total"], m["recorder_events_quarantined_total"], m["alerts_received_total"])
		}
		if got := c.do(http.MethodPost, "/api/v1/recorder", []byte(`{"marker-recorder":[]}`)); got.code != 400 ||
			!strings.Contains(readTree(t, filepath.Join(p.dataDir, "quarantine")), "marker-recorder") {
			t.Errorf("what is no event: %d %s", got.code, got.body)
		}
	})
}

// recorderLoad sends numbered events as Alertmanager's recorder does: each again
// until it is taken, so that one whose answer was lost comes twice.
type recorderLoad struct {
	url     string
	client  *http.Client
	next    atomic.Int64
	acked   atomic.Int64
	stopped chan struct{}
	done    sync.WaitGroup
}

func startRecorderLoad(p *program, workers int) *recorderLoad {
	transport := &http.Transport{MaxIdleConnsPerHost: workers}
	l := &recorderLoad{
		url: p.url() + "/api/v1/recorder", client: &http.Client{Transport: transport, Timeout: 20 * time.Second}, stopped: make(chan struct{}),
	}
	for range workers {
		l.done.Go(l.send)
	}
	p.t.Cleanup(transport.CloseIdleConnections)
	return l
}

func numberedEvent(n int64) string {
	at := loadStart.Add(time.Duration(n) * 1001)
	return fmt.Sprintf(`{"@timestamp":%q, "instance":"am-%d", "data":{"alertGrouped":{"alert":{"hash":"%d", "details":{"fingerprint":"%d"}}}}}`,
		at.Format(time.RFC3339Nano), n%2, n, n%7)
}

func (l *recorderLoad) send() {
	for {
		select {
		case <-l.stopped:
			return
		default:
		}
		body := numberedEvent(l.next.Add(1) - 1)
		for !l.post(body) {
			back := time.NewTimer(10 * time.Millisecond) // it goes on while the program is away
			<-back.C
		}
		l.acked.Add(1)
	}
}

func (l *recorderLoad) post(body string) bool {
	resp, err := l.client.Post(l.url, "application/json", strings.NewReader(body))
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == 200
}

// TestCrashRecorder kills the program under events of a recorder: each that was
// acknowledged is there, once.
func TestCrashRecorder(t *testing.T) {
	forEachStore(t, func(t *testing.T, store *testStore) {
		p := startProgram(t, append(store.flags, "--journal.segment-bytes=64KiB")...)
		l := startRecorderLoad(p, 8)
		rnd := random(t)
		for range min(rounds(t), 4) {
			l.waitAcked(t, 1+rnd.Int64N(200))
			p.kill9()
			p.start()
		}
		l.waitAcked(t, 50)
		close(l.stopped)
		l.done.Wait()
		c := p.client()
		c.waitAtRest()
		all := c.timeline("limit=10000")
		if int64(len(all)) != l.acked.Load() {
			t.Errorf("%d events in the timeline, %d were acknowledged", len(all), l.acked.Load())
		}
		for i, r := range slices.Backward(all) {
			n := int64(len(all) - 1 - i)
			var want map[string]any
			if err := json.Unmarshal([]byte(numberedEvent(n)), &want); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(r.Event, want) {
				t.Fatalf("event %d is %v, want %v", n, r.Event, want)
			}
		}
		if got := c.timeline("limit=10000&fingerprint=0000000000000003"); len(got) != len(all)/7 && len(got) != len(all)/7+1 {
			t.Errorf("%d events of one fingerprint of seven, of %d in all", len(got), len(all))
		}
	})
}

// waitAcked waits for n more.
func (l *recorderLoad) waitAcked(t *testing.T, n int64) {
	t.Helper()
	target := l.acked.Load() + n
	eventually(t, ackLimit, func() string {
		if got := l.acked.Load(); got < target {
			return fmt.Sprintf("%d events acknowledged, waiting for %d", got, target)
		}
		return ""
	})
}
