package server

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"stormdrain/internal/alert"
	"stormdrain/internal/live"
	"stormdrain/storage/storagetest"
)

// startStreaming opens a server in front of a hub.
func startStreaming(t *testing.T, cfg Config) (*Server, *live.Hub) {
	t.Helper()
	f, hub := &fake{}, new(live.Hub)
	parts := f.parts(nil)
	parts.Streamer = hub
	return startWith(t, cfg, parts), hub
}

// flood stores deliveries until a reader has lost some, and returns how many events
// they were.
func flood(h *live.Hub) (sent int) {
	const n = 4096
	b := batch(1, n)
	for seq := uint64(1); h.Lost() == 0; seq++ {
		b.Deliveries[0].Seq = seq
		h.Publish(1, b)
		sent += n
	}
	return sent
}

// store says that a delivery of n alerts was stored.
func store(h *live.Hub, seq uint64, n int) { h.Publish(1, batch(seq, n)) }

func batch(seq uint64, n int) *alert.Batch {
	d := storagetest.Delivery{Seq: seq, ReceivedAt: int64(seq) * 1e6, Source: "eu"}
	for i := range n {
		d.Alerts = append(d.Alerts, storagetest.Alert{
			Index: int32(i), EndsAt: alert.NoTime,
			Labels: storagetest.Labels("i", fmt.Sprint(i), "text", "one\ntwo\u2028three"),
		})
	}
	return storagetest.Batch(alert.ID{1}, seq-1, d)
}

// listening is a client of a stream.
type listening struct {
	t *testing.T
	c net.Conn
	r *bufio.Reader // of the body
}

func listenTo(t *testing.T, s *Server, query string) *listening {
	t.Helper()
	c, r := dial(t, s)
	fmt.Fprintf(c, "GET /api/v1/stream%s HTTP/1.1\r\nHost: x\r\n\r\n", query)
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Header.Get("Content-Type"); response.StatusCode != 200 || got != "text/event-stream" {
		t.Fatalf("%s, %s", response.Status, got)
	}
	l := &listening{t, c, bufio.NewReader(response.Body)}
	if got := l.next(); got != ": stormdrain" {
		t.Fatalf("the stream begins with %q", got)
	}
	return l
}

// next returns the lines up to the next empty one, or what went wrong.
func (l *listening) next() string {
	l.t.Helper()
	var lines []string
	for {
		line, err := l.r.ReadString('\n')
		if err != nil {
			return err.Error()
		}
		if line == "\n" {
			return strings.Join(lines, "\n")
		}
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	s, hub := startStreaming(t, testConfig())
	l := listenTo(t, s, `?filter=i%3D~"1|2"&source=eu`)
	store(hub, 5, 3)
	for i := 1; i < 3; i++ {
		head, data, _ := strings.Cut(l.next(), "\ndata: ")
		if want := fmt.Sprintf("event: alert\nid: 1-5-%d", i); head != want {
			t.Errorf("got %q, want %q", head, want)
		}
		var event struct {
			ID     string
			Labels map[string]string
		}
		if err := json.Unmarshal([]byte(data), &event); err != nil || event.ID != fmt.Sprintf("1-5-%d", i) || event.Labels["text"] != "one\ntwo\u2028three" {
			t.Errorf("%v in %q", err, data)
		}
	}
	if got := sample(t, s, "stormdrain_streams"); got != "1" {
		t.Errorf("stormdrain_streams is %s", got)
	}
}

func TestStreamRefusals(t *testing.T) {
	t.Parallel()
	s, hub := startStreaming(t, testConfig())
	f := func(request string, code int, contains string) {
		t.Helper()
		checkLine(t, raw(t, s, request+"\r\nHost: x\r\n\r\n"), code, contains)
	}
	f("GET /api/v1/stream?from=2h HTTP/1.1", 400, "from")
	f("GET /api/v1/stream?limit=2 HTTP/1.1", 400, "a stream begins now")
	f("GET /api/v1/stream?filter=no HTTP/1.1", 400, "filter")
	f("GET /api/v1/stream HTTP/1.0", 400, "HTTP/1.1")
	f("POST /api/v1/stream HTTP/1.1\r\nContent-Length: 0", 405, "GET")
	head := rawOn(t, firstOf(dial(t, s)), "HEAD /api/v1/stream HTTP/1.1\r\nHost: x\r\n\r\n")
	if head.code != 200 || head.header.Get("Content-Type") != "text/event-stream" || head.body != "" {
		t.Errorf("HEAD: %+v", head)
	}
	if hub.Readers() != 0 {
		t.Errorf("%d readers are left", hub.Readers())
	}
	var all []*listening
	for range maxStreams {
		all = append(all, listenTo(t, s, ""))
	}
	f("GET /api/v1/stream HTTP/1.1", 503, "64 streams are open")
	store(hub, 1, 1)
	for _, l := range all {
		if got := l.next(); !strings.HasPrefix(got, "event: alert\nid: 1-1-0\n") {
			t.Fatalf("got %q", got)
		}
	}
}

func firstOf(c net.Conn, _ *bufio.Reader) net.Conn { return c }

// Who does not take what is sent loses it, is told of it afterwards, and keeps
// nobody waiting: store returns each time.
func TestSlowReaderOfAStream(t *testing.T) {
	t.Parallel()
	s, hub := startStreaming(t, testConfig())
	l := listenTo(t, s, "")
	sent := flood(hub)
	got, lost := 0, 0
	for got+lost < sent {
		switch text := l.next(); {
		case strings.HasPrefix(text, "event: alert\n"):
			got++
		case strings.HasPrefix(text, "event: lost\n"):
			var n struct{ Lost int }
			if err := json.Unmarshal([]byte(strings.TrimPrefix(text, "event: lost\ndata: ")), &n); err != nil {
				t.Fatal(err)
			}
			lost += n.Lost
		default:
			t.Fatalf("%d events, %d lost, then %q", got, lost, text)
		}
	}
	if lost == 0 || uint64(lost) != hub.Lost() || got+lost != sent {
		t.Errorf("%d events and %d lost of %d", got, lost, sent)
	}
}

func TestStreamEndsWithItsClient(t *testing.T) {
	t.Parallel()
	s, hub := startStreaming(t, testConfig())
	l := listenTo(t, s, "")
	l.c.Close()
	eventually(t, "the stream has ended", func() bool { return hub.Readers() == 0 && s.streams.count() == 0 })
}

// Close waits neither for a quiet stream nor for one whose client takes nothing.
func TestCloseEndsStreams(t *testing.T) {
	cfg := testConfig()
	cfg.lastRequest = 50 * time.Millisecond
	s, hub := startStreaming(t, cfg)
	quiet, stuck := listenTo(t, s, "?source=nobody"), listenTo(t, s, "")
	flood(hub)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := quiet.next(); got != io.EOF.Error() {
		t.Errorf("the quiet stream ends with %q", got)
	}
	if hub.Readers() != 0 {
		t.Errorf("%d readers are left", hub.Readers())
	}
	stuck.c.Close()
	eventually(t, "every goroutine has ended", func() bool { return leftBehind() == "" })
}

// Rules that are no more have let them in.
func TestReloadEndsStreams(t *testing.T) {
	t.Parallel()
	s, _ := startStreaming(t, testConfig())
	l := listenTo(t, s, "")
	if err := s.Reload(testConfig()); err != nil {
		t.Fatal(err)
	}
	if got := l.next(); got != io.EOF.Error() {
		t.Errorf("the stream ends with %q", got)
	}
	listenTo(t, s, "")
}
