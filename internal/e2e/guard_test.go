package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"stormdrain/internal/certtest"
)

// TestGuarded takes the built program from an open port to one with tokens,
// signatures and client certificates, by SIGHUP alone, and changes a token on
// the way. What was taken in is there at the end, and nothing else.
func TestGuarded(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) { certtest.Write(t, dir, map[string]string{name: text}) }
	write("stormdrain.yml", "log: {access: true}\n")
	write("token", "first-token\n")
	write("hmac", "hmac-secret\n")
	p := startProgram(t, "--config.file="+filepath.Join(dir, "stormdrain.yml"))
	c := p.client()
	reload := func(says string) {
		t.Helper()
		before := strings.Count(p.run.stderr.String(), says)
		if err := p.run.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		eventually(t, startLimit, func() string {
			if strings.Count(p.run.stderr.String(), says) > before {
				return ""
			}
			return "no " + says + " in the log\n" + p.run.stderr.tail()
		})
	}
	code := func(want int, header ...string) {
		t.Helper()
		if got := c.do("GET", "/metrics", nil, header...); got.code != want {
			t.Errorf("%v: %d %s, want %d", header, got.code, got.body, want)
		}
	}
	first, second := []string{"Authorization", "Bearer first-token"}, []string{"Authorization", "Bearer second-token"}
	c.deliver("/webhook", "open", loadBody(0), 100)

	write("stormdrain.yml", "auth: {bearer_token_file: "+dir+"/token, hmac_secret_file: "+dir+"/hmac}\nrate_limit: {requests_per_second: 10000}\n")
	reload("reload: changed, and in effect")
	code(401)
	code(200, first...)
	if got := c.do("POST", "/webhook", loadBody(0)); got.code != 401 || got.header.Get("WWW-Authenticate") == "" {
		t.Errorf("without credentials: %d %v", got.code, got.header)
	}
	c.deliver("/webhook", "token", loadBody(0), 100, first...)
	now := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte("hmac-secret"))
	mac.Write(append([]byte(now+":"), loadBody(0)...))
	c.deliver("/webhook", "signed", loadBody(0), 100,
		"X-Grafana-Alerting-Signature", hex.EncodeToString(mac.Sum(nil)), "X-Grafana-Alerting-Timestamp", now)
	if got := c.do("GET", "/-/ready", nil); got.code != 200 {
		t.Errorf("ready: %d", got.code)
	}

	write("token", "first-token\nsecond-token\n")
	reload("no setting has changed")
	code(200, first...)
	code(200, second...)
	write("token", "second-token\n")
	reload("no setting has changed")
	code(401, first...)
	code(200, second...)
	write("token", "")
	reload("auth.bearer_token_file: ")
	code(200, second...)
	write("token", "second-token\n")

	ca := certtest.NewCA(t)
	pair := ca.Issue("127.0.0.1")
	certtest.Write(t, dir, map[string]string{"cert.pem": pair.Cert, "key.pem": pair.Key, "ca.pem": ca.PEM,
		"web.yml": "tls_server_config: {cert_file: cert.pem, key_file: key.pem, client_auth_type: RequireAndVerifyClientCert, " +
			"client_ca_file: ca.pem, client_allowed_sans: [alertmanager.example.com]}\n"})
	plain := c
	write("stormdrain.yml", "auth: {bearer_token_file: "+dir+"/token, hmac_secret_file: "+dir+"/hmac}\n")
	p.restartWith("--config.file="+filepath.Join(dir, "stormdrain.yml"), "--web.config.file="+filepath.Join(dir, "web.yml"))
	mine := ca.Issue("alertmanager.example.com").TLS(t)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool(), Certificates: []tls.Certificate{mine}}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	c = &client{t: t, base: "https://" + p.addr, http: &http.Client{Transport: transport, Timeout: time.Minute}}
	eventually(t, startLimit, func() string {
		resp, err := c.http.Get(c.base + "/-/ready")
		if err != nil {
			return err.Error()
		}
		resp.Body.Close()
		return map[bool]string{false: resp.Status}[resp.StatusCode == 200]
	})
	c.deliver("/webhook", "tls", loadBody(0), 100, second...)
	code(401)
	if got := plain.do("GET", "/-/ready", nil); got.code != 400 || !strings.Contains(got.body, "https://") {
		t.Errorf("plain HTTP: %d %s", got.code, got.body)
	}
	stranger := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}, DisableKeepAlives: true}}
	if resp, err := stranger.Get(c.base + "/-/ready"); err == nil {
		t.Errorf("without a certificate: %s", resp.Status)
		resp.Body.Close()
	}
	eventually(t, startLimit, func() string {
		got := c.do("GET", "/api/v1/events?limit=10000", nil, append(second, "Accept-Encoding", "identity")...)
		if n := strings.Count(got.body, `"receivedAt"`); n != 400 {
			return strconv.Itoa(n) + " events, want 400"
		}
		return ""
	})
	for _, secret := range []string{"first-token", "second-token", "hmac-secret"} {
		if strings.Contains(p.run.stderr.String(), secret) {
			t.Errorf("%s is in the log", secret)
		}
	}
	if code := p.terminate(startLimit); code != 0 {
		t.Errorf("exit status %d", code)
	}
}

// restartWith ends the program and runs it with other flags on the same port,
// which is TLS from then on: it waits for nothing.
func (p *program) restartWith(flags ...string) {
	p.t.Helper()
	if code := p.terminate(startLimit); code != 0 {
		p.t.Errorf("exit status %d", code)
	}
	p.flags = flags
	p.spawn()
}
