package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"stormdrain/benchmarks/bodies"
)

const visitEvery = 250 * time.Millisecond

// visit is everybody but Alertmanager: readers, people who mistype, and clients
// who leave in the middle. Each comes on a connection of its own.
func (t *traffic) visit(ctx context.Context) {
	every := time.NewTicker(visitEvery)
	defer every.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		set := n % knownSets
		matcher := url.QueryEscape(fmt.Sprintf("pod=%q", bodies.Pod(set)))
		switch n % 9 {
		case 0:
			t.get("/api/v1/events?limit=100", http.StatusOK)
		case 1:
			t.get("/api/v1/events?fingerprint="+bodies.Fingerprint(set), http.StatusOK)
		case 2:
			t.get("/api/v1/events?from=1h&limit=20&filter="+matcher, http.StatusOK)
		case 3:
			t.get("/api/v1/events?format=csv&limit=200&status=resolved", http.StatusOK)
		case 4:
			t.get("/api/v1/events?filter=%3D", http.StatusBadRequest)
		case 5:
			t.get(webhook, http.StatusMethodNotAllowed)
		case 6:
			t.leaveWhileReading()
		case 7:
			t.leaveWhileSending("POST " + webhook + " HTTP/1.1\r\nHost: soak\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{\"alerts\":[")
		case 8:
			t.leaveWhileSending("") // says nothing at all
		}
	}
}

func (t *traffic) get(path string, want int) {
	client, transport := newClient()
	defer transport.CloseIdleConnections()
	req, err := http.NewRequest(http.MethodGet, t.base+path, nil)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	code, said := exchange(client, req)
	path, _, _ = strings.Cut(path, "?")
	t.note(fmt.Sprintf("GET %s: %d", path, code), code != want, said)
}

func (t *traffic) note(what string, wrong bool, said string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests[what]++
	if wrong {
		t.wrong[fmt.Sprintf("%s %.120s", what, said)]++
	}
}

// leaveWhileReading asks for everything and closes the connection after a part
// of it.
func (t *traffic) leaveWhileReading() {
	client, transport := newClient()
	defer transport.CloseIdleConnections()
	answer, err := client.Get(t.base + "/api/v1/events?format=ndjson")
	if err != nil {
		t.note("a reader who leaves", true, err.Error())
		return
	}
	_, err = io.CopyN(io.Discard, answer.Body, 64<<10)
	answer.Body.Close()
	if err == io.EOF {
		err = nil // there is no more yet
	}
	t.note("a reader who leaves", err != nil, fmt.Sprint(err))
}

func (t *traffic) leaveWhileSending(part string) {
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(t.base, "http://"), sendTimeout)
	if err == nil {
		_, err = io.WriteString(conn, part)
		conn.Close()
	}
	t.note("a sender who leaves", err != nil, fmt.Sprint(err))
}
