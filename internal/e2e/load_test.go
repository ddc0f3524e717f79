package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// loadStart is when the alert of delivery 0 began. Each alert of each delivery
// begins at a microsecond of its own, so that even the narrowest column tells
// one event from every other.
var loadStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// loadAlerts is how many alerts a delivery has: 70 % one, 25 % ten, 5 % a hundred.
func loadAlerts(n int) int {
	switch {
	case n%20 == 0:
		return 100
	case n%4 == 1:
		return 10
	}
	return 1
}

// loadEvents is delivery n, a function of its number alone: what was sent need
// not be remembered. The first alert and every third one have a label set that
// never came before; the others have one of fifty.
func loadEvents(n int) []*event {
	events := make([]*event, loadAlerts(n))
	for i := range events {
		labels := map[string]string{"alertname": "Load", "severity": "warning", "instance": "10.0.0." + strconv.Itoa((n+i)%50)}
		if i%3 == 0 {
			labels["delivery"] = strconv.Itoa(n) + "/" + strconv.Itoa(i)
		}
		start := loadStart.Add(time.Duration(n)*time.Millisecond + time.Duration(i)*time.Microsecond + time.Duration(n%1000))
		e := &event{
			Source: "load", Receiver: "load " + strconv.Itoa(n%7), Status: "firing", RequestID: "load-" + strconv.Itoa(n),
			Fingerprint: fingerprint(labels), StartsAt: start.Format(time.RFC3339Nano), Labels: labels,
			Annotations:  map[string]string{"i": strconv.Itoa(i), "summary": "a load of \"alerts\" <" + strconv.Itoa(n%11) + ">"},
			GeneratorURL: "http://prometheus.example/graph?g0.expr=load", GroupKey: "{}:{group=\"" + strconv.Itoa(n%13) + "\"}",
			GroupLabels: map[string]string{"group": strconv.Itoa(n % 13)}, ExternalURL: "http://alertmanager.example",
			DeliveryExtra: map[string]any{"notification_reason": "first notification"},
		}
		if i%2 == 1 {
			end := start.Add(time.Hour).Format(time.RFC3339Nano)
			e.Status, e.EndsAt = "resolved", &end
		}
		events[i] = e
	}
	return events
}

// loadBody is delivery n as Alertmanager would spell it.
func loadBody(n int) []byte {
	var b bytes.Buffer
	events := loadEvents(n)
	for i, e := range events {
		end := "0001-01-01T00:00:00Z"
		if e.EndsAt != nil {
			end = *e.EndsAt
		}
		sep := ","
		if i == 0 {
			fmt.Fprintf(&b, `{"receiver":%q,"status":"firing","alerts":[`, e.Receiver)
			sep = ""
		}
		fmt.Fprintf(&b, `%s{"status":%q,"labels":%s,"annotations":%s,"startsAt":%q,"endsAt":%q,"generatorURL":%q,"fingerprint":%q}`,
			sep, e.Status, mustJSON(e.Labels), mustJSON(e.Annotations), e.StartsAt, end, e.GeneratorURL, e.Fingerprint)
	}
	first := events[0]
	fmt.Fprintf(&b, `],"notification_reason":"first notification","groupLabels":%s,"commonLabels":{},"commonAnnotations":{},"externalURL":%q,"version":"4","groupKey":%q,"truncatedAlerts":0}`+"\n",
		mustJSON(first.GroupLabels), first.ExternalURL, first.GroupKey)
	return b.Bytes()
}

// load posts numbered deliveries over many connections, each number once: one
// that got no answer is in doubt and is never sent again.
type load struct {
	t       testing.TB
	url     string
	client  *http.Client
	tickets chan int       // numbers to be sent
	stopped chan struct{}  // closed by stop
	done    sync.WaitGroup // the pacer and the senders
	once    sync.Once

	mu       sync.Mutex
	sent     int // deliveries 0 to sent-1 have been tried
	acked    []int
	refused  map[string]int // answers other than 200, and how often
	inDoubt  int            // no answer
	progress chan struct{}  // closed and renewed with every acknowledgement
}

// startLoad sends perSecond deliveries a second, or as many as are taken.
func startLoad(p *program, connections, perSecond int) *load {
	transport := &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}
	l := &load{
		t: p.t, url: p.url() + "/webhook/load", client: &http.Client{Transport: transport, Timeout: 20 * time.Second},
		tickets: make(chan int), stopped: make(chan struct{}),
		refused: make(map[string]int), progress: make(chan struct{}),
	}
	l.done.Go(func() { l.pace(perSecond) })
	for range connections {
		l.done.Go(l.sendAll)
	}
	p.t.Cleanup(func() {
		l.stop()
		transport.CloseIdleConnections()
	})
	return l
}

// stop waits for the answers that are still to come.
func (l *load) stop() {
	l.once.Do(func() { close(l.stopped) })
	l.done.Wait()
}

func (l *load) pace(perSecond int) {
	const step = 5 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	defer close(l.tickets)
	for n := 0; ; {
		select {
		case <-l.stopped:
			return
		case <-tick.C:
		}
		for range perSecond * int(step) / int(time.Second) {
			select {
			case l.tickets <- n:
				n++
			case <-l.stopped:
				return
			}
		}
	}
}

func (l *load) sendAll() {
	for n := range l.tickets {
		answer, err := l.send(n)
		l.mu.Lock()
		l.sent = max(l.sent, n+1)
		switch {
		case err != nil:
			l.inDoubt++
		case answer != "":
			l.refused[answer]++
		default:
			l.acked = append(l.acked, n)
			close(l.progress)
			l.progress = make(chan struct{})
		}
		l.mu.Unlock()
	}
}

// send returns "" for 200, another answer as it was, or an error for none.
func (l *load) send(n int) (string, error) {
	req, err := http.NewRequest(http.MethodPost, l.url, bytes.NewReader(loadBody(n)))
	if err != nil {
		return "", err
	}
	req.Header.Set("X-Request-ID", "load-"+strconv.Itoa(n))
	resp, err := l.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if resp.StatusCode == http.StatusOK {
		return "", nil // the status is the promise, whatever became of the body
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, strings.TrimSpace(string(text))), err
}

// waitAcked waits until more deliveries have been acknowledged since the call.
func (l *load) waitAcked(more int, limit time.Duration) {
	l.t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for goal := -1; ; {
		l.mu.Lock()
		have, progress := len(l.acked), l.progress
		l.mu.Unlock()
		if goal < 0 {
			goal = have + more
		}
		if have >= goal {
			return
		}
		select {
		case <-progress:
		case <-timer.C:
			l.t.Fatalf("%d deliveries acknowledged in %v, want %d more; %s", have-goal+more, limit, more, l)
		}
	}
}

func (l *load) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("%d deliveries sent, %d acknowledged, %d in doubt, other answers %v", l.sent, len(l.acked), l.inDoubt, l.refused)
}

// mustTakeAll fails the test for every delivery that was not answered with 200.
func (l *load) mustTakeAll() {
	l.t.Helper()
	if len(l.refused) > 0 || l.inDoubt > 0 {
		l.t.Errorf("not every delivery was answered with 200: %s", l)
	}
}
