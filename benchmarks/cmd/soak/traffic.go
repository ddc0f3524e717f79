package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

const (
	senders     = 16
	sendTimeout = 15 * time.Second // more than webhook.request_timeout
	webhook     = "/webhook/soak"
)

// traffic sends to one server and keeps the account of what it was promised.
type traffic struct {
	base string
	plan *planner

	mu       sync.Mutex
	acked    int64 // alerts
	bad      int64 // of them, to quarantine
	requests map[string]int64
	wrong    map[string]int // answers that should not be, by what they were
}

func newTraffic(address string, p *planner) *traffic {
	return &traffic{base: "http://" + address, plan: p, requests: map[string]int64{}, wrong: map[string]int{}}
}

// warmUp delivers n sets that never come again, and the known ones.
func (t *traffic) warmUp(ctx context.Context, n int) error {
	const each = 500
	client, transport := newClient()
	defer transport.CloseIdleConnections()
	t.deliver(ctx, client, t.plan.warm(0, knownSets))
	for first := 0; first < n && ctx.Err() == nil; first += each {
		t.deliver(ctx, client, t.plan.warm(knownSets+first, min(each, n-first)))
	}
	if wrong := t.failures(); wrong != "" {
		return fmt.Errorf("warm up: %s", wrong)
	}
	return ctx.Err()
}

// run sends at the rate until ctx ends, and returns when every connection is
// closed.
func (t *traffic) run(ctx context.Context, rate int) {
	var done sync.WaitGroup
	tickets := make(chan int)
	for i := range senders {
		done.Go(func() { t.send(i, tickets) })
	}
	done.Go(func() { t.visit(ctx) })
	pace(ctx, rate, tickets)
	close(tickets)
	done.Wait()
}

// pace hands out numbers. It waits for a sender when all are busy: this load is
// to be constant, not to find a limit.
func pace(ctx context.Context, rate int, tickets chan<- int) {
	const step = 10 * time.Millisecond
	every := time.NewTicker(step)
	defer every.Stop()
	begin := time.Now()
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return
		case now := <-every.C:
			for ; n < int(now.Sub(begin).Seconds()*float64(rate)); n++ {
				select {
				case tickets <- n:
				case <-ctx.Done():
					return
				}
			}
		}
	}
}

// send is one sender. Its connections come and go: after some requests it takes
// another one, and the first sender takes one for every request.
func (t *traffic) send(number int, tickets <-chan int) {
	client, transport := newClient()
	defer transport.CloseIdleConnections()
	choice := rand.New(rand.NewPCG(uint64(number), 2))
	left := choice.IntN(200)
	for n := range tickets {
		r := t.plan.request(n)
		// Not the context of the load: what was begun is finished, and answered.
		t.deliver(context.Background(), client, r)
		if r.twice {
			t.deliver(context.Background(), client, r)
		}
		if left--; left <= 0 || number == 0 {
			transport.CloseIdleConnections()
			left = 20 + choice.IntN(200)
		}
	}
}

func newClient() (*http.Client, *http.Transport) {
	transport := &http.Transport{MaxIdleConnsPerHost: 1, DisableCompression: true}
	return &http.Client{Transport: transport, Timeout: sendTimeout}, transport
}

func (t *traffic) deliver(ctx context.Context, client *http.Client, r *request) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.base+webhook, bytes.NewReader(r.body))
	if err != nil {
		panic("BUG: " + err.Error())
	}
	req.Header.Set("Content-Type", "application/json")
	code, said := exchange(client, req)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests[fmt.Sprintf("POST webhook: %d", code)]++
	if code == http.StatusOK {
		t.acked += r.alerts
		t.bad += r.bad
	}
	if code != r.code {
		t.wrong[fmt.Sprintf("webhook: %d %.120s, want %d", code, said, r.code)]++
	}
}

// exchange returns 0 and the error when there was no answer.
func exchange(client *http.Client, req *http.Request) (code int, said string) {
	answer, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(text)
}

// failures says what went wrong, "" for nothing.
func (t *traffic) failures() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.wrong) == 0 {
		return ""
	}
	return fmt.Sprintf("answers that should not be: %v", t.wrong)
}

// account returns the alerts that were promised, how many of them go to
// quarantine, and how many requests had which answer.
func (t *traffic) account() (acked, bad int64, requests map[string]int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.acked, t.bad, maps.Clone(t.requests)
}
