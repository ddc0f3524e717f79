package e2e

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

const payloadDir = "testdata/payloads"

// payloads reads every webhook body: 117 captured ones and Grafana's.
func payloads(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(payloadDir + "/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 118 {
		t.Fatalf("%d webhook bodies in %s, want 118", len(files), payloadDir)
	}
	bodies := make(map[string][]byte, len(files))
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bodies[strings.TrimSuffix(filepath.Base(file), ".json")] = body
	}
	return bodies
}

// TestPayloads posts what real senders sent, in every way that a body can come
// in by, and reads it back in every way that it can be read.
func TestPayloads(t *testing.T) {
	forEachStore(t, func(t *testing.T, store *testStore) {
		p := startProgram(t, store.flags...)
		c := p.client()
		want := postPayloads(t, c)
		for name, events := range postRaw(t, p.addr) {
			want[name] = events
		}
		c.waitAtRest()

		events := c.events("")
		stored := byRequest(events)
		for _, name := range slices.Sorted(maps.Keys(want)) {
			compareDelivery(t, name, want[name], stored[name])
			delete(stored, name)
		}
		for name := range stored {
			t.Errorf("%d events of a delivery that nobody made: %q", len(stored[name]), name)
		}
		compareView(t, store.readView(t, p), events)
		comparePages(t, c, events)
		compareCSV(t, c, events)
		if m := c.metrics(); m["alerts_stored_total"] != float64(len(events)) || m["alerts_quarantined_total"] != 0 {
			t.Errorf("alerts_stored_total %v, quarantined %v; the API has %d events", m["alerts_stored_total"], m["alerts_quarantined_total"], len(events))
		}
	})
}

// postPayloads delivers each body four times and returns what must be stored,
// by request ID.
func postPayloads(t *testing.T, c *client) map[string][]*event {
	t.Helper()
	const source = "cluster ü/1"
	want := make(map[string][]*event)
	bodies := payloads(t)
	for _, name := range slices.Sorted(maps.Keys(bodies)) {
		body := bodies[name]
		post := func(way, source string, sent []byte, header ...string) {
			id, path := name+"-"+way, "/webhook"
			if source != "" {
				path += "/" + url.PathEscape(source)
			}
			want[id] = reference(t, body, source, id)
			c.deliver(path, id, sent, len(want[id]), header...)
		}
		post("plain", "", body)
		post("source", source, body)
		post("gzip", "gzip", gzipped(t, body), "Content-Encoding", "gzip")
		post("zstd", "zstd", zstandard(t, body), "Content-Encoding", "zstd")
	}
	return want
}

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstandard(t *testing.T, b []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(b, nil)
}

var requestLine = regexp.MustCompile(`^POST \S+ HTTP/1\.1\r\n`)

// postRaw sends whole captured requests as they were, but for the path and a
// request ID, over a bare connection.
func postRaw(t *testing.T, addr string) map[string][]*event {
	t.Helper()
	files, err := filepath.Glob(payloadDir + "/raw/*.http")
	if err != nil || len(files) != 3 {
		t.Fatalf("raw requests: %d, %v; want 3", len(files), err)
	}
	want := make(map[string][]*event)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		_, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
		sent := requestLine.ReplaceAll(raw, []byte("POST /webhook/raw HTTP/1.1\r\nX-Request-ID: "+name+"\r\n"))
		if code, text := exchange(t, addr, sent); code != 200 {
			t.Errorf("%s: %d %s", name, code, text)
		}
		want[name] = reference(t, body, "raw", name)
	}
	return want
}

// exchange writes a request to a connection of its own and reads one answer.
func exchange(t *testing.T, addr string, request []byte) (code int, body string) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// comparePages reads the JSON form page by page.
func comparePages(t *testing.T, c *client, events []*event) {
	t.Helper()
	var next string
	for read := 0; ; {
		path := "/api/v1/events?limit=997"
		if next != "" {
			path += "&cursor=" + url.QueryEscape(next)
		}
		got := c.do(http.MethodGet, path, nil)
		var page struct {
			Events []*event `json:"events"`
			Next   string   `json:"next"`
		}
		dec := json.NewDecoder(strings.NewReader(got.body))
		dec.UseNumber()
		if err := dec.Decode(&page); err != nil || got.code != 200 {
			t.Fatalf("page after %d events: %d, %v, %.300s", read, got.code, err, got.body)
		}
		for _, e := range page.Events {
			if read == len(events) {
				t.Fatalf("the pages have more than the %d events of NDJSON", len(events))
			}
			if d := difference(events[read], e); d != "" || e.ID != events[read].ID || e.ReceivedAt != events[read].ReceivedAt {
				t.Fatalf("event %d as JSON (%s) is not the one as NDJSON (%s)%s", read, e.ID, events[read].ID, d)
			}
			read++
		}
		if next = page.Next; next == "" {
			if read != len(events) {
				t.Errorf("%d events in pages, %d as NDJSON", read, len(events))
			}
			return
		}
	}
}

// compareCSV checks every column that carries the name of a field of the event.
func compareCSV(t *testing.T, c *client, events []*event) {
	t.Helper()
	got := c.do(http.MethodGet, "/api/v1/events?format=csv", nil)
	records, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
	if err != nil || got.code != 200 || len(records) != len(events)+1 {
		t.Fatalf("CSV: %d, %d records, %v; want %d and a header", got.code, len(records), err, len(events))
	}
	column := make(map[string]int)
	for i, name := range records[0] {
		column[name] = i
	}
	for i, e := range events {
		record := records[i+1]
		for name, want := range csvFields(e) {
			at, ok := column[name]
			if !ok {
				t.Fatalf("CSV has no column %q: %q", name, records[0])
			}
			if cell := csvCell(name, record[at]); cell != want {
				t.Fatalf("CSV, event %d, %s: got %.300q, want %.300q", i, name, cell, want)
			}
		}
	}
}

// csvFields are the cells of an event, the JSON ones in one spelling.
func csvFields(e *event) map[string]string {
	endsAt := ""
	if e.EndsAt != nil {
		endsAt = *e.EndsAt
	}
	return map[string]string{
		"id": e.ID, "receivedAt": e.ReceivedAt, "source": e.Source, "receiver": e.Receiver, "status": e.Status,
		"fingerprint": e.Fingerprint, "startsAt": e.StartsAt, "endsAt": endsAt, "generatorURL": e.GeneratorURL,
		"groupKey": e.GroupKey, "externalURL": e.ExternalURL, "requestId": e.RequestID,
		"truncatedAlerts": strconv.FormatUint(e.TruncatedAlerts, 10),
		"labels":          fmt.Sprint(e.Labels), "annotations": fmt.Sprint(e.Annotations), "groupLabels": fmt.Sprint(e.GroupLabels),
	}
}

func csvCell(name, cell string) string {
	switch name {
	case "labels", "annotations", "groupLabels":
		var pairs map[string]string
		if err := json.Unmarshal([]byte(cell), &pairs); err != nil {
			return err.Error()
		}
		return fmt.Sprint(pairs)
	}
	return cell
}
