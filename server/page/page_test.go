package page

import (
	"bytes"
	"compress/gzip"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// get asks for a path as a browser does.
func get(path string, headers ...string) *fasthttp.Response {
	var ctx fasthttp.RequestCtx
	ctx.Request.SetRequestURI(path)
	for i := 0; i < len(headers); i += 2 {
		ctx.Request.Header.Set(headers[i], headers[i+1])
	}
	if path == "/" {
		New().Index(&ctx)
	} else if !New().Asset(&ctx) {
		ctx.SetStatusCode(fasthttp.StatusNotFound)
	}
	return &ctx.Response
}

// A page that is opened over a phone in a storm must not be one of megabytes.
func TestIsSmall(t *testing.T) {
	t.Parallel()
	if n := New().Size(); n >= 80_000 {
		t.Errorf("the page is %d bytes, want less than 80000", n)
	}
}

// TestDocumentIsWhole: what the document and the modules name is there, and names
// this version.
func TestDocumentIsWhole(t *testing.T) {
	t.Parallel()
	document := string(get("/").Body())
	if strings.Contains(document, placeholder) {
		t.Errorf("%s stands in the document", placeholder)
	}
	named := regexp.MustCompile(`(?:src|href)="(-/page/[^"]*)"`).FindAllStringSubmatch(document, -1)
	if len(named) < 4 {
		t.Fatalf("the document names %v", named)
	}
	for _, match := range named {
		if r := get("/" + match[1]); r.StatusCode() != 200 {
			t.Errorf("%s: %d", match[1], r.StatusCode())
		}
	}
	imports := regexp.MustCompile(`from "\./([^"]+)"`)
	for name, f := range New().assets {
		for _, match := range imports.FindAllSubmatch(f.plain, -1) {
			if New().assets[string(match[1])] == nil {
				t.Errorf("%s imports %s, which is not there", name, match[1])
			}
		}
	}
}

// Nothing in the document runs or is styled in place, so the policy can forbid it;
// and nothing is fetched from elsewhere.
func TestPolicyIsStrict(t *testing.T) {
	t.Parallel()
	r := get("/")
	policy := string(r.Header.Peek("Content-Security-Policy"))
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("%q is not in the policy %q", want, policy)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	for _, wrong := range []string{`<script>`, `<style`, ` style="`, ` onclick=`, `src="http`, `href="http`, `href="/`, `src="/`} {
		if strings.Contains(string(r.Body()), wrong) {
			t.Errorf("the document has %q", wrong)
		}
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Cache-Control": "no-cache", "Content-Type": "text/html; charset=utf-8"} {
		if got := string(r.Header.Peek(name)); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestIsKeptByBrowsers(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"/": "no-cache", Below + New().Version + "/app.js": "public, max-age=31536000, immutable"} {
		r := get(path)
		tag := string(r.Header.Peek("ETag"))
		if got := string(r.Header.Peek("Cache-Control")); got != want || tag == "" {
			t.Errorf("%s: Cache-Control %q, ETag %q", path, got, tag)
		}
		for _, header := range []string{tag, strings.TrimPrefix(tag, "W/"), `"other", ` + tag, "*"} {
			again := get(path, "If-None-Match", header)
			if again.StatusCode() != 304 || len(again.Body()) > 0 || string(again.Header.Peek("ETag")) != tag {
				t.Errorf("%s with %s: %d, %d bytes", path, header, again.StatusCode(), len(again.Body()))
			}
		}
		if again := get(path, "If-None-Match", `"other"`); again.StatusCode() != 200 {
			t.Errorf("%s with another tag: %d", path, again.StatusCode())
		}
	}
}

func TestIsCompressed(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/", Below + New().Version + "/app.js", Below + New().Version + "/style.css"} {
		plain := get(path)
		r := get(path, "Accept-Encoding", "br, gzip")
		if string(r.Header.Peek("Content-Encoding")) != "gzip" || len(r.Body()) > len(plain.Body())/2 {
			t.Errorf("%s: %d bytes of %d", path, len(r.Body()), len(plain.Body()))
			continue
		}
		z, err := gzip.NewReader(bytes.NewReader(r.Body()))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, plain.Body()) {
			t.Errorf("%s: something else, %v", path, err)
		}
		if !strings.Contains(string(plain.Header.Peek("Vary")), "Accept-Encoding") {
			t.Errorf("%s: Vary is %q", path, plain.Header.Peek("Vary"))
		}
	}
}

func TestNothingElseIsServed(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		Below, Below + "app.js", Below + "0123456789ab/app.js", Below + New().Version + "/", Below + New().Version + "/index.html",
		Below + New().Version + "/../app.js", Below + New().Version + "/none.js",
	} {
		if r := get(path); r.StatusCode() != 404 {
			t.Errorf("%s: %d", path, r.StatusCode())
		}
	}
}

func TestWanted(t *testing.T) {
	t.Parallel()
	f := func(accept string, want bool) {
		t.Helper()
		if got := Wanted(accept); got != want {
			t.Errorf("%q: %v", accept, got)
		}
	}
	f("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true)
	f("Text/HTML;q=0.5", true)
	f("text/html; charset=utf-8", true)
	f("application/json, text/html", true)
	f("", false)
	f("*/*", false) // curl
	f("text/plain", false)
	f("application/json", false)
	f("text/html;q=0, */*", false)
	f("text/html; q=0.0", false)
}
