package browser

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// proxy stands between the browser and the program, and does what networks do: it
// answers for a part of the API itself, or holds a stream up.
type proxy struct {
	*httptest.Server

	mu   sync.Mutex
	fail map[string]failure // by part of the API
	held sync.RWMutex       // locked: no byte of an answer passes
}

type failure struct {
	code int
	line string
}

func newProxy(t testing.TB, behind *program) *proxy {
	t.Helper()
	to, err := url.Parse(behind.url(""))
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{fail: make(map[string]failure)}
	through := httputil.NewSingleHostReverseProxy(to)
	through.FlushInterval = -1
	through.ModifyResponse = func(r *http.Response) error {
		r.Body = heldBody{r.Body, &p.held}
		return nil
	}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		f := p.fail[strings.TrimPrefix(r.URL.Path, "/api/v1/")]
		p.mu.Unlock()
		if f.code != 0 {
			http.Error(w, f.line, f.code)
			return
		}
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

// failing has a part of the API answer with this line; with 0 it is well again.
func (p *proxy) failing(part string, code int, line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail[part] = failure{code, line}
}

// heldBody is read while nobody holds it up.
type heldBody struct {
	io.ReadCloser
	held *sync.RWMutex
}

func (b heldBody) Read(into []byte) (int, error) {
	b.held.RLock()
	//lint:ignore SA2001 it is a gate
	b.held.RUnlock()
	return b.ReadCloser.Read(into)
}
