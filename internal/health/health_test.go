package health

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"stormdrain/internal/config"
)

func TestRun(t *testing.T) {
	t.Parallel()
	page := http.NewServeMux()
	page.HandleFunc("/-/ready", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ready\n")) })
	page.HandleFunc("/full", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(503)
		w.Write([]byte("not ready: the journal is full\n"))
	})
	page.Handle("/login", http.RedirectHandler("/-/ready", http.StatusFound))
	page.HandleFunc("/silent", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	plain, secure := httptest.NewServer(page), httptest.NewTLSServer(page)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)

	f := func(wantOut, wantErr, url string, change func(*config.Health)) {
		t.Helper()
		cfg := config.Health{URL: url, Timeout: time.Minute}
		if change != nil {
			change(&cfg)
		}
		var out strings.Builder
		err := Run(t.Context(), &cfg, &out)
		if out.String() != wantOut || (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%s: said %q, error %v", url, out.String(), err)
		}
	}
	f("ready\n", "", plain.URL+"/-/ready", nil)
	f("", "503 Service Unavailable: not ready: the journal is full", plain.URL+"/full", nil)
	f("", "302 Found", plain.URL+"/login", nil)
	f("", "is stormdrain running there?", plain.URL+"/silent", func(c *config.Health) { c.Timeout = 20 * time.Millisecond })
	f("", "certificate", secure.URL+"/-/ready", nil)
	f("ready\n", "", secure.URL+"/-/ready", func(c *config.Health) { c.Insecure = true })
	plain.Close()
	f("", "connection refused; is stormdrain running there? (--url says where to ask)", plain.URL+"/-/ready", nil)
}
