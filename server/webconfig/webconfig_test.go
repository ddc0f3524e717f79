package webconfig

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stormdrain/internal/certtest"
)

// A hash of "wonder", of cost 4, as htpasswd writes it.
const hash = "$2y$04$4.HsUbIZcWv.5GXtw8VJkO6j0K9pUTqWAnQZb9pQ0uwOD1WsG2f5O"

func indent(pem string) string {
	return "|\n    " + strings.ReplaceAll(strings.TrimSpace(pem), "\n", "\n    ")
}

// TestFormat has one case, good or bad, for each rule of the format's
// documentation. An error names the section, the key and what to do.
func TestFormat(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := certtest.NewCA(t)
	pair, other := ca.Issue("localhost"), ca.Issue("localhost")
	certtest.Write(t, dir, map[string]string{"cert.pem": pair.Cert, "key.pem": pair.Key, "other.pem": other.Key, "ca.pem": ca.PEM, "empty.pem": ""})
	load := func(text string) (*Config, error) {
		path := filepath.Join(dir, "web.yml")
		certtest.Write(t, dir, map[string]string{"web.yml": text})
		return Load(path)
	}
	good := func(text string) *Config {
		t.Helper()
		c, err := load(text)
		if err != nil {
			t.Errorf("%s\n%v", text, err)
			return &Config{}
		}
		return c
	}
	bad := func(text string, parts ...string) {
		t.Helper()
		_, err := load(text)
		if err == nil {
			t.Errorf("accepted:\n%s", text)
			return
		}
		for _, part := range append(parts, dir) {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q is not in %q", part, err)
			}
		}
		if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "hush") {
			t.Errorf("not one line, or not discreet: %q", err)
		}
	}
	const section = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n  "

	// The file as a whole.
	for _, text := range []string{"", "# nothing\n", "{}", "tls_server_config: {}\n", "tls_server_config:\nhttp_server_config:\n"} {
		if c := good(text); c.TLS != nil || c.Users != nil || c.Headers != nil || c.PerSecond != 0 {
			t.Errorf("%q: %+v", text, c)
		}
	}
	bad("nonsense", "line 1", "wrong kind")
	bad("tls_server_config: {cert_file: [", "line 1")
	bad("tls_config: {}", "line 1", "unknown key tls_config")
	bad("basic_auth_userz: {}", "line 1", "unknown key basic_auth_userz; did you mean basic_auth_users?")
	bad("basic_auth_users: {}\nbasic_auth_users: {}", "line 2", "already defined")
	bad("{}\n---\n{}", "more than one YAML document")

	// Certificate and key: in files relative to this one, or inline.
	if c := good(section); c.TLS == nil {
		t.Error("no TLS")
	}
	good("tls_server_config: {cert_file: " + dir + "/cert.pem, key_file: " + dir + "/key.pem}")
	good("tls_server_config:\n  cert: " + indent(pair.Cert) + "\n  key: " + indent(pair.Key))
	good("tls_server_config:\n  cert_file: cert.pem\n  key: " + indent(pair.Key))
	bad("tls_server_config: {key_file: key.pem}", "missing one of cert or cert_file")
	bad("tls_server_config: {cert_file: cert.pem}", "missing one of key or key_file")
	bad("tls_server_config: {cert_file: '', key_file: key.pem}", "missing one of cert or cert_file")
	bad("tls_server_config: {client_auth_type: RequireAnyClientCert}", "missing one of cert or cert_file")
	bad("tls_server_config: {min_version: TLS13}", "missing one of cert or cert_file")
	bad("tls_server_config: {cert_file: none.pem, key_file: key.pem}", "cert_file", "none.pem: no such file")
	bad("tls_server_config: {cert_file: cert.pem, key_file: none.pem}", "key_file", "none.pem: no such file")
	bad("tls_server_config: {cert_file: cert.pem, key_file: other.pem}", "other.pem", "does not match")
	bad("tls_server_config: {cert_file: cert.pem, key_file: empty.pem}", "empty.pem", "PEM")
	bad(section+"cert: x", "cert and cert_file are both set; remove one")
	bad(section+"key: hush", "key and key_file are both set; remove one")
	bad(section+"key_fle: x", "line 4", "unknown key key_fle; did you mean key_file?")
	bad(section+"key: [hush]", "line 4", "wrong kind")

	// Certificates of clients.
	for _, name := range []string{"NoClientCert", "RequestClientCert", "RequireClientCert", "RequireAnyClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"} {
		good(section + "client_auth_type: " + name)
	}
	bad(section+"client_auth_type: Sometimes", "client_auth_type", `"Sometimes"`, "RequireAndVerifyClientCert")
	good(section + "client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem")
	good(section + "client_auth_type: VerifyClientCertIfGiven\n  client_ca: " + indent(ca.PEM))
	bad(section+"client_ca_file: ca.pem", "client_auth_type")
	bad(section+"client_ca: "+indent(ca.PEM), "client_auth_type")
	bad(section+"client_auth_type: NoClientCert\n  client_ca_file: ca.pem", "client_auth_type")
	bad(section+"client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: none.pem", "none.pem: no such file")
	bad(section+"client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: empty.pem", "empty.pem", "no certificate")
	bad(section+"client_auth_type: RequireAndVerifyClientCert\n  client_ca: x", "no certificate")
	bad(section+"client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  client_ca: x", "both set")
	good(section + "client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: [a.example.com]")
	good(section + "client_auth_type: RequireAnyClientCert\n  client_allowed_sans: [a.example.com]")
	for _, name := range []string{"NoClientCert", "RequestClientCert", "VerifyClientCertIfGiven", "''"} {
		bad(section+"client_auth_type: "+name+"\n  client_allowed_sans: [a.example.com]", "client_allowed_sans needs")
	}

	// Versions, ciphers, curves.
	for name := range versions {
		good(section + "min_version: " + name + "\n  max_version: " + name)
	}
	bad(section+"min_version: TLS14", "min_version", `"TLS14"`, "TLS13")
	bad(section+"max_version: SSL30", "max_version", `"SSL30"`)
	bad(section+"min_version: TLS13\n  max_version: TLS12", "TLS13", "TLS12", "no client")
	good(section + "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]")
	bad(section+"cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]", "TLS_RSA_WITH_RC4_128_SHA", "TLS_AES_128_GCM_SHA256")
	bad(section+"cipher_suites: [TLS_INVENTED]", "TLS_INVENTED")
	good(section + "prefer_server_cipher_suites: false")
	bad(section+"prefer_server_cipher_suites: perhaps", "line 4")
	good(section + "curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]")
	bad(section+"curve_preferences: [CurveP257]", "CurveP257", "X25519")

	// HTTP.
	good("http_server_config: {http2: true}")
	good("http_server_config: {http2: false}")
	bad("http_server_config: {http3: true}", "unknown key http3")
	c := good("http_server_config:\n  headers:\n    Content-Security-Policy: default-src 'self'\n    X-Frame-Options: deny\n" +
		"    X-Content-Type-Options: nosniff\n    X-XSS-Protection: ''\n    Strict-Transport-Security: max-age=31536000\n")
	if want := "[{Content-Security-Policy default-src 'self'} {X-Frame-Options deny} {X-Content-Type-Options nosniff} {Strict-Transport-Security max-age=31536000}]"; fmt.Sprint(c.Headers) != want {
		t.Errorf("headers %v", c.Headers)
	}
	good("http_server_config: {headers: {X-Frame-Options: sameorigin}}")
	bad("http_server_config: {headers: {X-Frame-Options: allow}}", "X-Frame-Options", "deny or sameorigin")
	bad("http_server_config: {headers: {X-Content-Type-Options: sniff}}", "X-Content-Type-Options", "nosniff")
	bad("http_server_config: {headers: {Server: x, Date: y}}", `"Date"`, "Strict-Transport-Security")
	bad(`http_server_config: {headers: {X-XSS-Protection: "1\r\nServer: x"}}`, "X-XSS-Protection", "one line")

	// Users.
	if c := good("basic_auth_users: {alice: " + hash + "}"); c.Users == nil || c.TLS != nil {
		t.Errorf("users without TLS: %+v", c)
	}
	bad("basic_auth_users: {alice: hush}", "basic_auth_users", `"alice"`, "htpasswd")
	bad("basic_auth_users: {alice: [hush]}", "line 1", "wrong kind")
	bad("basic_auth_users: [alice]", "line 1", "wrong kind")

	// Rate limit.
	if c := good("rate_limit: {interval: 10ms, burst: 20}"); c.PerSecond != 100 || c.Burst != 20 {
		t.Errorf("%+v", c)
	}
	if c := good("rate_limit: {interval: 0, burst: 20}"); c.PerSecond != 0 {
		t.Errorf("%+v", c)
	}
	if c := good("rate_limit: {interval: 0s}"); c.PerSecond != 0 {
		t.Errorf("%+v", c)
	}
	bad("rate_limit: {interval: 1s}", "burst", "at least 1")
	bad("rate_limit: {interval: 1s, burst: -1}", "burst", "at least 1")
	bad("rate_limit: {interval: -1s, burst: 1}", "interval", "10ms")
	bad("rate_limit: {interval: soon, burst: 1}", "interval", "10ms")
	bad("rate_limit: {interval: 10, burst: 1}", "interval", "10ms")
	bad("rate_limit: {interval: 1s, burst: many}", "line 1", "wrong kind")
	bad("rate_limit: {interval: 1s, burst: 1, per_client: true}", "unknown key per_client")

	if _, err := Load(filepath.Join(dir, "none.yml")); err == nil || !strings.Contains(err.Error(), "none.yml: no such file") {
		t.Errorf("no file: %v", err)
	}
}

// shake lets a client and a server with these settings meet, and exchange a
// byte, without which TLS 1.3 leaves a client in the belief that it is welcome.
func shake(t *testing.T, server, client *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() {
		s, err := l.Accept()
		if err == nil {
			_, err = s.Write([]byte("x"))
			s.Close()
		}
		served <- err
	}()
	b, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	c := tls.Client(b, client)
	_, err = io.ReadFull(c, make([]byte, 1))
	b.Close()
	if serr := <-served; err == nil && serr != nil {
		t.Errorf("the client was served, the server says %v", serr)
	}
	return c.ConnectionState(), err
}

func current(t *testing.T, c *Config) *tls.Config {
	t.Helper()
	got, err := c.TLS.Current()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestWhoComesIn has a real handshake for each rule about clients.
func TestWhoComesIn(t *testing.T) {
	t.Parallel()
	ca, stranger := certtest.NewCA(t), certtest.NewCA(t)
	pair := ca.Issue("localhost")
	dir := t.TempDir()
	certtest.Write(t, dir, map[string]string{"cert.pem": pair.Cert, "key.pem": pair.Key, "ca.pem": ca.PEM})
	f := func(rules string, comesIn bool, change func(*tls.Config)) tls.ConnectionState {
		t.Helper()
		c, err := parse([]byte("tls_server_config: {cert_file: cert.pem, key_file: key.pem"+rules+"}"), dir)
		if err != nil {
			t.Fatal(err)
		}
		client := &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost", NextProtos: []string{"h2", "http/1.1"}}
		if change != nil {
			change(client)
		}
		state, err := shake(t, current(t, c), client)
		if (err == nil) != comesIn {
			t.Errorf("%s: %v", rules, err)
		}
		return state
	}
	with := func(p certtest.Pair) func(*tls.Config) {
		return func(c *tls.Config) {
			// Whatever the server says which authorities it takes.
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { p := p.TLS(t); return &p, nil }
		}
	}
	if state := f("", true, nil); state.Version != tls.VersionTLS13 || state.NegotiatedProtocol != "http/1.1" {
		t.Errorf("version %x, protocol %q", state.Version, state.NegotiatedProtocol)
	}
	f("", false, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 })
	f("", true, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 })
	f(", min_version: TLS13", false, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 })
	f(", max_version: TLS12", false, func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 })
	f(", curve_preferences: [CurveP521]", false, func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP384} })
	f(", curve_preferences: [CurveP521]", true, func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP384, tls.CurveP521} })
	only := func(c *tls.Config) {
		c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	}
	f(", cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]", false, only)
	f(", cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]", true, only)

	const verify = ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem"
	f(verify, false, nil)
	f(verify, true, with(ca.Issue("a.example.com")))
	f(verify, false, with(stranger.Issue("a.example.com")))
	f(", client_auth_type: RequireAnyClientCert", false, nil)
	f(", client_auth_type: RequireAnyClientCert", true, with(stranger.Issue("a.example.com")))
	f(", client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.pem", true, nil)
	f(", client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.pem", false, with(stranger.Issue("a")))
	f(", client_auth_type: RequestClientCert", true, with(stranger.Issue("a")))

	names := verify + ", client_allowed_sans: [a.example.com, 192.0.2.7, ops@example.com, 'spiffe://example.com/am']"
	f(names, true, with(ca.Issue("a.example.com")))
	f(names, true, with(ca.Issue("b.example.com", "192.0.2.7")))
	f(names, true, with(ca.Issue("ops@example.com")))
	f(names, true, with(ca.Issue("spiffe://example.com/am")))
	f(names, false, with(ca.Issue("b.example.com")))
	f(names, false, with(ca.Issue("A.example.com"))) // an exact match, says the format
	f(names, false, with(ca.Issue()))                // its common name does not count
	f(names, false, with(stranger.Issue("a.example.com")))
	f(verify+", client_allowed_sans: []", false, with(ca.Issue("a.example.com")))
}

// A session that was let in once is resumed without a certificate being sent
// again; the names are looked at all the same.
func TestResumedSessionsAreChecked(t *testing.T) {
	t.Parallel()
	ca := certtest.NewCA(t)
	pair := ca.Issue("localhost")
	s := &tlsSection{Cert: pair.Cert, Key: pair.Key, ClientCA: ca.PEM, ClientAuth: "RequireAndVerifyClientCert", AllowedSANs: &[]string{"a"}, MaxVersion: "TLS12"}
	made, err := newTLS(*s, ".")
	if err != nil {
		t.Fatal(err)
	}
	allowed := *made.section.AllowedSANs
	mine := ca.Issue("a").TLS(t)
	client := &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost", Certificates: []tls.Certificate{mine}, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	cfg, _ := made.Current()
	for i := range 2 {
		state, err := shake(t, cfg, client)
		if err != nil || state.DidResume != (i == 1) {
			t.Fatalf("%d: %v, resumed %v", i, err, state.DidResume)
		}
	}
	allowed[0] = "b"
	if _, err := shake(t, cfg, client); err == nil {
		t.Error("resumed with a name that is not allowed any more")
	}
}

// TestCertificatesAreReadAgain: what cert-manager or a person puts in its place is
// used without a restart, and what cannot be used leaves the old one in place.
func TestCertificatesAreReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := certtest.NewCA(t), certtest.NewCA(t)
	put := func(p certtest.Pair) {
		certtest.Write(t, dir, map[string]string{"cert.pem": p.Cert, "key.pem": p.Key})
	}
	put(first.Issue("localhost"))
	c, err := parse([]byte("tls_server_config: {cert_file: cert.pem, key_file: key.pem}"), dir)
	if err != nil {
		t.Fatal(err)
	}
	seenBy := func(ca *certtest.CA) bool {
		t.Helper()
		cfg, _ := c.TLS.Current()
		_, err := shake(t, cfg, &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost"})
		return err == nil
	}
	put(second.Issue("localhost"))
	if !seenBy(first) {
		t.Error("looked at the files for every connection")
	}
	c.TLS.every = 0
	if !seenBy(second) || seenBy(first) {
		t.Error("the new certificate is not used")
	}
	half := first.Issue("localhost")
	certtest.Write(t, dir, map[string]string{"cert.pem": half.Cert})
	if _, err := c.TLS.Current(); err == nil || !strings.Contains(err.Error(), "cert.pem") {
		t.Errorf("a certificate without its key: %v", err)
	}
	if _, err := c.TLS.Current(); err != nil {
		t.Errorf("said more than once: %v", err)
	}
	if !seenBy(second) {
		t.Error("the old certificate is gone before the new one is complete")
	}
	certtest.Write(t, dir, map[string]string{"key.pem": half.Key})
	if !seenBy(first) {
		t.Error("the complete one is not used")
	}
	if err := os.Remove(filepath.Join(dir, "cert.pem")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.TLS.Current(); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a file that is gone: %v", err)
	}
	if !seenBy(first) {
		t.Error("gone with its file")
	}
}
