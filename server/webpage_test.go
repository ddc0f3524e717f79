package server

import (
	"strings"
	"testing"

	webpage "stormdrain/server/page"
)

// TestWebPage: a browser gets a document, curl the list of pages, and a cache
// between them learns that it must tell one from the other.
func TestWebPage(t *testing.T) {
	t.Parallel()
	s := start(t, testConfig(), &fake{})
	const browser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n"
	document := raw(t, s, getPath("/?q=severity%3D%22critical%22", browser))
	if document.code != 200 || !strings.HasPrefix(document.body, "<!doctype html>") || document.header.Get("Content-Security-Policy") == "" {
		t.Errorf("a browser gets %d, %v", document.code, document.header)
	}
	text := raw(t, s, getPath("/", "Accept: */*\r\n"))
	if text.code != 200 || !strings.HasPrefix(text.body, "stormdrain takes in") || text.header.Get("Content-Type") != typeText {
		t.Errorf("curl gets %d, %v", text.code, text.header)
	}
	for _, got := range []reply{document, text} {
		if !strings.Contains(got.header.Get("Vary"), "Accept") || got.header.Get("X-Request-ID") == "" {
			t.Errorf("header %v", got.header)
		}
	}
	module := webpage.Below + webpage.New().Version + "/app.js"
	if got := raw(t, s, getPath(module, "")); got.code != 200 || got.header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("%s: %d, %v", module, got.code, got.header)
	}
	if got := raw(t, s, "HEAD "+module+" HTTP/1.1\r\nHost: x\r\n\r\n"); got.code != 200 || got.body != "" {
		t.Errorf("HEAD: %d, %d bytes", got.code, len(got.body))
	}
	checkLine(t, raw(t, s, getPath(webpage.Below+"other/app.js", "")), 404, "another version of stormdrain")
	got := raw(t, s, "POST "+module+" HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
	checkLine(t, got, 405, "read with GET")
	if got.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("Allow is %q", got.header.Get("Allow"))
	}
}
