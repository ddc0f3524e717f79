package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"stormdrain/internal/alert"
)

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return b.String()
}

func zstded(text string) string {
	w, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	defer w.Close()
	return string(w.EncodeAll([]byte(text), nil))
}

func chunked(path, headers string, chunks ...string) string {
	text := "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + headers + "Transfer-Encoding: chunked\r\n\r\n"
	for _, c := range chunks {
		text += fmt.Sprintf("%x\r\n%s\r\n", len(c), c)
	}
	return text + "0\r\n\r\n"
}

func TestBodiesArriveAsSent(t *testing.T) {
	f := &fake{}
	s := start(t, testConfig(), f)
	check := func(request, source, body string) {
		t.Helper()
		got := raw(t, s, request)
		if want := fmt.Sprintf(`{"status":"success","alerts":%d}`, len(body)); got.code != 200 || got.body != want {
			t.Errorf("answer %d %q %v, want %q", got.code, got.body, got.err, want)
			return
		}
		if got.header.Get("Content-Type") != "application/json" || got.header.Get("Content-Length") == "" {
			t.Errorf("header %v", got.header)
		}
		last := f.last()
		if last.Source != source || string(last.Body) != body || last.Kind != alert.Webhook {
			t.Errorf("source %q, body of %d, want %q, %d", last.Source, len(last.Body), source, len(body))
		}
		if last.RequestID == "" || last.RequestID != got.header.Get("X-Request-Id") {
			t.Errorf("request ID %q, in the answer %q", last.RequestID, got.header.Get("X-Request-Id"))
		}
	}
	long := strings.Repeat("0123456789", 100_000)
	check(post("/webhook", "", "{}"), "", "{}")
	check(post("/webhook/", "", "{}"), "", "{}")
	check(post("/webhook?team=a", "", "{}"), "", "{}")
	check(post("/webhook/eu-1", "", "{}"), "eu-1", "{}")
	check(post("/webhook/eu-1/", "", "{}"), "eu-1", "{}")
	check(post("/webhook/a%2Fb", "", "{}"), "a/b", "{}")
	check(post("/webhook/a%2fb/", "", "{}"), "a/b", "{}")
	check(post("/webhook/a+b%20%C3%A9%00", "", "{}"), "a+b é\x00", "{}")
	check(post("/webhook/..", "", "{}"), "..", "{}")
	check(post("http://elsewhere/webhook/abs", "", "{}"), "abs", "{}")
	check(post("/webhook", "", ""), "", "")
	check("POST /webhook HTTP/1.1\r\nHost: x\r\n\r\n", "", "")
	check("POST /webhook HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}", "", "{}")
	check(post("/webhook", "", long), "", long)
	check(post("/webhook", "", strings.Repeat("x", 1<<20)), "", strings.Repeat("x", 1<<20))
	check(chunked("/webhook", "", "{", "}"), "", "{}")
	check(chunked("/webhook", ""), "", "")
	check(chunked("/webhook", "", long), "", long)
	check(chunked("/webhook", "", strings.Repeat("x", 1<<20)), "", strings.Repeat("x", 1<<20))
	check(post("/webhook", "Content-Encoding: identity\r\n", "{}"), "", "{}")
	for _, body := range []string{"{}", long, strings.Repeat("x", 1<<20)} {
		check(post("/webhook/z", "Content-Encoding: gzip\r\n", gzipped(body)), "z", body)
		check(post("/webhook/z", "Content-Encoding: ZSTD\r\n", zstded(body)), "z", body)
		check(chunked("/webhook/z", "Content-Encoding: gzip\r\n", gzipped(body)), "z", body)
	}
	form := "Content-Type: multipart/form-data; boundary=b\r\n"
	check(post("/webhook", form, "--b\r\n\r\nx\r\n--b--\r\n"), "", "--b\r\n\r\nx\r\n--b--\r\n")
}

func TestRefusals(t *testing.T) {
	f := &fake{}
	s := start(t, testConfig(), f)
	check := func(request string, code int, contains string) reply {
		t.Helper()
		got := raw(t, s, request)
		checkLine(t, got, code, contains)
		return got
	}
	tooMuch := strings.Repeat("x", 1<<20+1)
	check(post("/webhook", "", tooMuch), 413, "1048576")
	check(post("/webhook", "", tooMuch+tooMuch+tooMuch+tooMuch), 413, "max_alerts")
	check(post("/nowhere", "", tooMuch), 413, "1048576")
	check("POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", 413, "1048576") // nothing sent
	check("POST /webhook HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", 413, "1048576")
	check(chunked("/webhook", "", tooMuch), 413, "1048576")
	check(post("/webhook", "Content-Encoding: gzip\r\n", gzipped(tooMuch)), 413, "1048576")
	check(post("/webhook", "Content-Encoding: zstd\r\n", zstded(tooMuch)), 413, "1048576")
	bomb := strings.Repeat("\x00", 100<<20)
	check(post("/webhook", "Content-Encoding: gzip\r\n", gzipped(bomb)), 413, "1048576")
	check(post("/webhook", "Content-Encoding: zstd\r\n", zstded(bomb)), 413, "1048576")

	check(post("/webhook", "Content-Encoding: br\r\n", "x"), 415, "gzip")
	check(post("/webhook", "Content-Encoding: gzip, gzip\r\n", "x"), 415, "zstd")
	got := check(post("/webhook", "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n", "x"), 415, "gzip")
	if got.header.Get("Accept-Encoding") != "gzip, zstd" {
		t.Errorf("415 with %v", got.header)
	}
	check(post("/webhook/q", "Content-Encoding: gzip\r\nX-Request-ID: kept\r\n", "no gzip"), 400, "Content-Encoding")
	if q := f.quarantine; len(q) != 1 || string(q[0].Body) != "no gzip" || q[0].Source != "q" || q[0].RequestID != "kept" {
		t.Errorf("quarantine has %+v", q)
	}
	// zstd of nothing is nothing; that is for the Ingester to refuse.
	if got := raw(t, s, post("/webhook", "Content-Encoding: zstd\r\n", "")); got.code != 200 {
		t.Errorf("empty zstd: %+v", got)
	}
}

func TestWrongPathsAndMethods(t *testing.T) {
	f := &fake{}
	s := start(t, testConfig(), f)
	notFound := func(request string) {
		t.Helper()
		checkLine(t, raw(t, s, request), 404, "/webhook")
	}
	notAllowed := func(request, allow, contains string) {
		t.Helper()
		got := raw(t, s, request)
		if strings.HasPrefix(request, "HEAD") {
			if got.code != 405 || got.header.Get("Allow") != allow {
				t.Errorf("HEAD: %+v", got)
			}
			return
		}
		checkLine(t, got, 405, contains)
		if got.header.Get("Allow") != allow {
			t.Errorf("Allow: %q", got.header.Get("Allow"))
		}
	}
	notFound("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
	for _, path := range []string{"/webhooks", "/Webhook", "/api/v1/webhook", "/webhook/a/b", "/webhook//", "//webhook", "/webhook/a%zz", "/webhook/a%2", "/webhook/%ff", "/alerts"} {
		notFound(post(path, "", "{}"))
	}
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"} {
		for _, path := range []string{"/webhook", "/webhook/", "/webhook/eu", "/webhook/eu/"} {
			notAllowed(method+" "+path+" HTTP/1.1\r\nHost: x\r\n\r\n", "POST", "POST to /webhook")
		}
	}
	for _, path := range []string{"/", "/metrics", "/api/v1/events", "/-/healthy", "/-/ready"} {
		notAllowed(post(path, "", "{}"), "GET, HEAD", "GET")
	}
	if n := len(f.requests); n != 0 {
		t.Errorf("%d of them were taken in", n)
	}
}

func TestMalformedRequests(t *testing.T) {
	f := &fake{}
	s := start(t, testConfig(), f)
	check := func(request string, code int, contains string) {
		t.Helper()
		checkLine(t, raw(t, s, request), code, contains)
	}
	check("nonsense\r\n\r\n", 400, "HTTP")
	check("POST /webhook HTTP/1.1\r\nno colon\r\n\r\n", 400, "HTTP")
	check("POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400, "HTTP")
	check("POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400, "HTTP")
	check("POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, "HTTP")
	check("POST /webhook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 400, "HTTP")
	check("POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400, "not both")
	check("POST /webhook HTTP/1.1\r\nHost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400, "not both")
	check("POST /webhook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}", 400, "not both")
	check("POST /webhook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "framed")
	check("POST /webhook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}XX", 400, "framed")
	check("POST /webhook HTTP/1.2\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 505, "HTTP/1.1")
	check("POST /webhook HTTP/2.0\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 505, "HTTP/1.1")
	check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "HTTP")
	check("GET / HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 20_000)+"\r\n\r\n", 431, "header")

	c, r := dial(t, s)
	io.WriteString(c, "POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{}")
	c.(interface{ CloseWrite() error }).CloseWrite()
	checkLine(t, read(r, "POST"), 503, "connection broke")
	if n := len(f.requests); n != 0 {
		t.Errorf("%d of them were taken in", n)
	}
}

func TestRequestIDs(t *testing.T) {
	f := &fake{}
	s := start(t, testConfig(), f)
	check := func(sent string, own bool) {
		t.Helper()
		got := raw(t, s, post("/webhook", "x-request-id: "+sent+"\r\n", "{}")).header.Get("X-Request-Id")
		if (got == sent) != own || got == "" || got != f.last().RequestID {
			t.Errorf("sent %q, answered %q, taken in as %q", sent, got, f.last().RequestID)
		}
	}
	check("abc-123", true)
	check("a.b_c:d/e+f=g@h", true)
	check(strings.Repeat("x", 128), true)
	check(strings.Repeat("x", 129), false)
	check("two words", false)
	check("é", false)
	check(`"quoted"`, false)

	// Also where no handler was reached, or none at all wanted.
	for _, request := range []string{
		post("/nowhere", "X-Request-ID: mine\r\n", "{}"),
		"PUT /webhook HTTP/1.1\r\nHost: x\r\nX-Request-ID: mine\r\n\r\n",
		"POST /webhook HTTP/1.1\r\nHost: x\r\nX-Request-ID: mine\r\nContent-Length: 99999999\r\n\r\n",
	} {
		if got := raw(t, s, request); got.header.Get("X-Request-Id") != "mine" {
			t.Errorf("%d without the client's ID: %v", got.code, got.header)
		}
	}
	a, b := raw(t, s, post("/webhook", "", "{}")), raw(t, s, post("/webhook", "", "{}"))
	if a.header.Get("X-Request-Id") == b.header.Get("X-Request-Id") {
		t.Error("two requests with one ID")
	}
}

func TestIngesterDecides(t *testing.T) {
	f := &fake{}
	s := start(t, testConfig(), f)
	check := func(err error, code int, contains string) {
		t.Helper()
		f.ingest = func(alert.Request) (int, error) { return 0, err }
		checkLine(t, raw(t, s, post("/webhook", "", "{}")), code, contains)
	}
	check(&alert.RefusedError{Reason: "syntax", Detail: "line 1: expected { at byte 0"}, 400, "line 1: expected {")
	check(fmt.Errorf("decode: %w", &alert.RefusedError{Detail: "two\nlines\r\n"}), 400, "two lines")
	check(&alert.RefusedError{Detail: "too many alerts", TooLarge: true}, 413, "too many")
	check(errors.New("journal is full, 8 GiB"), 503, "journal is full, 8 GiB; try again")
	check(errors.New(strings.Repeat("é\n", 10_000)), 503, "try again")
	f.ingest = func(alert.Request) (int, error) { panic("BUG: test") }
	checkLine(t, raw(t, s, post("/webhook", "X-Request-ID: p\r\n", "{}")), 503, "internal error")
	f.ingest = nil
	if got := raw(t, s, post("/webhook", "", "{}")); got.code != 200 {
		t.Errorf("after a panic: %+v", got)
	}
}

func TestConnectionIsUsedAgain(t *testing.T) {
	f := &fake{}
	s := start(t, testConfig(), f)
	c, r := dial(t, s)
	send := func(request string, code int) {
		t.Helper()
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		method, _, _ := strings.Cut(request, " ")
		if got := read(r, method); got.code != code {
			t.Fatalf("answer %+v, want %d", got, code)
		}
	}
	for range 3 {
		send(post("/webhook", "", "{}"), 200)
		send(post("/nowhere", "", strings.Repeat("x", 1000)), 404)
		send(chunked("/webhook/a", "", "{", "}"), 200)
		send(post("/webhook", "Content-Encoding: gzip\r\n", "broken"), 400)
		send(post("/webhook", "Content-Encoding: gzip\r\n", gzipped("{}")), 200)
		send(post("/webhook", "Content-Encoding: br\r\n", "x"), 415)
		send("GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n", 200)
		send("HEAD /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n", 200)
	}
	// Pipelined.
	if _, err := io.WriteString(c, strings.Repeat(post("/webhook", "", "{}"), 5)); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if got := read(r, "POST"); got.code != 200 {
			t.Fatalf("pipelined: %+v", got)
		}
	}
	// 100-continue.
	io.WriteString(c, "POST /webhook HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
	if line, _ := r.ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 100") {
		t.Fatalf("answered %q", line)
	}
	r.ReadString('\n')
	io.WriteString(c, "{}")
	if got := read(r, "POST"); got.code != 200 {
		t.Fatalf("after 100-continue: %+v", got)
	}
}
