package server

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stormdrain/internal/certtest"
)

// secured is a server with TLS, and what its clients need.
type secured struct {
	*Server
	ca  *certtest.CA
	dir string
	cfg Config
	log *logBuffer
}

// startSecured starts a server with a certificate for 127.0.0.1 and these lines
// in its tls_server_config.
func startSecured(t *testing.T, f *fake, cfg Config, rules string) *secured {
	t.Helper()
	s := &secured{ca: certtest.NewCA(t), dir: t.TempDir()}
	pair := s.ca.Issue("127.0.0.1")
	certtest.Write(t, s.dir, map[string]string{"cert.pem": pair.Cert, "key.pem": pair.Key, "ca.pem": s.ca.PEM,
		"web.yml": "tls_server_config: {cert_file: cert.pem, key_file: key.pem" + rules + "}\n"})
	cfg.WebConfigFile = filepath.Join(s.dir, "web.yml")
	s.cfg = cfg
	s.Server, s.log = startLogging(t, cfg, f)
	return s
}

func (s *secured) client(t *testing.T, change func(*tls.Config)) *http.Client {
	t.Helper()
	c := &tls.Config{RootCAs: s.ca.Pool()}
	if change != nil {
		change(c)
	}
	tr := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 10 * time.Second}
}

func (s *secured) url() string { return "https://" + s.address() }

func deliver(c *http.Client, url, body string) (int, string, error) {
	resp, err := c.Post(url+"/webhook", "application/json", strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// TestTLS is a real client, which would speak HTTP/2 if that were offered.
func TestTLS(t *testing.T) {
	store := &shelf{n: 3_000}
	f := &fake{events: store.events}
	s := startSecured(t, f, testConfig(), "")
	c := s.client(t, nil)
	for _, size := range []int{2, 9_000, 300_000, 1 << 20} {
		body := strings.Repeat("x", size)
		code, text, err := deliver(c, s.url(), body)
		if err != nil || code != 200 || !strings.Contains(text, itoa(size)) || string(f.last().Body) != body {
			t.Errorf("%d bytes: %d %q %v", size, code, text, err)
		}
	}
	resp, err := c.Get(s.url() + "/api/v1/events?format=ndjson")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || bytes.Count(text, []byte("\n")) != 3_000 || resp.ProtoMajor != 1 {
		t.Errorf("export: %d lines over %s, %v", bytes.Count(text, []byte("\n")), resp.Proto, err)
	}
	// A refusal gets through although the body does not.
	for range 10 {
		if code, text, err := deliver(c, s.url(), strings.Repeat("x", 3<<20)); err != nil || code != 413 || !strings.Contains(text, "max_alerts") {
			t.Errorf("too large: %d %q %v", code, text, err)
		}
	}
	if n := s.conns.count(); n > 3 {
		t.Errorf("%d connections are open", n)
	}
}

func TestClientCertificates(t *testing.T) {
	s := startSecured(t, &fake{}, testConfig(),
		", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem, client_allowed_sans: [alertmanager.example.com]")
	f := func(names []string, ca *certtest.CA, want bool) {
		t.Helper()
		c := s.client(t, func(c *tls.Config) {
			if names != nil {
				pair := ca.Issue(names...).TLS(t)
				c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
			}
		})
		code, _, err := deliver(c, s.url(), "{}")
		if want != (err == nil && code == 200) {
			t.Errorf("%v: %d, %v", names, code, err)
		}
	}
	f([]string{"alertmanager.example.com"}, s.ca, true)
	f([]string{"other.example.com"}, s.ca, false)
	f([]string{"alertmanager.example.com"}, certtest.NewCA(t), false)
	f(nil, nil, false)
	// A client has its refusal before the server has counted it.
	eventually(t, "three failed handshakes counted", func() bool {
		return metric(t, s, "stormdrain_http_tls_handshakes_failed_total") == "3"
	})
	if n := strings.Count(s.log.String(), "TLS handshakes fail"); n != 1 {
		t.Errorf("%d lines about it in the log", n)
	}
}

// metric reads a counter without asking the server over HTTP.
func metric(t *testing.T, s *secured, name string) string {
	t.Helper()
	w := &scrape{header: make(http.Header)}
	s.Metrics.Handler().ServeHTTP(w, &http.Request{Header: make(http.Header)})
	for line := range strings.Lines(w.body.String()) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// TestPlainHTTPToTLS is what happens the day after TLS was switched on.
func TestPlainHTTPToTLS(t *testing.T) {
	s := startSecured(t, &fake{}, testConfig(), "")
	for _, body := range []string{"{}", strings.Repeat("x", 1<<20)} {
		checkLine(t, raw(t, s.Server, post("/webhook", "", body)), 400, "https://")
	}
	c, _ := dial(t, s.Server)
	io.WriteString(c, "\x00\x01garbage that is neither")
	if text, err := io.ReadAll(c); err != nil || bytes.Contains(text, []byte("HTTP")) {
		t.Errorf("garbage was answered: %q, %v", text, err)
	}
}

// TestTLSBeforeTheFirstByte: clients open connections ahead of need. A connection
// may rest before its handshake, and between requests; one that stops half way
// through the handshake may not stay.
func TestTLSBeforeTheFirstByte(t *testing.T) {
	cfg := testConfig()
	cfg.restAfter = 20 * time.Millisecond
	cfg.ReadTimeout = 200 * time.Millisecond
	s := startSecured(t, &fake{}, cfg, "")
	resting := func(n int) func() bool {
		return func() bool {
			s.conns.mu.Lock()
			defer s.conns.mu.Unlock()
			rests := 0
			for c := range s.conns.open {
				if c.atRest.Load() {
					rests++
				}
			}
			return rests == n
		}
	}
	plain, _ := dial(t, s.Server)
	eventually(t, "it rests before its handshake", resting(1))
	c := tls.Client(plain, &tls.Config{RootCAs: s.ca.Pool(), ServerName: "127.0.0.1"})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it rests after its handshake", resting(1))
	for range 3 {
		if got := rawOn(t, c, post("/webhook", "", "{}")); got.code != 200 {
			t.Errorf("%+v", got)
		}
		eventually(t, "it rests between requests", resting(1))
	}
	half, _ := dial(t, s.Server)
	half.Write([]byte{22, 3, 1, 2, 0, 1}) // begins a ClientHello
	began := time.Now()
	if _, err := half.Read(make([]byte, 1)); err == nil || time.Since(began) > 5*time.Second {
		t.Errorf("half a handshake: %v after %v", err, time.Since(began))
	}
}

// TestReloadOfTLS switches it on, replaces the certificate, and asks for
// certificates of clients, without a restart. Whoever was connected by the rules
// of before has to connect again, and loses nothing by it.
func TestReloadOfTLS(t *testing.T) {
	s := startSecured(t, &fake{}, testConfig(), "")
	c := s.client(t, nil)
	ok := func(c *http.Client, url string, want bool) {
		t.Helper()
		code, _, err := deliver(c, url, "{}")
		if want != (err == nil && code == 200) {
			t.Errorf("%s: %d, %v", url, code, err)
		}
	}
	reload := func(cfg Config) {
		t.Helper()
		if err := s.Reload(cfg); err != nil {
			t.Fatal(err)
		}
	}
	ok(c, s.url(), true)

	second := certtest.NewCA(t)
	pair := second.Issue("127.0.0.1")
	certtest.Write(t, s.dir, map[string]string{"cert.pem": pair.Cert, "key.pem": pair.Key})
	reload(s.cfg)
	c.CloseIdleConnections()
	ok(c, s.url(), false)
	renewed := s.client(t, func(c *tls.Config) { c.RootCAs = second.Pool() })
	ok(renewed, s.url(), true)

	// It is connected, and has no certificate of its own. Closing its
	// connection must not cost it a request: Go's client tries again.
	certtest.Write(t, s.dir, map[string]string{"web.yml": "tls_server_config: {cert_file: cert.pem, key_file: key.pem, " +
		"client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem}\n"})
	reload(s.cfg)
	eventually(t, "it has to show a certificate", func() bool {
		_, _, err := deliver(renewed, s.url(), "{}")
		return err != nil
	})

	certtest.Write(t, s.dir, map[string]string{"cert.pem": "broken"})
	if err := s.Reload(s.cfg); err == nil || !strings.HasPrefix(err.Error(), "web.config.file: ") {
		t.Errorf("%v", err)
	}
	mine := s.ca.Issue("me").TLS(t)
	known := s.client(t, func(c *tls.Config) { c.RootCAs, c.Certificates = second.Pool(), []tls.Certificate{mine} })
	ok(known, s.url(), true) // as before

	plain := testConfig()
	reload(plain)
	ok(http.DefaultClient, "http://"+s.address(), true)
	http.DefaultClient.CloseIdleConnections()
}

// Too many connections are closed at once, where a text would not be understood.
func TestTooManyTLSConnections(t *testing.T) {
	cfg := testConfig()
	cfg.MaxConnections = 1
	s := startSecured(t, &fake{}, cfg, "")
	c := s.client(t, nil)
	if code, _, err := deliver(c, s.url(), "{}"); code != 200 {
		t.Fatal(code, err)
	}
	extra, err := net.Dial("tcp", s.address())
	if err != nil {
		t.Fatal(err)
	}
	defer extra.Close()
	if text, err := io.ReadAll(extra); len(text) > 0 {
		t.Errorf("%q, %v", text, err)
	}
}

// Closing with connections in every state leaves nothing behind; start checks
// that.
func TestCloseWithTLS(t *testing.T) {
	s := startSecured(t, &fake{}, testConfig(), "")
	fresh, _ := dial(t, s.Server)
	half, _ := dial(t, s.Server)
	half.Write([]byte{22})
	c := s.client(t, nil)
	if code, _, err := deliver(c, s.url(), "{}"); code != 200 {
		t.Fatal(code, err)
	}
	eventually(t, "all are there", func() bool { return s.conns.count() == 3 })
	half.Close()
	fresh.Close()
	c.CloseIdleConnections()
}

func BenchmarkDeliveryOverTLS(b *testing.B) {
	for _, secure := range []bool{false, true} {
		b.Run(fmt.Sprintf("tls=%v", secure), func(b *testing.B) {
			cfg := testConfig()
			ca := certtest.NewCA(b)
			if secure {
				pair := ca.Issue("127.0.0.1")
				dir := b.TempDir()
				certtest.Write(b, dir, map[string]string{"c": pair.Cert, "k": pair.Key, "w": "tls_server_config: {cert_file: c, key_file: k}"})
				cfg.WebConfigFile = filepath.Join(dir, "w")
			}
			s := start(b, cfg, &fake{ingest: nil})
			plain, _ := dial(b, s)
			var c net.Conn = plain
			if secure {
				c = tls.Client(plain, &tls.Config{RootCAs: ca.Pool(), ServerName: "127.0.0.1"})
			}
			if err := c.SetDeadline(time.Time{}); err != nil {
				b.Fatal(err)
			}
			request, answer := []byte(post("/webhook", "", strings.Repeat("x", 9_400))), make([]byte, 4096)
			b.SetBytes(int64(len(request)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Write(request); err != nil {
					b.Fatal(err)
				}
				if _, err := c.Read(answer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
